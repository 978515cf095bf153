/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* PostgreSQL: messages with a type letter and a length; the first of a connection has no letter. */
#ifndef SEISMO_PROTOCOL_POSTGRESQL_H
#define SEISMO_PROTOCOL_POSTGRESQL_H

#include "protocol/flow.h"

#define POSTGRESQL_SSL	   80877103
#define POSTGRESQL_GSS	   80877104
#define POSTGRESQL_CANCEL  80877102
#define POSTGRESQL_VERSION 3

static inline u32 postgresql_first(struct stream *s, const u8 *head, u32 avail, struct found *ret)
{
	u32 len, code;

	if (avail < 8)
		return 0;
	len = be32_at(head);
	code = be32_at(head + 4);
	if (len < 8 || len > 10000 ||
	    (code >> 16 != POSTGRESQL_VERSION &&
	     (code < POSTGRESQL_CANCEL || code > POSTGRESQL_GSS)))
		return found(ret, FOUND_DESYNC, 0);
	if (code == POSTGRESQL_SSL || code == POSTGRESQL_GSS)
		s->flow[FLOW_RESPONSE].skip = 1; /* the response is one letter */
	s->flow[FLOW_REQUEST].skip = len - 8;
	return 8;
}

/*
 * Notices, notifications and changed parameters come unasked. A replication stream ("copy both") is no response that one
 * waits for.
 */
static inline void postgresql_response(struct flow *f, u32 type, struct found *ret)
{
	f->begun |= type != 'N' && type != 'A' && type != 'S';
	if (type == 'E')
		f->status = STATUS_ERROR;
	if (type != 'Z' && type != 'W')
		return;
	ret->kind = FOUND_RESPONSE;
	ret->status = f->status == STATUS_ERROR ? STATUS_ERROR : STATUS_OK;
	f->status = STATUS_OK;
	f->begun = 0;
}

static inline u32 postgresql_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
				  struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 type = head[0], len;

	if (is_request && !type)
		return postgresql_first(s, head, avail, ret);
	if (avail < 5)
		return is_request && type == 0x16 && avail > 1 && head[1] == 3
			       ? found(ret, FOUND_PROTOCOL, 0)
			       : 0;
	len = be32_at(head + 1);
	if (is_request && type == 0x16 && head[1] == 3)
		return found(ret, FOUND_PROTOCOL, 0);
	if (len < 4 || len > 0x40000000)
		return found(ret, FOUND_DESYNC, 0);
	f->skip = len - 4;
	if (is_request) {
		if (type == 'Q' || type == 'S' || type == 'F')
			ret->kind = FOUND_REQUEST;
	} else {
		postgresql_response(f, type, ret);
	}
	return 5;
}

#endif
