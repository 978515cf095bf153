/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Parsing the bytes of a connection: which protocol it is, where requests begin, and the status of responses. The
 * kernel side uses it too, where it must be cheap to verify: each step sees the next PARSE_WINDOW bytes and nothing
 * else, and keeps its state in a struct flow.
 */
#ifndef SEISMO_PROTOCOL_H
#define SEISMO_PROTOCOL_H

#include "protocol/dns.h"
#include "protocol/flow.h"
#include "protocol/http.h"
#include "protocol/http2.h"
#include "protocol/memcached.h"
#include "protocol/mqtt.h"
#include "protocol/mysql.h"
#include "protocol/postgresql.h"
#include "protocol/redis.h"
#include "protocol/tls.h"

/* --- detecting the protocol by the first bytes of the client */

static inline u32 memcached_is_command(u32 word)
{
	switch (word) {
	case PROTOCOL_WORD('g', 'e', 't', ' '):
	case PROTOCOL_WORD('g', 'e', 't', 's'):
	case PROTOCOL_WORD('g', 'a', 't', ' '):
	case PROTOCOL_WORD('s', 'e', 't', ' '):
	case PROTOCOL_WORD('a', 'd', 'd', ' '):
	case PROTOCOL_WORD('c', 'a', 's', ' '):
	case PROTOCOL_WORD('r', 'e', 'p', 'l'):
	case PROTOCOL_WORD('a', 'p', 'p', 'e'):
	case PROTOCOL_WORD('p', 'r', 'e', 'p'):
	case PROTOCOL_WORD('d', 'e', 'l', 'e'):
	case PROTOCOL_WORD('i', 'n', 'c', 'r'):
	case PROTOCOL_WORD('d', 'e', 'c', 'r'):
	case PROTOCOL_WORD('t', 'o', 'u', 'c'):
	case PROTOCOL_WORD('s', 't', 'a', 't'):
	case PROTOCOL_WORD('v', 'e', 'r', 's'):
	case PROTOCOL_WORD('f', 'l', 'u', 's'):
	case PROTOCOL_WORD('v', 'e', 'r', 'b'):
	case PROTOCOL_WORD('m', 'g', ' ', 0):
	case PROTOCOL_WORD('m', 's', ' ', 0):
	case PROTOCOL_WORD('m', 'd', ' ', 0):
	case PROTOCOL_WORD('m', 'a', ' ', 0):
	case PROTOCOL_WORD('m', 'n', '\r', 0):
		return 1;
	}
	return 0;
}

/* The value may be longer than one read. */
static inline u32 memcached_binary_is_first(const u8 *head)
{
	u32 key = be16_at(head + 2), extras = head[4], body = be32_at(head + 8);

	return head[0] == 0x80 && head[1] <= 0x40 && !head[5] && key <= 250 && extras <= 20 &&
	       key + extras <= body && body < 1U << 30;
}

static inline u32 postgresql_is_first(const u8 *head, u32 avail, u32 total)
{
	u32 len = be32_at(head), code = be32_at(head + 4);

	if (avail < 8 || len < 8 || len > 10000)
		return 0;
	return code >> 16 == POSTGRESQL_VERSION
		       ? (code & 0xffff) < 16 && len <= total
		       : code >= POSTGRESQL_CANCEL && code <= POSTGRESQL_GSS;
}

/* On a connection older than the daemon, only an exact match counts. */
static inline u32 postgresql_is_query(const u8 *head, u32 avail, u32 total)
{
	if (avail < 6 || (head[0] != 'Q' && head[0] != 'P' && head[0] != 'B'))
		return 0;
	return head[0] == 'Q' ? be32_at(head + 1) + 1 == total : be32_at(head + 1) + 1 < total;
}

static inline u32 mysql_is_command(const u8 *head, u32 avail, u32 total)
{
	u32 command = head[4];

	return avail >= 5 && (le32_at(head) & 0xffffff) + 4 == total && !head[3] &&
	       (command == 0x03 || command == 0x0e || command == 0x16 || command == 0x17 ||
		command == 0x02);
}

/* `head`: the first `avail` of the `total` bytes that the client has sent. */
static inline u32 protocol_detect(const u8 *head, u32 avail, u32 total)
{
	u32 word = le32_at(head);

	if (avail < 4)
		return PROTOCOL_UNKNOWN;
	if (http_is_method(word))
		return PROTOCOL_HTTP;
	if (word == PROTOCOL_WORD('P', 'R', 'I', ' '))
		return PROTOCOL_HTTP2;
	if (head[0] >= TLS_CCS && head[0] <= TLS_DATA && head[1] == 3 && head[2] <= 4)
		return PROTOCOL_TLS;
	if ((head[0] == '*' && head[1] >= '1' && head[1] <= '9') ||
	    word == PROTOCOL_WORD('P', 'I', 'N', 'G'))
		return PROTOCOL_REDIS;
	if (memcached_is_command(head[2] == ' ' || head[2] == '\r' ? word & 0xffffff : word))
		return PROTOCOL_MEMCACHED;
	if (avail >= 24 && memcached_binary_is_first(head))
		return PROTOCOL_MEMCACHED_BINARY;
	if (mqtt_is_first(head, avail))
		return PROTOCOL_MQTT;
	if (postgresql_is_first(head, avail, total) || postgresql_is_query(head, avail, total))
		return PROTOCOL_POSTGRESQL;
	if (avail >= 14 && be16_at(head) + 2 == total && dns_is_query(head + 2))
		return PROTOCOL_DNS;
	if (mysql_is_command(head, avail, total))
		return PROTOCOL_MYSQL;
	return PROTOCOL_UNKNOWN;
}

/*
 * The same for what a server sends before a request of its client was seen: the greeting of MySQL, the settings with which
 * HTTP/2 begins.
 */
static inline u32 protocol_detect_greeting(const u8 *head, u32 avail, u32 total)
{
	if (avail >= 6 && (le32_at(head) & 0xffffff) + 4 == total && !head[3] &&
	    (head[4] == 10 || head[4] == 0xff))
		return PROTOCOL_MYSQL;
	return avail >= 9 && http2_is_settings(head) ? PROTOCOL_HTTP2 : PROTOCOL_UNKNOWN;
}

/* Requests can be found in the bytes. For others (HTTP/1, unknown) one exchange is one request. */
static inline u32 protocol_is_parsed(u32 protocol)
{
	return protocol != PROTOCOL_UNKNOWN && protocol != PROTOCOL_HTTP &&
	       protocol != PROTOCOL_OPAQUE;
}

/* A connection may have several requests in flight, answered in any order. */
static inline u32 protocol_has_streams(u32 protocol)
{
	return protocol == PROTOCOL_HTTP2 || protocol == PROTOCOL_GRPC;
}

/*
 * The bytes of the response direction that came after the last response belong to the next one. False: they were none of
 * it, but something that the server sends unasked.
 */
static inline u32 protocol_response_begun(u32 protocol, const struct flow *f)
{
	if (protocol == PROTOCOL_POSTGRESQL)
		return f->begun;
	return protocol != PROTOCOL_REDIS && protocol != PROTOCOL_MYSQL &&
	       protocol != PROTOCOL_MQTT;
}

/*
 * The next step in one direction. `head` is the next bytes; s->flow[...].skip is 0. Returns the number of bytes
 * consumed. 0: more are needed (then avail < PROTOCOL_CARRY), or the result is FOUND_DESYNC or FOUND_PROTOCOL.
 */
static inline u32 protocol_step(u32 protocol, u32 is_request, struct stream *s, const u8 *head,
				u32 avail, struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];

	ret->kind = FOUND_NOTHING;
	ret->status = STATUS_UNKNOWN;
	ret->protocol = PROTOCOL_TLS;
	switch (protocol) {
	case PROTOCOL_HTTP:
		return http_step(f, head, avail, is_request, ret);
	case PROTOCOL_REDIS:
		return redis_step(f, head, avail, is_request, ret);
	case PROTOCOL_POSTGRESQL:
		return postgresql_step(s, head, avail, is_request, ret);
	case PROTOCOL_MYSQL:
		return mysql_step(f, head, avail, is_request, ret);
	case PROTOCOL_MEMCACHED:
		return memcached_step(f, head, avail, is_request, ret);
	case PROTOCOL_MEMCACHED_BINARY:
		return memcached_binary_step(f, head, avail, is_request, ret);
	case PROTOCOL_MQTT:
		return mqtt_step(f, head, avail, is_request, ret);
	case PROTOCOL_DNS:
		return dns_step(f, head, avail, is_request, ret);
	case PROTOCOL_TLS:
		return tls_step(s, head, avail, is_request, ret);
	case PROTOCOL_HTTP2:
	case PROTOCOL_GRPC:
		ret->protocol = PROTOCOL_GRPC;
		return http2_step(f, head, avail, is_request, protocol == PROTOCOL_HTTP2, ret);
	case PROTOCOL_OPAQUE:
		return avail;
	}
	return found(ret, FOUND_DESYNC, 0);
}

#endif
