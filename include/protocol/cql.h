/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Cassandra's CQL, versions 3 to 5: messages with a number, which the response has too. From version 5 on they are sent in frames
 * once both sides know each other.
 */
#ifndef SEISMO_PROTOCOL_CQL_H
#define SEISMO_PROTOCOL_CQL_H

#include "protocol/flow.h"

enum cql_op {
	CQL_ERROR = 0x00,
	CQL_STARTUP = 0x01,
	CQL_READY = 0x02,
	CQL_AUTHENTICATE = 0x03,
	CQL_OPTIONS = 0x05,
	CQL_EVENT = 0x0c,
	CQL_OP_MAX = 0x10,
};

#define CQL_BIT(op) (1U << (op))
/* STARTUP, OPTIONS, QUERY, PREPARE, EXECUTE, REGISTER, BATCH, AUTH_RESPONSE */
#define CQL_REQUESTS                                                                     \
	(CQL_BIT(0x01) | CQL_BIT(0x05) | CQL_BIT(0x07) | CQL_BIT(0x09) | CQL_BIT(0x0a) | \
	 CQL_BIT(0x0b) | CQL_BIT(0x0d) | CQL_BIT(0x0f))
/* ERROR, READY, AUTHENTICATE, SUPPORTED, RESULT, EVENT, AUTH_CHALLENGE, AUTH_SUCCESS */
#define CQL_RESPONSES                                                                    \
	(CQL_BIT(0x00) | CQL_BIT(0x02) | CQL_BIT(0x03) | CQL_BIT(0x06) | CQL_BIT(0x08) | \
	 CQL_BIT(0x0c) | CQL_BIT(0x0e) | CQL_BIT(0x10))

#define CQL_HEAD      9
#define CQL_LEN_MAX   (512U << 20)
#define CQL_FLAGS     0x1f
#define CQL_DSE	      0x41 /* versions of a server that goes further, and the next */
#define CQL_FRAMED    5	   /* the version that has frames */
#define CQL_FRAME     6	   /* bytes of a frame's head */
#define CQL_FRAME_END 4	   /* bytes behind what is in it */
#define CQL_FRAME_LEN \
	((1U << 17) - 1) /* bits of the length in its head; the next says that it is whole */
#define CQL_FRAME_ZERO 0xfc

static inline u32 cql_is_message(const u8 *head, u32 is_request)
{
	u32 version = head[0] & 0x7f, op = head[4];

	return ((version >= 3 && version <= 5) || version == CQL_DSE || version == CQL_DSE + 1) &&
	       head[0] >> 7 == !is_request && !(head[1] & ~CQL_FLAGS) && op <= CQL_OP_MAX &&
	       (is_request ? CQL_REQUESTS : CQL_RESPONSES) >> op & 1 &&
	       be32_at(head + 5) <= CQL_LEN_MAX;
}

/* A client asks for the options, or says what it would like. */
static inline u32 cql_is_first(const u8 *head, u32 avail, u32 total)
{
	u32 len = be32_at(head + 5);

	return avail >= CQL_HEAD && cql_is_message(head, 1) && !(head[2] & 0x80) &&
	       len + CQL_HEAD == total &&
	       (head[4] == CQL_OPTIONS ? !len
				       : head[4] == CQL_STARTUP && len >= 2 &&
						 (avail < 11 || (!head[9] && head[10] < 16)));
}

static inline u32 cql_is_late(const u8 *head, u32 avail, u32 total)
{
	return avail >= CQL_HEAD && head[0] != CQL_FRAMED && cql_is_message(head, 1) &&
	       !(head[2] & 0x80) && be32_at(head + 5) + CQL_HEAD == total;
}

/*
 * The head of a frame. f->rest is what is left in it, f->note of the message in there; with what is left of the message in
 * f->last, if it goes on in the next frame. Compressed frames do not look like this.
 */
static inline u32 cql_frame(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 len = le32_at(head) & 0xffffff;

	if (avail < CQL_FRAME + 1)
		return 0;
	if (len >> 18 || !(len & CQL_FRAME_LEN))
		return found(ret, FOUND_DESYNC, 0);
	len &= CQL_FRAME_LEN;
	if (!f->last && (head[CQL_FRAME] & 0x7f) != CQL_FRAMED)
		return found(ret, FOUND_DESYNC, 0);
	f->rest = len;
	if (f->last >= len) { /* all of it is more of a message */
		f->last -= len;
		f->rest = 0;
		f->skip = len + CQL_FRAME_END;
	} else if (f->last) {
		f->rest -= f->last;
		f->skip = f->last;
		f->last = 0;
	}
	return CQL_FRAME;
}

static inline void cql_message(struct flow *f, const u8 *head, u32 is_request, struct found *ret)
{
	u32 op = head[4], stream = be16_at(head + 2);

	ret->number = stream;
	if (is_request)
		ret->kind = FOUND_NUMBERED_REQUEST;
	else if (op != CQL_EVENT && !(stream & 0x8000))
		ret->kind = FOUND_NUMBERED_RESPONSE;
	ret->status = op == CQL_ERROR ? STATUS_ERROR : STATUS_OK;
	if ((head[0] & 0x7f) == CQL_FRAMED &&
	    (is_request ? op == CQL_STARTUP : op == CQL_READY || op == CQL_AUTHENTICATE))
		f->begun = 1; /* what follows is in frames */
}

static inline u32 cql_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			   struct found *ret)
{
	u32 len = be32_at(head + 5), framed = f->begun;

	if (framed && !f->rest)
		return cql_frame(f, head, avail, ret);
	if (avail < CQL_HEAD)
		return framed && f->rest < CQL_HEAD ? found(ret, FOUND_DESYNC, 0) : 0;
	if (!cql_is_message(head, is_request) || (framed && f->rest < CQL_HEAD))
		return found(ret, FOUND_DESYNC, 0);
	cql_message(f, head, is_request, ret);
	f->skip = len;
	if (!framed)
		return CQL_HEAD;
	f->rest -= CQL_HEAD;
	if (len >= f->rest) { /* to the end of the frame, and maybe beyond */
		f->last = len - f->rest;
		f->skip = f->rest + CQL_FRAME_END;
		f->rest = 0;
	} else {
		f->rest -= len;
	}
	return CQL_HEAD;
}

#endif
