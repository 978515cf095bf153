/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* ZooKeeper: messages with a length and a number, which the response has too, with an error. Events have the number -1. */
#ifndef SEISMO_PROTOCOL_ZOOKEEPER_H
#define SEISMO_PROTOCOL_ZOOKEEPER_H

#include "protocol/flow.h"

#define ZOOKEEPER_LEN_MAX  (64U << 20)
#define ZOOKEEPER_PASSWORD 16
#define ZOOKEEPER_CONNECT  28 /* bytes before the password */
#define ZOOKEEPER_EVENT	   (~0U)
#define ZOOKEEPER_NOTED	   (1U << 31)
#define ZOOKEEPER_EXISTS   3
#define ZOOKEEPER_KINDS	   31 /* of requests that are about a node, or are pings */
#define ZOOKEEPER_NO_NODE  ((u32)(-101))
#define ZOOKEEPER_HEAD	   20 /* bytes of a response up to its error */

/* A session begins with the version, 0, what the client has seen, how long it may be silent, and a password. */
static inline u32 zookeeper_is_first(const u8 *head, u32 avail, u32 total)
{
	u32 len = be32_at(head);

	return avail >= 20 && len + 4 == total && !be32_at(head + 4) && be32_at(head + 16) &&
	       be32_at(head + 16) <= 0x7fffffff &&
	       (len - ZOOKEEPER_CONNECT == ZOOKEEPER_PASSWORD ||
		len - ZOOKEEPER_CONNECT == ZOOKEEPER_PASSWORD + 1 || len == ZOOKEEPER_CONNECT);
}

/* One request: a ping, or one that begins with a path. */
static inline u32 zookeeper_is_late(const u8 *head, u32 avail, u32 total)
{
	u32 len = be32_at(head), kind = be32_at(head + 8), path = be32_at(head + 12);

	if (avail < 12 || len + 4 != total)
		return 0;
	if (kind == 11)
		return len == 8 && be32_at(head + 4) == (u32)-2;
	return avail >= 17 && be32_at(head + 4) && kind - 1 < ZOOKEEPER_KINDS && path &&
	       path <= len - 12 && head[16] == '/';
}

/* A session that has not begun again has an interval of 0. */
static inline u32 zookeeper_session(struct flow *f, const u8 *head, u32 len, u32 is_request,
				    struct found *ret)
{
	if (be32_at(head + 4) || len < 16)
		return found(ret, FOUND_DESYNC, 0);
	f->begun = 1;
	f->skip = len - 8;
	ret->number = ZOOKEEPER_EVENT;
	ret->kind = is_request ? FOUND_NUMBERED_REQUEST : FOUND_NUMBERED_RESPONSE;
	ret->status = be32_at(head + 8) ? STATUS_OK : STATUS_ERROR;
	return 12;
}

static inline u32 zookeeper_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
				 struct found *ret)
{
	u32 len = be32_at(head), id = be32_at(head + 4), error = be32_at(head + 16);

	if (f->line) { /* the request is known */
		if (avail < ZOOKEEPER_HEAD - 8)
			return 0;
		error = be32_at(head + 8);
		f->line = 0;
		f->skip = f->rest - (ZOOKEEPER_HEAD - 8);
		ret->kind = FOUND_NUMBERED_RESPONSE;
		ret->number = f->last;
		ret->status = !error || (error == ZOOKEEPER_NO_NODE &&
					 f->note == (ZOOKEEPER_NOTED | ZOOKEEPER_EXISTS))
				      ? STATUS_OK
				      : STATUS_ERROR;
		return ZOOKEEPER_HEAD - 8;
	}
	if (avail < 12)
		return 0;
	if (len < 8 || len > ZOOKEEPER_LEN_MAX)
		return found(ret, FOUND_DESYNC, 0);
	if (!f->begun && (!id || (is_request && be32_at(head + 8) - 1 >= ZOOKEEPER_KINDS)))
		return zookeeper_session(f, head, len, is_request, ret);
	f->begun = 1; /* or it had, before the connection was seen */
	ret->number = id;
	if (is_request) {
		ret->kind = FOUND_NUMBERED_REQUEST;
		ret->note = ZOOKEEPER_NOTED | be32_at(head + 8);
		f->skip = len - 8;
		return 12;
	}
	if (len < ZOOKEEPER_HEAD - 4)
		return found(ret, FOUND_DESYNC, 0);
	f->skip = len - 4;
	if (id == ZOOKEEPER_EVENT)
		return 8;
	f->skip = 0;
	f->line = 1;
	f->rest = len - 4;
	f->last = id;
	return found(ret, FOUND_NUMBERED_BEGUN, 8);
}

#endif
