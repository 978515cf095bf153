/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * AMQP 0.9.1: frames on channels. A channel has one method at a time that is answered; what is published, delivered and
 * acknowledged is no request. The server closes a channel, or the connection, in place of an answer, or after what is not answered.
 * Before the first request both sides agree: the server speaks second, and asks.
 */
#ifndef SEISMO_PROTOCOL_AMQP_H
#define SEISMO_PROTOCOL_AMQP_H

#include "protocol/flow.h"

#define AMQP_HEADER    8 /* bytes that a client sends first */
#define AMQP_FRAME     7 /* bytes before what is in a frame; one follows that */
#define AMQP_METHOD    1
#define AMQP_BODY      3
#define AMQP_HEARTBEAT 8
#define AMQP_SIZE_MAX  (512U << 20)
#define AMQP_SEEN      13 /* bytes up to the code of a close */
#define AMQP_SUCCESS   200
#define AMQP_TUNE_OK   31 /* with this the client has all that it needs to ask for something */

enum amqp_class {
	AMQP_CONNECTION = 10,
	AMQP_CHANNEL = 20,
	AMQP_EXCHANGE = 40,
	AMQP_QUEUE = 50,
	AMQP_BASIC = 60,
	AMQP_CONFIRM = 85,
	AMQP_TX = 90,
};

static inline u32 amqp_is_first(const u8 *head, u32 avail)
{
	return avail >= AMQP_HEADER && word_at(head) == SCRIPT_WORD('A', 'M', 'Q', 'P', 0, 0, 9, 1);
}

/* A frame, all there or with what is published behind it, that has a method of clients on an open channel; or is a heartbeat. */
static inline u32 amqp_is_late(const u8 *head, u32 avail, u32 total)
{
	u32 size = be32_at(head + 3), class = be16_at(head + 7), method = be16_at(head + 9);

	if (avail < 8 || size + 8 > total || (size < 24 && head[within_window(7 + size)] != 0xce))
		return 0;
	if (head[0] == 8)
		return !be16_at(head + 1) && !size && total == 8;
	return avail >= 11 && head[0] == 1 && be16_at(head + 1) && size >= 4 && size < 1024 &&
	       (class == AMQP_CHANNEL || class == AMQP_EXCHANGE || class == AMQP_QUEUE ||
		class == AMQP_BASIC || class == AMQP_CONFIRM || class == AMQP_TX) &&
	       method && method <= 120 && method % 10 == 0;
}

/* Methods of a class that are answered, a bit for each ten: the answer's number is one more, or two. */
static inline u32 amqp_answered(u32 class)
{
	switch (class) {
	case AMQP_CONNECTION: /* open, close, update-secret */
		return 1U << 4 | 1U << 5 | 1U << 7;
	case AMQP_CHANNEL: /* open, flow, close */
		return 1U << 1 | 1U << 2 | 1U << 4;
	case AMQP_EXCHANGE: /* declare, delete, bind, unbind, and the odd answer to that */
		return 1U << 1 | 1U << 2 | 1U << 3 | 1U << 4 | 1U << 5;
	case AMQP_QUEUE: /* declare, bind, purge, delete, unbind */
		return 1U << 1 | 1U << 2 | 1U << 3 | 1U << 4 | 1U << 5;
	case AMQP_BASIC: /* qos, consume, cancel, get, recover */
		return 1U << 1 | 1U << 2 | 1U << 3 | 1U << 7 | 1U << 11;
	case AMQP_CONFIRM: /* select */
		return 1U << 1;
	case AMQP_TX: /* select, commit, rollback */
		return 1U << 1 | 1U << 2 | 1U << 3;
	}
	return 0;
}

static inline void amqp_method(struct stream *s, const u8 *head, u32 is_request, struct found *ret)
{
	u32 class = be16_at(head + 7), method = be16_at(head + 9), close;
	u32 answered = amqp_answered(class) >> (method / 10 & 31) & 1, last = method % 10;

	if (is_request) {
		if (class == AMQP_CONNECTION && method == AMQP_TUNE_OK)
			ret->kind = FOUND_SETUP_LEFT;
		if (!answered || last)
			return;
		s->flow[FLOW_REQUEST].last = ret->number;
		ret->kind = FOUND_NUMBERED_REQUEST;
		return;
	}
	close = (class == AMQP_CONNECTION && method == 50) ||
		(class == AMQP_CHANNEL && method == 40);
	if (close && be16_at(head + 11) != AMQP_SUCCESS) {
		if (class == AMQP_CONNECTION)
			ret->number = s->flow[FLOW_REQUEST].last;
		ret->kind = FOUND_NUMBERED_FAILURE;
	} else if (answered && last) {
		ret->kind = FOUND_NUMBERED_RESPONSE;
		ret->status = STATUS_OK;
	}
}

static inline u32 amqp_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
			    struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 type = head[0], size = be32_at(head + 3);

	if (avail < AMQP_HEADER)
		return 0;
	if (le32_at(head) == PROTOCOL_WORD('A', 'M', 'Q', 'P')) {
		/* from a server: it speaks another version */
		ret->kind = is_request ? FOUND_SETUP : FOUND_NUMBERED_FAILURE;
		ret->number = 0;
		return AMQP_HEADER;
	}
	if ((!type || type > AMQP_BODY) && type != AMQP_HEARTBEAT)
		return found(ret, FOUND_DESYNC, 0);
	if (size > AMQP_SIZE_MAX)
		return found(ret, FOUND_DESYNC, 0);
	if (type == AMQP_METHOD && avail < AMQP_SEEN && avail < AMQP_FRAME + size + 1)
		return 0;
	f->skip = size + 1;
	ret->number = be16_at(head + 1);
	if (type == AMQP_METHOD && size >= 4)
		amqp_method(s, head, is_request, ret);
	return AMQP_FRAME;
}

#endif
