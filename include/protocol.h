/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Parsing the bytes of a connection: which protocol it is, where requests begin, and the status of responses. The
 * kernel side uses it too, where it must be cheap to verify: each step sees the next PARSE_WINDOW bytes and nothing
 * else, and keeps its state in a struct flow.
 */
#ifndef SEISMO_PROTOCOL_H
#define SEISMO_PROTOCOL_H

#include "protocol/amqp.h"
#include "protocol/cql.h"
#include "protocol/dns.h"
#include "protocol/fastcgi.h"
#include "protocol/flow.h"
#include "protocol/http.h"
#include "protocol/http2.h"
#include "protocol/kafka.h"
#include "protocol/ldap.h"
#include "protocol/memcached.h"
#include "protocol/mongodb.h"
#include "protocol/mqtt.h"
#include "protocol/mysql.h"
#include "protocol/nats.h"
#include "protocol/postgresql.h"
#include "protocol/proxy.h"
#include "protocol/redis.h"
#include "protocol/tls.h"
#include "protocol/zookeeper.h"

/* --- detecting the protocol by the first bytes of the client */

enum {
	DETECT_LATE = 1,    /* these may not be the first bytes of the connection */
	DETECT_GREETED = 2, /* the server has spoken first, in no protocol that is known */
};

/*
 * `head`: the first `avail` of the `total` bytes that the client has sent. Each protocol's first message is checked as far as it
 * is there; at most one protocol may be satisfied.
 */
static inline u32 protocol_is_first(u32 protocol, const u8 *head, u32 avail, u32 total)
{
	switch (protocol) {
	case PROTOCOL_HTTP:
		return http_is_first(head, avail, total);
	case PROTOCOL_HTTP2:
		return http2_is_first(head, avail);
	case PROTOCOL_TLS:
		return tls_is_first(head, avail);
	case PROTOCOL_REDIS:
		return redis_is_first(head, avail, total);
	case PROTOCOL_MEMCACHED:
		return memcached_is_first(head, avail);
	case PROTOCOL_MEMCACHED_BINARY:
		return memcached_binary_is_first(head, avail);
	case PROTOCOL_MQTT:
		return mqtt_is_first(head, avail);
	case PROTOCOL_POSTGRESQL:
		return postgresql_is_first(head, avail, total);
	case PROTOCOL_DNS:
		return dns_is_first(head, avail, total);
	case PROTOCOL_KAFKA:
		return kafka_is_first(head, avail, total);
	case PROTOCOL_MONGODB:
		return mongodb_is_first(head, avail, total);
	case PROTOCOL_CQL:
		return cql_is_first(head, avail, total);
	case PROTOCOL_AMQP:
		return amqp_is_first(head, avail);
	case PROTOCOL_NATS:
		return nats_is_first(head, avail);
	case PROTOCOL_LDAP:
		return ldap_is_first(head, avail, total);
	case PROTOCOL_ZOOKEEPER:
		return zookeeper_is_first(head, avail, total);
	case PROTOCOL_FASTCGI:
		return fastcgi_is_first(head, avail);
	}
	return 0;
}

/* The same in the middle of a connection, where only what matches exactly counts. */
static inline u32 protocol_is_late(u32 protocol, const u8 *head, u32 avail, u32 total)
{
	switch (protocol) {
	case PROTOCOL_TLS:
		return avail >= TLS_RECORD && head[0] == TLS_DATA && tls_is_record(head, avail);
	case PROTOCOL_POSTGRESQL:
		return postgresql_is_query(head, avail, total);
	case PROTOCOL_MYSQL:
		return mysql_is_command(head, avail, total);
	case PROTOCOL_CQL:
		return cql_is_late(head, avail, total);
	case PROTOCOL_HTTP2:
		return http2_is_late(head, avail, total);
	case PROTOCOL_NATS:
		return nats_is_late(head, avail, total);
	case PROTOCOL_AMQP:
		return amqp_is_late(head, avail, total);
	case PROTOCOL_LDAP:
		return ldap_is_late(head, avail, total);
	case PROTOCOL_ZOOKEEPER:
		return zookeeper_is_late(head, avail, total);
	case PROTOCOL_MQTT:
		return mqtt_is_late(head, avail, total);
	}
	return 0;
}

static inline u32 protocol_begins(u32 protocol, const u8 *head, u32 avail, u32 total, u32 flags)
{
	if (avail < 4 || (flags & DETECT_GREETED && protocol != PROTOCOL_TLS))
		return 0;
	return protocol_is_first(protocol, head, avail, total) ||
	       (flags & DETECT_LATE && protocol_is_late(protocol, head, avail, total));
}

/* If no protocol begins so: lines of text that nothing but the begin of a connection makes probable. */
static inline u32 protocol_detect_text(const u8 *head, u32 avail, u32 flags)
{
	return !flags && redis_is_inline(head, avail) ? PROTOCOL_REDIS : PROTOCOL_UNKNOWN;
}

/*
 * The same for what a server sends before a request of its client was seen: the greeting of MySQL, or why there is none, or of NATS;
 * the settings with which HTTP/2 begins.
 */
static inline u32 protocol_detect_greeting(const u8 *head, u32 avail, u32 total)
{
	if (mysql_is_greeting(head, avail, total))
		return PROTOCOL_MYSQL;
	if (nats_is_greeting(head, avail))
		return PROTOCOL_NATS;
	return avail >= 9 && http2_is_settings(head) ? PROTOCOL_HTTP2 : PROTOCOL_UNKNOWN;
}

/* The client waits for the greeting. */
static inline u32 protocol_greets(u32 protocol)
{
	return protocol == PROTOCOL_MYSQL || protocol == PROTOCOL_NATS;
}

/* Requests can be found in the bytes. For others (HTTP/1, unknown) one exchange is one request. */
static inline u32 protocol_is_parsed(u32 protocol)
{
	return protocol != PROTOCOL_UNKNOWN && protocol != PROTOCOL_HTTP &&
	       protocol != PROTOCOL_OPAQUE;
}

#define PROTOCOL_BIT(protocol) (1U << PROTOCOL_##protocol)

/* Requests have numbers, which their responses have too. */
#define PROTOCOLS_NUMBERED                                                                        \
	(PROTOCOL_BIT(MQTT) | PROTOCOL_BIT(KAFKA) | PROTOCOL_BIT(MONGODB) | PROTOCOL_BIT(CQL) |   \
	 PROTOCOL_BIT(AMQP) | PROTOCOL_BIT(NATS) | PROTOCOL_BIT(LDAP) | PROTOCOL_BIT(ZOOKEEPER) | \
	 PROTOCOL_BIT(FASTCGI))

static inline u32 protocol_is_numbered(u32 protocol)
{
	return PROTOCOLS_NUMBERED >> (protocol & 31) & 1;
}

static inline u32 protocol_is_http2(u32 protocol)
{
	return protocol == PROTOCOL_HTTP2 || protocol == PROTOCOL_GRPC;
}

/* A connection may have several requests in flight, answered in any order. */
static inline u32 protocol_has_streams(u32 protocol)
{
	const u32 all = PROTOCOLS_NUMBERED | PROTOCOL_BIT(HTTP2) | PROTOCOL_BIT(GRPC);

	return all >> (protocol & 31) & 1;
}

/*
 * The bytes of the response direction that came after the last response belong to the next one. False: they were none of
 * it, but something that the server sends unasked.
 */
static inline u32 protocol_response_begun(u32 protocol, const struct flow *f)
{
	/* found at their first bytes: what follows is of the response before, or of an interim one */
	if (protocol == PROTOCOL_HTTP)
		return f->line == HTTP_START && f->carry_len;
	if (protocol == PROTOCOL_MEMCACHED_BINARY)
		return f->carry_len;
	if (protocol == PROTOCOL_POSTGRESQL)
		return f->begun;
	if (protocol == PROTOCOL_MYSQL)
		return f->named >= MYSQL_RESULT;
	return protocol != PROTOCOL_REDIS;
}

/* A response is read to its end, which has its status. Without it, it has broken off. */
static inline u32 protocol_response_ends(u32 protocol)
{
	return protocol == PROTOCOL_POSTGRESQL || protocol == PROTOCOL_MYSQL;
}

static inline void found_prepare(struct found *ret)
{
	ret->kind = FOUND_NOTHING;
	ret->status = STATUS_UNKNOWN;
	ret->protocol = PROTOCOL_TLS;
	ret->note = ret->class = ret->grpc = ret->ends = 0;
}

/* protocol_step() of HTTP/2 and gRPC: `h` is the table of headers of the connection's responses. */
static INLINE u32 stream_step(u32 protocol, u32 is_request, struct stream *s, struct hpack *h,
			      const u8 *head, u32 avail, struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];

	found_prepare(ret);
	ret->protocol = PROTOCOL_GRPC;
	return http2_step(f, h, head, avail, is_request, protocol == PROTOCOL_GRPC, ret);
}

/* protocol_step() of protocols whose requests have numbers, of which each result has to be prepared too. */
static INLINE u32 numbered_step(u32 protocol, u32 is_request, struct stream *s, const u8 *head,
				u32 avail, struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];

	found_prepare(ret);
	switch (protocol) {
	case PROTOCOL_MQTT:
		return mqtt_step(s, head, avail, is_request, ret);
	case PROTOCOL_KAFKA:
		return is_request ? kafka_request(f, head, avail, ret)
				  : kafka_response(f, head, avail, ret);
	case PROTOCOL_MONGODB:
		return mongodb_step(f, head, avail, is_request, ret);
	case PROTOCOL_CQL:
		return cql_step(f, head, avail, is_request, ret);
	case PROTOCOL_AMQP:
		return amqp_step(s, head, avail, is_request, ret);
	case PROTOCOL_NATS:
		return nats_step(f, head, avail, is_request, ret);
	case PROTOCOL_LDAP:
		return ldap_step(f, head, avail, is_request, ret);
	case PROTOCOL_ZOOKEEPER:
		return zookeeper_step(f, head, avail, is_request, ret);
	case PROTOCOL_FASTCGI:
		return fastcgi_step(f, head, avail, is_request, ret);
	}
	return found(ret, FOUND_DESYNC, 0);
}

/*
 * The next step in one direction. `head` is the next bytes; s->flow[...].skip is 0. Returns the number of bytes
 * consumed. 0: more are needed (then avail < PROTOCOL_CARRY), or the result is FOUND_DESYNC or FOUND_PROTOCOL. After
 * FOUND_PROTOCOL the rest is in that protocol; if it is HTTP/2 that follows HTTP, the oldest request is stream 1.
 */
static INLINE u32 protocol_step(u32 protocol, u32 is_request, struct stream *s, const u8 *head,
				u32 avail, struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];

	found_prepare(ret);
	switch (protocol) {
	case PROTOCOL_HTTP:
		return http_step(s, head, avail, is_request, ret);
	case PROTOCOL_REDIS:
		return redis_step(f, head, avail, is_request, ret);
	case PROTOCOL_POSTGRESQL:
		return postgresql_step(s, head, avail, is_request, ret);
	case PROTOCOL_MYSQL:
		return mysql_step(s, head, avail, is_request, ret);
	case PROTOCOL_MEMCACHED:
		return memcached_step(f, head, avail, is_request, ret);
	case PROTOCOL_MEMCACHED_BINARY:
		return memcached_binary_step(f, head, avail, is_request, ret);
	case PROTOCOL_DNS:
		return dns_step(f, head, avail, is_request, ret);
	case PROTOCOL_TLS:
		return tls_step(s, head, avail, is_request, ret);
	case PROTOCOL_OPAQUE:
		return avail;
	}
	return found(ret, FOUND_DESYNC, 0);
}

#endif
