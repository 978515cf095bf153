/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * MQTT: packets with a type and a length. What is acknowledged has a number. Both sides publish: what the server publishes is no
 * request, nor is what the client publishes without asking for an acknowledgement.
 */
#ifndef SEISMO_PROTOCOL_MQTT_H
#define SEISMO_PROTOCOL_MQTT_H

#include "protocol/flow.h"

enum mqtt_type {
	MQTT_CONNECT = 1,
	MQTT_CONNACK = 2,
	MQTT_PUBLISH = 3,
	MQTT_PUBACK = 4,
	MQTT_PUBREC = 5,
	MQTT_SUBSCRIBE = 8,
	MQTT_SUBACK = 9,
	MQTT_UNSUBSCRIBE = 10,
	MQTT_UNSUBACK = 11,
	MQTT_PINGREQ = 12,
	MQTT_PINGRESP = 13,
	MQTT_DISCONNECT = 14,
};

#define MQTT_BIT(type) (1U << MQTT_##type)
/* Those that have their numbers first. The second half of an exactly-once delivery (PUBREL, PUBCOMP) belongs to the first. */
#define MQTT_ASKS    (MQTT_BIT(SUBSCRIBE) | MQTT_BIT(UNSUBSCRIBE))
#define MQTT_ANSWERS (MQTT_BIT(PUBACK) | MQTT_BIT(PUBREC) | MQTT_BIT(SUBACK) | MQTT_BIT(UNSUBACK))

/* Numbers of what has none: packets have 16 bits. */
#define MQTT_SESSION (1U << 16)
#define MQTT_PING    (2U << 16)

#define MQTT_WITH_REASONS 5 /* the version, from which on acknowledgements say why not */
#define MQTT_REFUSED	  0x80
#define MQTT_SEEN	  7 /* bytes of a packet behind its length, at most */

enum mqtt_at { MQTT_HEAD, MQTT_TOPIC, MQTT_NUMBER };

/* CONNECT, with the protocol's name behind a length of one or two bytes. */
static inline u32 mqtt_is_first(const u8 *head, u32 avail)
{
	u32 two = head[1] >> 7, name = two ? be32_at(head + 3) : be32_at(head + 2);

	return avail >= 8 && head[0] == MQTT_CONNECT << 4 && !(two && head[2] & 0x80) &&
	       (name == 0x00044d51 || name == 0x00064d51); /* MQTT, MQIsdp */
}

/* One packet that asks for an acknowledgement, with a short topic that is text. */
static inline u32 mqtt_is_late(const u8 *head, u32 avail, u32 total)
{
	u32 type = head[0] >> 4, at = 2 + (head[1] >> 7);

	if (avail < 12 || (at == 3 && head[2] & 0x80) ||
	    (head[1] & 0x7f) + (at == 3 ? head[2] << 7 : 0) + at != total)
		return 0;
	if (type == MQTT_SUBSCRIBE || type == MQTT_UNSUBSCRIBE) {
		if ((head[0] & 15) != 2)
			return 0;
		at += 2;
	} else if (type != MQTT_PUBLISH || (head[0] & 6) % 6 == 0) {
		return 0;
	}
	return !head[at] && head[at + 1] && at + 2 + head[at + 1] <= total && head[at + 2] > ' ' &&
	       head[at + 2] < 0x7f && head[at + 3] >= ' ' && head[at + 3] < 0x7f;
}

static inline u32 mqtt_found(struct found *ret, u32 is_request, u32 number)
{
	ret->kind = is_request ? FOUND_NUMBERED_REQUEST : FOUND_NUMBERED_RESPONSE;
	ret->number = number;
	return 0;
}

/* The number of what is published is behind its topic. */
static inline u32 mqtt_publish(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 number = be16_at(head);

	if (avail < 2)
		return 0;
	if (f->line == MQTT_TOPIC) {
		if (f->rest < number + 4)
			return found(ret, FOUND_DESYNC, 0);
		f->rest -= number + 2;
		f->skip = number;
		f->line = MQTT_NUMBER;
		return 2;
	}
	f->line = MQTT_HEAD;
	f->skip = f->rest - 2;
	mqtt_found(ret, 1, number);
	return 2;
}

static inline void mqtt_request(struct flow *f, u32 type, const u8 *body, u32 len,
				struct found *ret)
{
	if (type == MQTT_CONNECT) {
		f->status = len >= 7 && body[1] == 4 ? body[6] : 0; /* the version, behind "MQTT" */
		mqtt_found(ret, 1, MQTT_SESSION);
	} else if (type == MQTT_PINGREQ) {
		mqtt_found(ret, 1, MQTT_PING | f->begun++);
	} else if (MQTT_ASKS >> type & 1 && len >= 2) {
		mqtt_found(ret, 1, be16_at(body));
	}
}

/* Whether it was refused: the code behind the number, and behind what else is said of all subscriptions of it. */
static inline u32 mqtt_status(u32 type, const u8 *body, u32 len, u32 version)
{
	u32 code = 0;

	if (type == MQTT_SUBACK || type == MQTT_UNSUBACK)
		code = version < MQTT_WITH_REASONS ? (len >= 3 ? body[2] : 0)
						   : (len >= 4 && !body[2] ? body[3] : 0);
	else if (len >= 3)
		code = body[2];
	return code >= MQTT_REFUSED ? STATUS_ERROR : STATUS_OK;
}

static inline void mqtt_response(const struct stream *s, struct flow *f, u32 type, const u8 *body,
				 u32 len, struct found *ret)
{
	if (type == MQTT_CONNACK) {
		mqtt_found(ret, 0, MQTT_SESSION);
		ret->status = len >= 2 && body[1] ? STATUS_ERROR : STATUS_OK;
	} else if (type == MQTT_PINGRESP) {
		mqtt_found(ret, 0, MQTT_PING | f->begun++);
		ret->status = STATUS_OK;
	} else if (MQTT_ANSWERS >> type & 1 && len >= 2) {
		mqtt_found(ret, 0, be16_at(body));
		ret->status = mqtt_status(type, body, len, s->flow[FLOW_REQUEST].status);
	} else if (type == MQTT_DISCONNECT && len && body[0] >= MQTT_REFUSED) {
		ret->kind = FOUND_NUMBERED_FAILURE;
		ret->number = MQTT_SESSION;
	}
}

static inline u32 mqtt_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
			    struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 type = head[0] >> 4, size = 1, len = 0;
	const u8 *body;

	if (f->line)
		return mqtt_publish(f, head, avail, ret);
	UNROLL
	for (u32 i = 1; i <= 4; i++) {
		u32 more = size == i; /* no break: clang 19 would not unroll the loop */

		len |= more ? (head[i] & 0x7fu) << 7 * (i - 1) : 0;
		size += more && head[i] & 0x80 ? 1 : 0;
	}
	size = forget(ret, size);
	len = forget(ret, len);
	if (avail < size + 1 + MQTT_SEEN && avail < size + 1 + len)
		return 0;
	if (!type || size > 4)
		return found(ret, FOUND_DESYNC, 0);
	if (is_request && type == MQTT_PUBLISH && head[0] & 6) { /* is to be acknowledged */
		if (len < 4)
			return found(ret, FOUND_DESYNC, 0);
		f->rest = len;
		f->line = MQTT_TOPIC;
		return size + 1;
	}
	f->skip = len;
	body = head + within_window(size + 1);
	if (is_request)
		mqtt_request(f, type, body, len, ret);
	else
		mqtt_response(s, f, type, body, len, ret);
	return size + 1;
}

#endif
