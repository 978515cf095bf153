/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* MySQL: packets with a length and a sequence number: 0 in a command, 1 in the first packet of its response. */
#ifndef SEISMO_PROTOCOL_MYSQL_H
#define SEISMO_PROTOCOL_MYSQL_H

#include "protocol/flow.h"

#define MYSQL_ERROR 0xff
#define MYSQL_PROGRESS \
	0xffff /* the code of an error that is none: MariaDB tells how far ALTER TABLE is */

static inline u32 mysql_has_response(u32 command)
{
	return command != 0x01 /* quit */ && command != 0x18 /* long data */ &&
	       command != 0x19 /* close statement */ &&
	       command != 0xef /* a replica acknowledges */;
}

/* The first packet of a response, but for reports of progress before it: f->named. */
static inline void mysql_response(struct flow *f, const u8 *head, u32 len, struct found *ret)
{
	u32 first = (head[3] == 1 && !f->begun) || f->named;

	f->named =
		first && head[4] == MYSQL_ERROR && len >= 3 && be16_at(head + 5) == MYSQL_PROGRESS;
	if (first && !f->named) {
		ret->kind = FOUND_RESPONSE;
		ret->status = head[4] == MYSQL_ERROR ? STATUS_ERROR : STATUS_OK;
	}
}

static inline u32 mysql_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			     struct found *ret)
{
	u32 len;

	if (avail < 4)
		return 0;
	len = le32_at(head) & 0xffffff;
	if ((len && avail < 5) || (!is_request && len >= 3 && avail < 7))
		return 0;
	if (is_request && !f->begun && head[0] == 0x16 && head[1] == 3)
		return found(ret, FOUND_PROTOCOL, 0);
	f->skip = len;
	if (is_request && !head[3]) {
		f->begun = 1;
		if (len && mysql_has_response(head[4]))
			ret->kind = FOUND_REQUEST;
	} else if (!is_request && len) {
		mysql_response(f, head, len, ret);
	}
	if (!is_request) /* a 1 that follows belongs to the same response, unless this packet ends it */
		f->begun = !head[3] && len && head[4] < 0xfe;
	return 4;
}

#endif
