/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * MQTT: packets with a type and a length. Both sides publish; what the server publishes is no request, nor is what the
 * client publishes without asking for an acknowledgement.
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
};

#define MQTT_BIT(type) (1U << MQTT_##type)
/* The second half of an exactly-once delivery (PUBREL, PUBCOMP) belongs to the first. */
#define MQTT_REQUESTS                                                                          \
	(MQTT_BIT(CONNECT) | MQTT_BIT(PUBLISH) | MQTT_BIT(SUBSCRIBE) | MQTT_BIT(UNSUBSCRIBE) | \
	 MQTT_BIT(PINGREQ))
#define MQTT_RESPONSES                                                                \
	(MQTT_BIT(CONNACK) | MQTT_BIT(PUBACK) | MQTT_BIT(PUBREC) | MQTT_BIT(SUBACK) | \
	 MQTT_BIT(UNSUBACK) | MQTT_BIT(PINGRESP))

/* CONNECT, with the protocol's name behind a length of one or two bytes. */
static inline u32 mqtt_is_first(const u8 *head, u32 avail)
{
	u32 two = head[1] >> 7, name = two ? be32_at(head + 3) : be32_at(head + 2);

	return avail >= 8 && head[0] == MQTT_CONNECT << 4 && !(two && head[2] & 0x80) &&
	       (name == 0x00044d51 || name == 0x00064d51); /* MQTT, MQIsdp */
}

static inline u32 mqtt_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			    struct found *ret)
{
	u32 type = head[0] >> 4, size = 1, len = 0;

	UNROLL
	for (u32 i = 1; i <= 4; i++) {
		u32 more = size == i; /* no break: clang 19 would not unroll the loop */

		len |= more ? (head[i] & 0x7fu) << 7 * (i - 1) : 0;
		size += more && head[i] & 0x80 ? 1 : 0;
	}
	size = forget(ret, size);
	len = forget(ret, len);
	if (avail < size + 3 && avail < size + 1 + len)
		return 0;
	if (!type || size > 4)
		return found(ret, FOUND_DESYNC, 0);
	f->skip = len;
	if (!((is_request ? MQTT_REQUESTS : MQTT_RESPONSES) >> type & 1))
		return size + 1;
	if (is_request && type == MQTT_PUBLISH && !(head[0] & 6)) /* at most once */
		return size + 1;
	ret->kind = is_request ? FOUND_REQUEST : FOUND_RESPONSE;
	ret->status =
		type == MQTT_CONNACK && size == 1 && len >= 2 && head[3] ? STATUS_ERROR : STATUS_OK;
	return size + 1;
}

#endif
