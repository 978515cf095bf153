/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Shared by all protocols: the state of one direction, the result of a step, lines and numbers. */
#ifndef SEISMO_PROTOCOL_FLOW_H
#define SEISMO_PROTOCOL_FLOW_H

#include "bits.h"

#ifndef __bpf__
#include <string.h>
#endif

enum protocol {
	PROTOCOL_UNKNOWN,
	PROTOCOL_HTTP,
	PROTOCOL_HTTP2,
	PROTOCOL_GRPC,
	PROTOCOL_POSTGRESQL,
	PROTOCOL_MYSQL,
	PROTOCOL_REDIS,
	PROTOCOL_MEMCACHED,
	PROTOCOL_DNS,
	PROTOCOL_TLS,
	PROTOCOL_MQTT,
	PROTOCOL_MEMCACHED_BINARY,
	PROTOCOL_KAFKA,
	PROTOCOL_MONGODB,
	PROTOCOL_CQL,
	PROTOCOL_AMQP,
	PROTOCOL_NATS,
	PROTOCOL_LDAP,
	PROTOCOL_ZOOKEEPER,
	PROTOCOL_FASTCGI,
	PROTOCOL_OPAQUE, /* no requests any more: WebSocket, a tunnel */
	PROTOCOL_CNT
};

/* The outcome of a request; from 100 on it is an HTTP status code. */
enum request_status {
	STATUS_UNKNOWN,
	STATUS_OK,
	STATUS_ERROR,
	STATUS_GRPC, /* gRPC's OK; its other codes follow */
};

#define PARSE_WINDOW   32 /* bytes that a step sees: all readable, `avail` of them set */
#define PROTOCOL_CARRY 24 /* a step leaves fewer bytes than this for the next one */

enum { FLOW_REQUEST, FLOW_RESPONSE };

/* One direction of a connection: the position within a message. */
struct flow {
	u32 skip; /* bytes until the next message */
	u32 rest; /* Redis: values left in the current one; memcached: the number in a line */
	u32 last; /* HTTP/2: the newest stream that the client has opened; responses: see hpack.h; others: the number of the message */
	u32 note; /* what was noted of the request that the response belongs to, 0: it is not known */
	u32 stream; /* this and the next three: HTTP/2 responses, see hpack.h; HTTP, see http.h; MySQL */
	u32 string;
	u32 digits;
	u16 code;
	u8 line;    /* within a line: the number of the word, or 1 */
	u8 size_at; /* memcached: the word that has the number of bytes, 0: none follow */
	u8 status;  /* of the current message */
	u8 no_reply; /* the current command gets no response, or this is not one; Redis: enum redis_silence */
	u8 begun; /* a command was seen, or a response; MySQL responses: sequence numbers restart */
	u8 carry_len;
	u8 within; /* memcached: inside a word that began earlier; PostgreSQL: of an error that is fatal */
	u8 named; /* Redis: enum redis_word; MySQL: a response is to come; HTTP: CONNECT */
	u8 carry[PROTOCOL_CARRY]; /* bytes of an unfinished head, at the end of the array */
};

/* The next byte is the first of a message. */
static inline u32 flow_at_boundary(const struct flow *f)
{
	return !f->skip && !f->line && !f->carry_len;
}

struct stream {
	struct flow flow[2];
};

enum found_kind {
	FOUND_NOTHING,
	FOUND_REQUEST,
	FOUND_RESPONSE,
	FOUND_STREAM_REQUEST,  /* of one of the connection's streams */
	FOUND_STREAM_RESPONSE, /* headers of a response, or its trailers */
	FOUND_STREAM_END,      /* the end of a response without trailers */
	FOUND_STREAM_RESET,    /* one side gives the stream up, with the code `status` */
	FOUND_BLOCKING,	       /* a request that waits on purpose */
	FOUND_PROTOCOL,	       /* another protocol begins here */
	FOUND_DESYNC,	       /* the bytes make no sense */
	/* The set-up of the connection, which is no request unless it fails. */
	FOUND_SETUP,	     /* it begins */
	FOUND_SETUP_DONE,    /* both sides agreed */
	FOUND_SETUP_LEFT,    /* the client says goodbye, or goes on to ask */
	FOUND_SETUP_FAILURE, /* one side says that it failed */
	/* Of protocols whose requests have numbers, which their responses have too. */
	FOUND_NUMBERED_REQUEST,
	FOUND_NUMBERED_BLOCKING, /* ... that waits on purpose */
	FOUND_NUMBERED_DROPPED,	 /* the client does not wait for it any more */
	FOUND_NUMBERED_BEGUN, /* its response begins: the status comes later; the flow gets what was noted of the request */
	FOUND_NUMBERED_RESPONSE,
	FOUND_NUMBERED_FAILURE, /* a response that is an error; or there is no such request: what has no response failed */
};

struct found {
	u32 kind;
	u32 status;
	u32 stream;
	u32 grpc; /* gRPC's status of a stream, 0: none */
	u32 ends; /* the sender has nothing more to say in this stream */
	u32 protocol;
	u32 class; /* of an error: sqlstate_class(), 0: there is none */
	u32 number;
	u32 note;      /* of a request with a number: given to the flow of its response; not 0 */
	u32 forgotten; /* private */
};

/* Hides the range of a value from the kernel's verifier, so that it can prune the paths that follow. */
static inline u32 forget(struct found *ret, u32 number)
{
	volatile u32 *forgotten = &ret->forgotten;

	*forgotten = number;
	return *forgotten;
}

/* The same without a place to keep it: `bytes` are some that were read, of which nothing is known. */
static inline u64 veil(u64 number, u64 bytes)
{
#ifdef __bpf__
	__asm__ volatile("%0 ^= %1; %0 ^= %1" : "+r"(number) : "r"(bytes));
#endif
	(void)bytes;
	return number;
}

/* --- the classes of SQLSTATE: its first two characters, of which the first is one of few */

#define SQLSTATE_FIRST	"0123456789FHPX"
#define SQLSTATE_SECOND 36 /* digits and capitals */

static inline u32 sqlstate_digit(u32 c)
{
	return (u32)veil(c - '0' < 10 ? c - '0' : c - 'A' < 26 ? c - 'A' + 10 : SQLSTATE_SECOND, c);
}

/* A number of nine bits; 0: these begin no SQLSTATE. */
static inline u32 sqlstate_class(u32 first, u32 second)
{
	u32 a = first - '0' < 10 ? first - '0'
		: first == 'F'	 ? 10
		: first == 'H'	 ? 11
		: first == 'P'	 ? 12
		: first == 'X'	 ? 13
				 : SQLSTATE_SECOND;
	u32 b = sqlstate_digit(second);

	a = (u32)veil(a, first);
	return (1 + a * SQLSTATE_SECOND + b) *
	       (u32)(SCRIPT_LESS(a, SQLSTATE_SECOND) & SCRIPT_LESS(b, SQLSTATE_SECOND));
}

/* An index within the bytes that a step sees. The compiler would drop a mask that it knows to be needless; the verifier needs it. */
static inline u32 within_window(u32 at)
{
	__asm__ volatile("" : "+r"(at));
	return at & (PARSE_WINDOW - 1);
}

static inline u32 be16_at(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

#define PROTOCOL_WORD(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

static inline u32 found(struct found *ret, enum found_kind kind, u32 consumed)
{
	ret->kind = kind;
	return consumed;
}

/* Older verifiers need unrolled loops. */
#ifdef __bpf__
#define UNROLL _Pragma("unroll")
#define ROLLED _Pragma("clang loop unroll(disable)") /* where it would take too much stack */
#define INLINE \
	inline __attribute__((always_inline)) /* functions here have five arguments at most */
#else
#define UNROLL
#define ROLLED
#define INLINE inline
#endif

static inline u64 word_at(const u8 *p)
{
#ifdef __bpf__
	return *(const u64 *)p;
#else
	u64 word;

	memcpy(&word, p, sizeof(word));
	return word;
#endif
}

static inline u32 le32_at(const u8 *p)
{
#ifdef __bpf__
	return *(const u32 *)p;
#else
	return (u32)p[3] << 24 | (u32)p[2] << 16 | (u32)p[1] << 8 | p[0];
#endif
}

static inline u32 be32_at(const u8 *p)
{
	return __builtin_bswap32(le32_at(p));
}

#define BYTES(b) (0x0101010101010101ULL * (b))

/* The position of the first byte `c`; `avail` or more: there is none. Eight bytes at a time, with few branches. */
static inline u32 byte_find(const u8 *head, u32 avail, u8 c)
{
	u32 at = avail;

	for (u32 i = 0; i < PARSE_WINDOW; i += 8) {
		u64 word = word_at(head + i) ^ BYTES(c);
		u64 zero = (word - BYTES(1)) & ~word & BYTES(0x80);

		if (zero) { /* the lowest set bit is the top bit of that byte */
			at = i + (u32)((((zero & -zero) - 1) & BYTES(1)) * BYTES(1) >> 56) - 1;
			break;
		}
	}
	return (u32)veil(at, word_at(head));
}

/* The length of the line, its end included; 0: it does not end here. */
static inline u32 line_end(const u8 *head, u32 avail)
{
	u32 at = byte_find(head, avail, '\n');

	return at < avail ? at + 1 : 0;
}

#define NUMBER_NONE   (~0U)
#define NUMBER_DIGITS 10

/* Parses a decimal number of `len` digits. */
static inline u32 number_at(const u8 *p, u32 len)
{
	u32 number = 0, bad = 0;

	UNROLL
	for (u32 i = 0; i < NUMBER_DIGITS; i++) {
		u32 digit = (u32)p[i] - '0';

		if (i < len) { /* no break: clang 19 would not unroll the loop */
			number = number * 10 + digit;
			bad |= (u32)SCRIPT_LESS(9, digit);
		}
	}
	return bad || !len || len > NUMBER_DIGITS ? NUMBER_NONE : number;
}

#endif
