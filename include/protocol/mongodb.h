/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* MongoDB: messages with a length and a number, to which the response refers. Whether all went well is an element of its document. */
#ifndef SEISMO_PROTOCOL_MONGODB_H
#define SEISMO_PROTOCOL_MONGODB_H

#include "protocol/flow.h"

enum mongodb_op {
	MONGODB_REPLY = 1,
	MONGODB_UPDATE = 2001, /* this one and those below that are not answered: before 2013 */
	MONGODB_INSERT = 2002,
	MONGODB_QUERY = 2004,
	MONGODB_GET_MORE = 2005,
	MONGODB_DELETE = 2006,
	MONGODB_KILL_CURSORS = 2007,
	MONGODB_COMPRESSED = 2012,
	MONGODB_MSG = 2013,
};

#define MONGODB_HEAD	    16
#define MONGODB_LEN_MAX	    (64 << 20)
#define MONGODB_MORE	    2	      /* no response; or further ones follow */
#define MONGODB_EXHAUST	    (1 << 16) /* further ones may follow: the client waits for changes */
#define MONGODB_FLAGS	    (1 | MONGODB_MORE | MONGODB_EXHAUST)
#define MONGODB_QUERY_FAILS 2

static inline u32 mongodb_is_request(u32 op)
{
	return (op >= MONGODB_UPDATE && op <= MONGODB_KILL_CURSORS) || op == MONGODB_COMPRESSED ||
	       op == MONGODB_MSG;
}

/* A question of the old kind, or a message; as it is or compressed. */
static inline u32 mongodb_is_first(const u8 *head, u32 avail, u32 total)
{
	u32 op = le32_at(head + 12), flags = le32_at(head + 16);

	if (avail < 20 || le32_at(head) != total || total < 26 || le32_at(head + 8))
		return 0;
	if (op == MONGODB_COMPRESSED)
		return flags == MONGODB_QUERY || flags == MONGODB_MSG;
	if (op == MONGODB_MSG)
		return !(flags & ~(u32)MONGODB_FLAGS) && (avail < 21 || head[20] < 2);
	return op == MONGODB_QUERY && flags < 256 && (avail < 21 || head[20] > ' ');
}

enum mongodb_at { MONGODB_BEGIN, MONGODB_FLAGGED, MONGODB_ELEMENT, MONGODB_LONG, MONGODB_OK };

static inline u32 mongodb_skip(struct flow *f, u32 used)
{
	f->line = MONGODB_BEGIN;
	f->skip = f->rest - used;
	return used;
}

/* A message begins with flags, and with the name of the command. Who reads on in a cursor may wait for what comes. */
static inline u32 mongodb_command(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 flags = le32_at(head), most = 17;
	u64 name = word_at(head + 9) >> 8;

	if (f->rest < most)
		most = f->rest;
	if (avail < most)
		return 0;
	if (most < 5)
		return found(ret, FOUND_DESYNC, 0);
	ret->number = f->last;
	if (!(flags & MONGODB_MORE))
		ret->kind = flags & MONGODB_EXHAUST ||
					    (most == 17 && name == SCRIPT_WORD('g', 'e', 't', 'M',
									       'o', 'r', 'e', 0))
				    ? FOUND_NUMBERED_BLOCKING
				    : FOUND_NUMBERED_REQUEST;
	return mongodb_skip(f, 5);
}

static inline u32 mongodb_answer(struct flow *f, u32 status, u32 used, struct found *ret)
{
	ret->kind = FOUND_NUMBERED_RESPONSE;
	ret->number = f->last;
	ret->status = status;
	return mongodb_skip(f, used);
}

/* The bytes of a value of the type; 4: it begins with its length, or is as long as that. ~0: it is not known. */
static inline u32 mongodb_value_len(u32 type)
{
	switch (type) {
	case 0x01: /* double */
	case 0x09: /* date */
	case 0x11: /* time stamp */
	case 0x12: /* 64 bits */
		return 8;
	case 0x07: /* number of an object */
		return 12;
	case 0x08: /* yes or no */
		return 1;
	case 0x10: /* 32 bits */
	case 0x02: /* string */
	case 0x03: /* document */
	case 0x04: /* array */
	case 0x05: /* bytes */
		return 4;
	case 0x13: /* decimal */
		return 16;
	case 0x0a: /* null */
		return 0;
	}
	return ~0U;
}

static inline u32 mongodb_has_length(u32 type)
{
	return type >= 0x02 && type <= 0x05;
}

/* The type of an element and its name. */
static inline u32 mongodb_element(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 type = head[0], end = forget(ret, byte_find(head, avail, 0)), len;
	u64 name = word_at(head + 1);

	if (!type)
		return mongodb_answer(f, f->status ? f->status : STATUS_UNKNOWN, 1, ret);
	if (end >= avail && avail < PROTOCOL_CARRY && avail < f->rest)
		return 0;
	len = mongodb_value_len(type);
	if (end >= avail || len > f->rest || end + 1 >= f->rest - len) /* it ends with a zero */
		return mongodb_answer(f, f->status ? f->status : STATUS_UNKNOWN, 1, ret);
	end++;
	f->rest -= end;
	f->named = type;
	if (end == 4 && (name & 0xffff) == ('o' | 'k' << 8)) {
		f->line = MONGODB_OK;
		return end;
	}
	if (name == SCRIPT_WORD('w', 'r', 'i', 't', 'e', 'E', 'r', 'r') ||
	    name == SCRIPT_WORD('w', 'r', 'i', 't', 'e', 'C', 'o', 'n'))
		f->status = STATUS_ERROR;
	if (mongodb_has_length(type)) {
		f->line = MONGODB_LONG;
		return end;
	}
	f->skip = len;
	f->rest -= len;
	return end;
}

static inline u32 mongodb_long(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 len = le32_at(head);

	if (avail < 4)
		return 0;
	if (f->named == 0x05)
		len++;
	if (f->named == 0x03 || f->named == 0x04) /* its length is part of it */
		len -= 4;
	f->rest -= 4;
	if (len >= f->rest) {
		f->rest += 4;
		return mongodb_answer(f, STATUS_UNKNOWN, 4, ret);
	}
	f->rest -= len;
	f->skip = len;
	f->line = MONGODB_ELEMENT;
	return 4;
}

static inline u32 mongodb_ok(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 len = mongodb_value_len(f->named);
	u64 value = word_at(head);

	if (len > 8)
		len = 8;
	if (avail < len)
		return 0;
	if (len < 8)
		value &= (1ULL << 8 * len) - 1;
	return mongodb_answer(f, value && f->status != STATUS_ERROR ? STATUS_OK : STATUS_ERROR,
			      len ? len : 1, ret);
}

/* Behind its head, a message has flags and a document. */
static inline u32 mongodb_document(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	if (f->line == MONGODB_ELEMENT)
		return mongodb_element(f, head, avail, ret);
	if (f->line == MONGODB_LONG)
		return mongodb_long(f, head, avail, ret);
	if (f->line == MONGODB_OK)
		return mongodb_ok(f, head, avail, ret);
	if (avail < 9 && avail < f->rest)
		return 0;
	if (f->rest <= 9 || head[4])
		return mongodb_answer(f, STATUS_UNKNOWN, 1, ret);
	f->rest -= 9;
	f->line = MONGODB_ELEMENT;
	f->status = 0;
	return 9;
}

static inline u32 mongodb_response(struct flow *f, const u8 *head, u32 len, struct found *ret)
{
	u32 op = le32_at(head + 12);

	ret->number = f->last = le32_at(head + 8);
	if (op == MONGODB_MSG && f->rest) {
		f->line = MONGODB_FLAGGED;
		return found(ret, FOUND_NUMBERED_BEGUN, MONGODB_HEAD);
	}
	if (op != MONGODB_REPLY && op != MONGODB_COMPRESSED)
		return found(ret, FOUND_DESYNC, 0);
	f->skip = f->rest;
	ret->kind = FOUND_NUMBERED_RESPONSE;
	if (op == MONGODB_REPLY && len >= MONGODB_HEAD + 4)
		ret->status = head[16] & MONGODB_QUERY_FAILS ? STATUS_ERROR : STATUS_OK;
	return MONGODB_HEAD;
}

static inline u32 mongodb_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			       struct found *ret)
{
	u32 len = le32_at(head), op = le32_at(head + 12);

	if (f->line)
		return is_request ? mongodb_command(f, head, avail, ret)
				  : mongodb_document(f, head, avail, ret);
	if (avail < MONGODB_HEAD + 4 && avail < (len < MONGODB_HEAD ? MONGODB_HEAD : len))
		return 0;
	if (len < MONGODB_HEAD || len > MONGODB_LEN_MAX)
		return found(ret, FOUND_DESYNC, 0);
	f->rest = len - MONGODB_HEAD;
	if (!is_request)
		return mongodb_response(f, head, len, ret);
	if (!mongodb_is_request(op))
		return found(ret, FOUND_DESYNC, 0);
	f->last = ret->number = le32_at(head + 4);
	if (op == MONGODB_MSG && f->rest) {
		f->line = MONGODB_FLAGGED;
		return MONGODB_HEAD;
	}
	f->skip = f->rest;
	if (op == MONGODB_QUERY || op == MONGODB_GET_MORE)
		ret->kind = FOUND_NUMBERED_REQUEST;
	else if (op == MONGODB_COMPRESSED) /* it may be one that waits, or that is not answered */
		ret->kind = FOUND_NUMBERED_BLOCKING;
	return MONGODB_HEAD;
}

#endif
