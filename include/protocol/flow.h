/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* What all protocols share: where a direction of a connection stands, what a step finds, lines and numbers. */
#ifndef SEISMO_PROTOCOL_FLOW_H
#define SEISMO_PROTOCOL_FLOW_H

#include "script.h"

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
	PROTOCOL_MEMCACHED_BINARY,
	PROTOCOL_OPAQUE, /* something else has begun that has no requests: WebSocket, a tunnel */
	PROTOCOL_CNT
};

/* What became of a request; from 100 on it is HTTP's status code. */
enum request_status { STATUS_UNKNOWN, STATUS_OK, STATUS_ERROR };

#define PARSE_WINDOW \
	32 /* bytes that a step looks at; they must be readable, `avail` of them are set */
#define PROTOCOL_CARRY 24 /* more than a step may leave for the next time */

enum { FLOW_REQUEST, FLOW_RESPONSE };

/* One direction of a connection: where its bytes stand within a message. */
struct flow {
	u32 skip; /* bytes until the next message */
	u32 rest; /* Redis: values that belong to the one under way; memcached: the number in a line */
	u8 line;     /* within a line, of which this is the word resp. 1 */
	u8 size_at;  /* memcached: the word in which the number of bytes stands, 0: none follow */
	u8 status;   /* of the message under way */
	u8 no_reply; /* what is under way has no answer resp. is none */
	u8 begun;    /* a command has been seen; MySQL's answers: the numbers begin again */
	u8 carry_len;
	u8 within;		  /* memcached: of a word, the first bytes were before */
	u8 named;		  /* Redis: the name of a command comes */
	u8 carry[PROTOCOL_CARRY]; /* the last bytes of an unfinished head, at its end */
};

/* The next message begins where it begins. */
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
	FOUND_STREAM_REQUEST, /* of the several that a connection has */
	FOUND_STREAM_RESPONSE,
	FOUND_BLOCKING, /* the last request waits because it wants to */
	FOUND_PROTOCOL, /* it is another protocol from here on */
	FOUND_DESYNC,	/* these bytes make no sense */
};

struct found {
	u32 kind;
	u32 status;
	u32 stream;
	u32 protocol;
	u32 forgotten; /* private */
};

/*
 * The same number, of which the kernel's verifier knows nothing any more: so what follows looks alike to it,
 * whichever way it was found.
 */
static inline u32 forget(struct found *ret, u32 number)
{
	volatile u32 *forgotten = &ret->forgotten;

	*forgotten = number;
	return *forgotten;
}

static inline u32 be16_at(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

static inline u32 be32_at(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static inline u32 le32_at(const u8 *p)
{
	return (u32)p[3] << 24 | (u32)p[2] << 16 | (u32)p[1] << 8 | p[0];
}

#define PROTOCOL_WORD(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

static inline u32 found(struct found *ret, enum found_kind kind, u32 consumed)
{
	ret->kind = kind;
	return consumed;
}

/* Older verifiers want to see each turn of a loop by itself. */
#ifdef __bpf__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
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

#define BYTES(b) (0x0101010101010101ULL * (b))

/* Where the first byte `c` is in the head; `avail` or more: nowhere. Eight at a time, with few branches. */
static inline u32 byte_find(const u8 *head, u32 avail, u8 c)
{
	for (u32 i = 0; i < PARSE_WINDOW; i += 8) {
		u64 word = word_at(head + i) ^ BYTES(c);
		u64 zero = (word - BYTES(1)) & ~word & BYTES(0x80);

		if (zero) /* its lowest bit stands at the end of the byte */
			return i + (u32)((((zero & -zero) - 1) & BYTES(1)) * BYTES(1) >> 56) - 1;
	}
	return avail;
}

/* How many bytes there are up to the end of the line and with it, 0: it does not end here. */
static inline u32 line_end(const u8 *head, u32 avail)
{
	u32 at = byte_find(head, avail, '\n');

	return at < avail ? at + 1 : 0;
}

#define NUMBER_NONE   (~0U)
#define NUMBER_DIGITS 10

/* The number of `len` digits at p. */
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
