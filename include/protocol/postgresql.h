/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* PostgreSQL: messages with a type letter and a length; the first of a connection has no letter. */
#ifndef SEISMO_PROTOCOL_POSTGRESQL_H
#define SEISMO_PROTOCOL_POSTGRESQL_H

#include "protocol/flow.h"

#define POSTGRESQL_SSL	   80877103
#define POSTGRESQL_GSS	   80877104
#define POSTGRESQL_CANCEL  80877102
#define POSTGRESQL_VERSION 3

/* The start-up message, whose parameters begin with a name; or one of those with a number in place of the version. */
static inline u32 postgresql_is_first(const u8 *head, u32 avail, u32 total)
{
	u32 len = be32_at(head), code = be32_at(head + 4);

	if (avail < 8 || len != total)
		return 0;
	if (code == POSTGRESQL_SSL || code == POSTGRESQL_GSS)
		return len == 8;
	if (code == POSTGRESQL_CANCEL)
		return len >= 16 && len <= 268;
	return len > 8 && len <= 10000 && code >> 16 == POSTGRESQL_VERSION &&
	       (avail < 9 || len == 9 || head[8] == '_' || (head[8] | 0x20u) - 'a' < 26);
}

#define POSTGRESQL_PARSE_MIN 8 /* bytes of the shortest */
#define POSTGRESQL_BIND_MIN  12

/*
 * In the middle of a connection only what matches exactly counts: a query is all that is sent, other messages follow the
 * parts of an extended one.
 */
static inline u32 postgresql_is_query(const u8 *head, u32 avail, u32 total)
{
	u32 len = be32_at(head + 1), next = head[within_window(len + 1)];

	if (avail < 6 || len >= total)
		return 0;
	if (head[0] == 'Q')
		return len + 1 == total && len > 4;
	if (len + 1 == total || (len + 1 < avail && next != 'B' && next != 'D' && next != 'E' &&
				 next != 'H' && next != 'S' && next != 'P' && next != 'C'))
		return 0;
	return head[0] == 'P' ? len >= POSTGRESQL_PARSE_MIN
			      : head[0] == 'B' && len >= POSTGRESQL_BIND_MIN;
}

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
		s->flow[FLOW_RESPONSE].named = 1; /* the response is one letter, or an error */
	if (code != POSTGRESQL_CANCEL)
		ret->kind = FOUND_SETUP;
	s->flow[FLOW_REQUEST].skip = len - 8;
	return 8;
}

/*
 * What asks for an answer. Who sends parts of a query and Sync (begun), and then data for COPY, sends a second Sync behind the data
 * (named): servers do not look at the first one.
 */
static inline void postgresql_request(struct flow *f, u32 type, struct found *ret)
{
	u32 sync = type == 'S';

	if (type == 'Q' || type == 'F' || (sync && !(f->named && f->begun)))
		ret->kind = FOUND_REQUEST;
	f->named = type == 'c' || type == 'f';
	if (sync || type == 'P' || type == 'B' || type == 'E')
		f->begun = sync;
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

enum postgresql_at { POSTGRESQL_HEAD, POSTGRESQL_FIELD, POSTGRESQL_IN_FIELD };

#define POSTGRESQL_PIECE 16 /* bytes of a long field that are taken at a time */

/*
 * An error that ends the connection, be it at its begin: no ReadyForQuery follows. Its severity is in the language of the server,
 * and from version 9.6 on also in English.
 */
static inline u32 postgresql_is_fatal(const u8 *head)
{
	u64 severity = word_at(head + 1) & ~0ULL >> 16;

	return severity == SCRIPT_WORD('F', 'A', 'T', 'A', 'L', 0, 0, 0) ||
	       severity == SCRIPT_WORD('P', 'A', 'N', 'I', 'C', 0, 0, 0);
}

/* No field that matters follows. */
static inline u32 postgresql_error_end(struct flow *f, struct found *ret)
{
	if (f->within)
		ret->kind = FOUND_SETUP_FAILURE;
	f->line = POSTGRESQL_HEAD;
	f->skip = f->rest - 1;
	return 1;
}

/* The fields of an error: a letter and text. The severity, twice in newer versions, then the code. f->within: it is fatal. */
static inline u32 postgresql_error(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 end = forget(ret, byte_find(head, avail, 0)), type = head[0];

	if (avail < PROTOCOL_CARRY && avail < f->rest && end >= avail)
		return 0;
	if (f->line == POSTGRESQL_FIELD) {
		if (type == 'C' && f->rest > 2)
			ret->class = sqlstate_class(head[1], head[2]);
		if (type != 'S' && type != 'V')
			return postgresql_error_end(f, ret);
		f->within |= end == 6 && postgresql_is_fatal(head);
	}
	f->line = end < avail ? POSTGRESQL_FIELD : POSTGRESQL_IN_FIELD;
	end = end < avail ? end + 1 : POSTGRESQL_PIECE;
	if (end >= f->rest)
		return postgresql_error_end(f, ret);
	f->rest -= end;
	return end;
}

static inline u32 postgresql_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
				  struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 type = head[0], len;

	if (f->line)
		return postgresql_error(f, head, avail, ret);
	if (is_request && !type)
		return postgresql_first(s, head, avail, ret);
	if (!is_request && f->named) {
		f->named = 0;
		if (type != 'E')
			return 1;
	}
	if (avail < 5)
		return is_request && type == 0x16 && avail > 1 && head[1] == 3
			       ? found(ret, FOUND_PROTOCOL, 0)
			       : 0;
	len = be32_at(head + 1);
	if (is_request && type == 0x16 && head[1] == 3)
		return found(ret, FOUND_PROTOCOL, 0);
	if (len < 4 || len > 0x40000000 || ((type | 0x20) - 'a' > 25 && type - '1' > 2))
		return found(ret, FOUND_DESYNC, 0);
	f->skip = len - 4;
	if (is_request) {
		postgresql_request(f, type, ret);
	} else {
		postgresql_response(f, type, ret);
		if (type == 'E' && len > 4) {
			f->line = POSTGRESQL_FIELD;
			f->within = 0;
			f->rest = len - 4;
			f->skip = 0;
		}
	}
	return 5;
}

#endif
