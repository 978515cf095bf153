/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * What the bytes of a connection say: which protocol it is, where requests begin and how they are
 * answered. Shared by the kernel side, where it must be cheap to verify: each step looks at the next
 * PROTOCOL_HEAD bytes and at nothing else, and keeps what it must remember in a struct flow.
 */
#ifndef SEISMO_PROTOCOL_H
#define SEISMO_PROTOCOL_H

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
	PROTOCOL_SILENT, /* something else has begun that has no requests: WebSocket, a tunnel */
	PROTOCOL_CNT
};

/* What became of a request; from 100 on it is HTTP's status code. */
enum request_status { STATUS_UNKNOWN, STATUS_OK, STATUS_ERROR };

#define PROTOCOL_HEAD \
	32 /* bytes that a step looks at; they must be readable, `avail` of them are set */
#define PROTOCOL_CARRY 24 /* more than a step may leave for the next time */

enum { FLOW_ASK, FLOW_ANSWER };

/* One direction of a connection: where its bytes stand within a message. */
struct flow {
	u32 skip; /* bytes until the next message */
	u32 rest; /* Redis: values that belong to the one under way; memcached: the number in a line */
	u8 line;    /* within a line, of which this is the word resp. 1 */
	u8 size_at; /* memcached: the word in which the number of bytes stands, 0: none follow */
	u8 status;  /* of the message under way */
	u8 silent;  /* what is under way has no answer resp. is none */
	u8 begun;   /* a command has been seen; MySQL's answers: the numbers begin again */
	u8 carry_len;
	u8 within;		  /* memcached: of a word, the first bytes were before */
	u8 named;		  /* Redis: the name of a command comes */
	u8 carry[PROTOCOL_CARRY]; /* the last bytes of an unfinished head, at its end */
};

struct stream {
	struct flow flow[2];
};

enum found_kind {
	FOUND_NOTHING,
	FOUND_ASK,
	FOUND_ANSWER,
	FOUND_STREAM_ASK, /* of the several that a connection has */
	FOUND_STREAM_ANSWER,
	FOUND_WAIT,	/* the last request waits because it wants to */
	FOUND_PROTOCOL, /* it is another protocol from here on */
	FOUND_LOST,	/* these bytes make no sense */
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

/* --- lines */

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
	for (u32 i = 0; i < PROTOCOL_HEAD; i += 8) {
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

		if (i >= len)
			break;
		number = number * 10 + digit;
		bad |= (u32)SCRIPT_LESS(9, digit);
	}
	return bad || !len || len > NUMBER_DIGITS ? NUMBER_NONE : number;
}

/* --- Redis: values, one behind the other, some of which hold others */

/* BLPOP, BRPOP, BLMOVE, BZPOPMIN and so on; XREAD and XREADGROUP, most of which do. */
static inline u32 redis_waits(u32 first, u32 second, u32 len)
{
	if (first == 'b')
		return second == 'l' || second == 'r' || second == 'z';
	return first == 'x' && second == 'r' && (len == 5 || len == 10);
}

/* Looks at the name of a command, which stands behind its length. 0: it has not come yet. */
static inline u32 redis_name(const u8 *head, u32 len, u32 avail, u32 size, struct found *ret)
{
	const u8 *name = head + (len & (PROTOCOL_HEAD - 1));

	if (avail < len + 2)
		return avail >= PROTOCOL_CARRY;
	if (redis_waits(name[0] | 0x20u, name[1] | 0x20u, size))
		ret->kind = FOUND_WAIT;
	return 1;
}

/* What begins a value that has a length, or a number of values in it. */
static inline u32 redis_is_counted(u32 type)
{
	return type == '$' || type == '=' || type == '!' || type == '*' || type == '~' ||
	       type == '>' || type == '%' || type == '|';
}

static inline u32 redis_step(struct flow *f, const u8 *head, u32 avail, u32 ask, struct found *ret)
{
	u32 type = head[0], len, number, top = !f->rest;

	if (f->line) {
		len = forget(ret, line_end(head, avail));
		f->line = !len;
		return len ? len : avail;
	}
	switch (type) {
	case '+':
	case '-':
	case ':':
	case '_':
	case '#':
	case ',':
	case '(':
		f->rest -= !top;
		f->line = 1;
		if (top && !ask) {
			ret->kind = FOUND_ANSWER;
			ret->status = type == '-' ? STATUS_ERROR : STATUS_OK;
		}
		return 1;
	}
	if (!redis_is_counted(type)) {
		if (!ask || !top)
			return found(ret, FOUND_LOST, 0);
		f->line = type != '\n'; /* a command as people type it */
		return found(ret, type == '\r' || type == '\n' ? FOUND_NOTHING : FOUND_ASK, 1);
	}
	len = forget(ret, line_end(head, avail < PROTOCOL_CARRY ? avail : PROTOCOL_CARRY));
	if (!len)
		return avail < PROTOCOL_CARRY ? 0 : found(ret, FOUND_LOST, 0);
	number = forget(ret, len > 3 ? number_at(head + 1, len - 3) : NUMBER_NONE);
	if (ask && f->named && type == '$' && !redis_name(head, len, avail, number, ret))
		return 0;
	f->named = ask && top && type == '*';
	f->rest -= !top && type != '|'; /* which is about a value, and none itself */
	if (number == NUMBER_NONE)	/* null */
		number = 0;
	else if (type == '$' || type == '=' || type == '!')
		f->skip = number + 2;
	if (type == '*' || type == '~' || type == '>')
		f->rest += number;
	else if (type == '%' || type == '|')
		f->rest += 2 * number;
	if (top && type != '>' && type != '|' && (number || !ask)) {
		ret->kind = ask ? FOUND_ASK : FOUND_ANSWER;
		ret->status = type == '!' ? STATUS_ERROR : STATUS_OK;
	}
	return len;
}

/* --- PostgreSQL: messages of a letter and a length; the first of a connection has no letter */

#define POSTGRESQL_SSL	   80877103
#define POSTGRESQL_GSS	   80877104
#define POSTGRESQL_CANCEL  80877102
#define POSTGRESQL_VERSION 3

static inline u32 postgresql_first(struct stream *s, const u8 *head, u32 avail, struct found *ret)
{
	u32 len, code;

	if (avail < 8)
		return 0;
	len = be32_at(head);
	code = be32_at(head + 4);
	if (len < 8 || len > 10000 ||
	    (code >> 16 != POSTGRESQL_VERSION &&
	     (code < POSTGRESQL_CANCEL || code > POSTGRESQL_GSS)))
		return found(ret, FOUND_LOST, 0);
	if (code == POSTGRESQL_SSL || code == POSTGRESQL_GSS)
		s->flow[FLOW_ANSWER].skip = 1; /* is answered by one letter */
	s->flow[FLOW_ASK].skip = len - 8;
	return 8;
}

static inline u32 postgresql_step(struct stream *s, const u8 *head, u32 avail, u32 ask,
				  struct found *ret)
{
	struct flow *f = &s->flow[ask ? FLOW_ASK : FLOW_ANSWER];
	u32 type = head[0], len;

	if (ask && !type)
		return postgresql_first(s, head, avail, ret);
	if (avail < 5)
		return ask && type == 0x16 && avail > 1 && head[1] == 3
			       ? found(ret, FOUND_PROTOCOL, 0)
			       : 0;
	len = be32_at(head + 1);
	if (ask && type == 0x16 && head[1] == 3)
		return found(ret, FOUND_PROTOCOL, 0);
	if (len < 4 || len > 0x40000000)
		return found(ret, FOUND_LOST, 0);
	f->skip = len - 4;
	if (ask) {
		if (type == 'Q' || type == 'S' || type == 'F')
			ret->kind = FOUND_ASK;
	} else if (type == 'E') {
		f->status = STATUS_ERROR;
	} else if (type == 'Z') {
		ret->kind = FOUND_ANSWER;
		ret->status = f->status == STATUS_ERROR ? STATUS_ERROR : STATUS_OK;
		f->status = STATUS_OK;
	}
	return 5;
}

/* --- MySQL: packets with a length and a number, which is 0 in a command and 1 in what answers it */

static inline u32 mysql_is_answered(u32 command)
{
	return command != 0x01 /* quit */ && command != 0x18 /* long data */ &&
	       command != 0x19 /* close statement */;
}

static inline u32 mysql_step(struct flow *f, const u8 *head, u32 avail, u32 ask, struct found *ret)
{
	u32 len;

	if (avail < 4)
		return 0;
	len = le32_at(head) & 0xffffff;
	if (len && avail < 5)
		return 0;
	if (ask && !f->begun && head[0] == 0x16 && head[1] == 3)
		return found(ret, FOUND_PROTOCOL, 0);
	f->skip = len;
	if (ask && !head[3]) {
		f->begun = 1;
		if (len && mysql_is_answered(head[4]))
			ret->kind = FOUND_ASK;
	} else if (!ask && head[3] == 1 && len && !f->begun) {
		ret->kind = FOUND_ANSWER;
		ret->status = head[4] == 0xff ? STATUS_ERROR : STATUS_OK;
	}
	if (!ask) /* the 1 that follows is of the same answer, unless this ends it */
		f->begun = !head[3] && len && head[4] < 0xfe;
	return 4;
}

/* --- memcached: lines, some of which say how many bytes follow; or heads of 24 bytes */

/* The word that says how many bytes follow the line; whether there is an answer, resp. it is one. */
static inline void memcached_command(struct flow *f, const u8 *head)
{
	u32 a = head[0], b = head[1];

	f->size_at = 0;
	f->silent = a == 'q';
	/* the first word that may be "noreply", which is a key as good as any: 0: none */
	f->status = a == 'g' ? 0 : a == 'f' ? 2 : 3;
	if (a == 'm')
		f->size_at = b == 's' ? 2 : 0;
	else if ((a == 's' && b == 'e') || a == 'a' || a == 'r' || a == 'p' ||
		 (a == 'c' && b == 'a'))
		f->size_at = 4;
}

static inline void memcached_reply(struct flow *f, const u8 *head)
{
	u32 a = head[0], b = head[1], c = head[2];

	f->size_at = a == 'V' && b == 'A' ? (c == 'L' ? 3 : 1) : 0;
	f->silent = f->size_at == 3 || (a == 'S' && b == 'T' && c == 'A');
	f->status = (a == 'E' && b == 'R') || (a == 'C' && b == 'L') || (a == 'S' && b == 'E')
			    ? STATUS_ERROR
			    : STATUS_OK;
}

static inline void memcached_word(struct flow *f, const u8 *head, u32 len, u32 ask)
{
	u32 number;

	if (f->line == (u32)f->size_at + 1) {
		number = number_at(head, len);
		f->rest = number == NUMBER_NONE ? 0 : number;
	} else if (ask && f->status && f->line >= f->status) {
		if ((head[0] == 'n' && len == 7) || (head[0] == 'q' && len == 1))
			f->silent = 1; /* noreply; or quiet, mostly */
	}
}

static inline void memcached_line_end(struct flow *f, u32 ask, struct found *ret)
{
	if (f->size_at && f->line > f->size_at)
		f->skip = f->rest + 2;
	f->line = 0;
	if (!f->silent) {
		ret->kind = ask ? FOUND_ASK : FOUND_ANSWER;
		ret->status = ask ? STATUS_UNKNOWN : f->status;
	}
}

/* A word of a line. */
static inline u32 memcached_step(struct flow *f, const u8 *head, u32 avail, u32 ask,
				 struct found *ret)
{
	u32 blank = forget(ret, byte_find(head, avail, ' '));
	u32 end = forget(ret, byte_find(head, avail, '\n')), len;

	if (blank >= avail && end >= avail && avail < PROTOCOL_CARRY)
		return 0;
	if (!f->line) {
		if (ask)
			memcached_command(f, head);
		else
			memcached_reply(f, head);
		f->line = 1;
		f->rest = 0;
		f->within = 0;
	}
	len = blank < end ? blank : end;
	if (!f->within)
		memcached_word(f, head, len == end && len ? len - 1 : len, ask);
	f->within = len >= avail;
	if (f->within)
		return avail;
	if (len == end)
		memcached_line_end(f, ask, ret);
	else if (f->line < 255)
		f->line++;
	return len + 1;
}

static inline u32 memcached_is_quiet(u32 opcode)
{
	return opcode == 0x09 || opcode == 0x0d || (opcode >= 0x11 && opcode <= 0x1a) ||
	       opcode == 0x1e || opcode == 0x24;
}

static inline u32 memcached_binary_step(struct flow *f, const u8 *head, u32 avail, u32 ask,
					struct found *ret)
{
	u32 status = be16_at(head + 6);

	if (avail < 24)
		return head[0] == (ask ? 0x80 : 0x81) ? 0 : found(ret, FOUND_LOST, 0);
	if (head[0] != (ask ? 0x80 : 0x81))
		return found(ret, FOUND_LOST, 0);
	f->skip = be32_at(head + 8);
	if (memcached_is_quiet(head[1]) || (!ask && head[1] == 0x10 && be16_at(head + 2)))
		return 24;
	ret->kind = ask ? FOUND_ASK : FOUND_ANSWER;
	/* not found, exists, not stored: answers as good as any */
	ret->status =
		!status || status == 1 || status == 2 || status == 5 ? STATUS_OK : STATUS_ERROR;
	return 24;
}

/* --- DNS on TCP: a length before each message */

static inline u32 dns_status(const u8 *header)
{
	return header[3] & 15 ? STATUS_ERROR : STATUS_OK;
}

static inline u32 dns_is_query(const u8 *header)
{
	return !(header[2] & 0xf8) && !(header[3] & 15) && be16_at(header + 4) == 1 &&
	       !be16_at(header + 6) && !be16_at(header + 8);
}

static inline u32 dns_step(struct flow *f, const u8 *head, u32 avail, u32 ask, struct found *ret)
{
	u32 len = be16_at(head);

	if (avail < 14)
		return 0;
	if (len < 12 || (ask ? !dns_is_query(head + 2) : head[4] < 0x80))
		return found(ret, FOUND_LOST, 0);
	f->skip = len - 12;
	ret->kind = ask ? FOUND_ASK : FOUND_ANSWER;
	ret->status = dns_status(head + 2);
	return 14;
}

/* --- TLS: records, of which those with data are turns */

#define TLS_CCS	      0x14
#define TLS_HANDSHAKE 0x16
#define TLS_DATA      0x17

#define TLS_FINISHED_MAX 96	  /* bytes of TLS 1.2's message Finished, sealed */
#define TLS_ALERT	 (2 + 17) /* bytes of an alert that looks like data, in TLS 1.3 */

/*
 * In TLS 1.3 the end of the client's handshake looks like data: it follows a change of cipher, up to the
 * message Finished, of which only the length is to be seen (32 or 48 bytes, the type, 16 of seal).
 */
static inline u32 tls_step(struct flow *f, const u8 *head, u32 avail, u32 ask, struct found *ret)
{
	u32 type = head[0], len;

	if (avail < 5)
		return 0;
	len = be16_at(head + 3);
	if (type < TLS_CCS || type > 0x18 || head[1] != 3 || len > 0x4200)
		return found(ret, FOUND_LOST, 0);
	f->skip = len;
	if (type == TLS_CCS) {
		f->line = 1;
	} else if (type == TLS_HANDSHAKE) {
		if (len <= TLS_FINISHED_MAX) /* and no second ClientHello */
			f->line = 0;
	} else if (type == TLS_DATA && f->line && ask) {
		f->line = len == 32 + 17 + 4 || len == 48 + 17 + 4 || f->line > 4 ? 0 : f->line + 1;
	} else if (type == TLS_DATA && len != TLS_ALERT) {
		ret->kind = ask ? FOUND_ASK : FOUND_ANSWER;
	}
	return 5;
}

/* --- HTTP/2: frames, each of a stream */

#define HTTP2_HEADERS  1
#define HTTP2_PADDED   0x08
#define HTTP2_PRIORITY 0x20
#define HTTP2_PREFACE  24

/* Three digits in HPACK's Huffman code: 0, 1, 2 have five bits, the others six that begin with 011. */
static inline u32 http2_status_huffman(const u8 *p, u32 len)
{
	u32 bits = be32_at(p), status = 0, used = 0;

	for (u32 i = 0; i < 3; i++) {
		u32 five = bits >> 27, six = bits >> 26, size = five <= 2 ? 5 : 6;

		if (five > 2 && (six < 0x19 || six > 0x1f))
			return STATUS_UNKNOWN;
		status = status * 10 + (five <= 2 ? five : six - 0x16);
		bits <<= size;
		used += size;
	}
	return status >= 100 && used <= 8 * len ? status : STATUS_UNKNOWN;
}

/* The field :status, which comes first, of `len` bytes; STATUS_UNKNOWN where it refers to one of before. */
static inline u32 http2_status(const u8 *p, u32 len)
{
	u32 name = (p[0] & 0xc0) == 0x40 ? p[0] & 0x3f : p[0] & 0x0f, size = p[1] & 0x7f, status;

	switch (p[0]) {
	case 0x88:
		return 200;
	case 0x89:
		return 204;
	case 0x8a:
		return 206;
	case 0x8b:
		return 304;
	case 0x8c:
		return 400;
	case 0x8d:
		return 404;
	case 0x8e:
		return 500;
	}
	/* a text, whose name is one of the numbers of :status */
	if (p[0] & 0x80 || name < 8 || name > 14 || size > 3 || len < 2 + size)
		return STATUS_UNKNOWN;
	if (p[1] & 0x80)
		return http2_status_huffman(p + 2, size);
	status = number_at(p + 2, size);
	return status >= 100 && status <= 599 ? status : STATUS_UNKNOWN;
}

/* How many bytes of a block are a new size of the table. */
static inline u32 http2_resize(const u8 *p)
{
	if ((p[0] & 0xe0) != 0x20)
		return 0;
	if ((p[0] & 0x1f) != 0x1f)
		return 1;
	return !(p[1] & 0x80) ? 2 : !(p[2] & 0x80) ? 3 : !(p[3] & 0x80) ? 4 : 5;
}

/* The status in an answer's headers, which begin at `at` of a frame that ends at `end`. */
static inline u32 http2_answer(const u8 *head, u32 at, u32 end)
{
	end = end < PROTOCOL_CARRY ? end : PROTOCOL_CARRY; /* so many are there */
	at += http2_resize(head + at);
	return at < end ? http2_status(head + at, end - at) : STATUS_UNKNOWN;
}

/* Looks for gRPC's content type in headers, as text or in Huffman code. */
static inline u32 http2_scan(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 n = f->rest < PROTOCOL_CARRY ? f->rest : PROTOCOL_CARRY;
	u64 hits = 0;

	if (avail < n)
		return 0;
	for (u32 i = 0; i < PROTOCOL_CARRY - 3; i++) {
		u64 word = (u32)word_at(head + i), next = (u8)head[i + 4];
		u64 huffman = SCRIPT_EQUAL(word, PROTOCOL_WORD(0x4c, 0x4d, 0x65, 0x64));
		u64 text = SCRIPT_EQUAL(word, PROTOCOL_WORD('/', 'g', 'r', 'p')) &
			   SCRIPT_EQUAL(next, 'c');

		hits |= (huffman & SCRIPT_LESS(i + 3, n)) | (text & SCRIPT_LESS(i + 4, n));
	}
	if (hits) {
		f->line = 0;
		f->skip = f->rest;
		ret->kind = FOUND_PROTOCOL;
		return 0;
	}
	if (f->rest > n)
		n -= 4; /* it may begin at the end of these */
	f->rest -= n;
	f->line = f->rest > 0;
	return n;
}

static inline u32 http2_step(struct flow *f, const u8 *head, u32 avail, u32 ask, u32 scan,
			     struct found *ret)
{
	u32 len, type, flags, at = 9;

	if (f->line)
		return http2_scan(f, head, avail, ret);
	if (avail < 9)
		return 0;
	if (ask && head[0] == 'P' && head[1] == 'R') {
		f->skip = HTTP2_PREFACE - 2;
		return 2;
	}
	len = be32_at(head) >> 8;
	type = head[3];
	flags = head[4];
	if (len > 0x100000 || type > 0x10)
		return found(ret, FOUND_LOST, 0);
	f->skip = len;
	if (type != HTTP2_HEADERS)
		return 9;
	if (avail < 9 + len && avail < PROTOCOL_CARRY) { /* its first field is to be seen */
		f->skip = 0;
		return 0;
	}
	ret->stream = be32_at(head + 5) & 0x7fffffff;
	if (flags & HTTP2_PADDED)
		at += 1;
	if (flags & HTTP2_PRIORITY)
		at += 5;
	if (!ask) {
		ret->kind = FOUND_STREAM_ANSWER;
		ret->status = http2_answer(head, at, 9 + len);
		return 9;
	}
	ret->kind = FOUND_STREAM_ASK;
	if (scan && len && !f->begun) {
		f->begun = 1;
		f->line = 1;
		f->rest = len;
		f->skip = 0;
	}
	return 9;
}

/* --- HTTP/1 */

/* The status in the first bytes of an answer, STATUS_UNKNOWN: they are none. */
static inline u32 http_status(const u8 *head, u32 avail)
{
	if (avail < 12 || le32_at(head) != PROTOCOL_WORD('H', 'T', 'T', 'P') || head[4] != '/' ||
	    head[8] != ' ' || head[9] < '1' || head[9] > '5' || head[10] < '0' || head[10] > '9' ||
	    head[11] < '0' || head[11] > '9')
		return STATUS_UNKNOWN;
	return (head[9] - '0') * 100u + (head[10] - '0') * 10u + (head[11] - '0');
}

static inline u32 http_is_method(u32 word)
{
	switch (word) {
	case PROTOCOL_WORD('G', 'E', 'T', ' '):
	case PROTOCOL_WORD('P', 'O', 'S', 'T'):
	case PROTOCOL_WORD('H', 'E', 'A', 'D'):
	case PROTOCOL_WORD('P', 'U', 'T', ' '):
	case PROTOCOL_WORD('D', 'E', 'L', 'E'):
	case PROTOCOL_WORD('O', 'P', 'T', 'I'):
	case PROTOCOL_WORD('P', 'A', 'T', 'C'):
	case PROTOCOL_WORD('C', 'O', 'N', 'N'):
	case PROTOCOL_WORD('T', 'R', 'A', 'C'):
		return 1;
	}
	return 0;
}

enum http_at { HTTP_START, HTTP_HEAD, HTTP_LENGTH, HTTP_CHUNK, HTTP_TRAILER };

static inline u32 http_start(struct flow *f, const u8 *head, u32 avail, u32 ask, struct found *ret)
{
	u32 status;

	if (head[0] == '\r' || head[0] == '\n')
		return 1;
	if (avail < (ask ? 4 : 12))
		return 0;
	status = http_status(head, avail);
	if (ask ? !http_is_method(le32_at(head)) : !status)
		return found(ret, FOUND_LOST, 0);
	if (ask || status >= 200) {
		ret->kind = ask ? FOUND_ASK : FOUND_ANSWER;
		ret->status = ask ? STATUS_UNKNOWN : status;
	}
	f->line = HTTP_HEAD;
	f->within = 1;
	f->rest = 0;
	f->size_at = 0;				    /* 1: the body comes in chunks */
	f->silent = status == 204 || status == 304; /* there is none */
	return ask ? 4 : 12;
}

/* A field, which may say how long the body is. Returns the bytes of its name, if these are what counts. */
static inline u32 http_field(struct flow *f, const u8 *head)
{
	u64 first = word_at(head) | BYTES(0x20), second = word_at(head + 8) | BYTES(0x20);

	if (first == SCRIPT_WORD('t', 'r', 'a', 'n', 's', 'f', 'e', 'r') &&
	    second == SCRIPT_WORD('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n'))
		f->size_at = 1;
	if (first != SCRIPT_WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-') ||
	    (second & ~0ULL >> 8) !=
		    (SCRIPT_WORD('l', 'e', 'n', 'g', 't', 'h', ':', 0) & ~0ULL >> 8))
		return 0;
	f->line = HTTP_LENGTH;
	return 15;
}

/* What follows its name, up to the end of the line. */
static inline void http_length(struct flow *f, const u8 *head, u32 len)
{
	u32 number = len > 2 ? number_at(head, len - 2) : NUMBER_NONE;

	f->rest = number == NUMBER_NONE ? 0 : number;
	f->line = HTTP_HEAD;
}

/* The line that ends the head, of a request or an answer, of an interim one too. */
static inline void http_body(struct flow *f)
{
	f->line = f->size_at && !f->silent ? HTTP_CHUNK : HTTP_START;
	if (!f->size_at && !f->silent)
		f->skip = f->rest;
}

/* The number that begins a chunk. */
static inline u32 http_chunk(struct flow *f, const u8 *head, struct found *ret)
{
	u32 size = 0, n;

	UNROLL
	for (n = 0; n < 8; n++) {
		u32 digit = (u32)head[n] - '0', letter = (head[n] | 0x20u) - 'a';

		if (digit > 9 && letter > 5)
			break;
		size = size << 4 | (digit > 9 ? letter + 10 : digit);
	}
	n = forget(ret, n);
	size = forget(ret, size);
	if (!n || size > 0x40000000)
		return found(ret, FOUND_LOST, 0);
	f->line = size ? HTTP_CHUNK : HTTP_TRAILER;
	f->rest = size ? size + 2 : 0;
	f->within = 1;
	return n;
}

/* The rest of a line; behind the one that begins a chunk is what it holds. */
static inline u32 http_rest(struct flow *f, u32 len, u32 avail)
{
	if (!len)
		return avail;
	f->within = 0;
	if (f->line == HTTP_CHUNK)
		f->skip = f->rest;
	return len;
}

static inline u32 http_blank(struct flow *f, u32 len)
{
	if (f->line == HTTP_HEAD)
		http_body(f);
	else
		f->line = HTTP_START;
	return len;
}

/* A line, or what begins one. */
static inline u32 http_step(struct flow *f, const u8 *head, u32 avail, u32 ask, struct found *ret)
{
	u32 len, name;

	if (f->line == HTTP_START)
		return http_start(f, head, avail, ask, ret);
	len = forget(ret, line_end(head, avail));
	if (f->within)
		return http_rest(f, len, avail);
	if (!len && avail < PROTOCOL_CARRY)
		return 0;
	if (f->line == HTTP_CHUNK)
		return http_chunk(f, head, ret);
	if (f->line == HTTP_LENGTH) {
		if (head[0] == ' ')
			return 1;
		http_length(f, head, len);
	} else if (head[0] == '\n' || (head[0] == '\r' && head[1] == '\n')) {
		return http_blank(f, len);
	} else if (f->line == HTTP_HEAD) {
		name = http_field(f, head);
		if (name)
			return name;
	}
	f->within = 1;
	return http_rest(f, len, avail);
}

/* --- which protocol it is, by the first bytes of who asks */

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

static inline u32 postgresql_is_first(const u8 *head, u32 avail, u32 total)
{
	u32 len = be32_at(head), code = be32_at(head + 4);

	if (avail < 8 || len < 8 || len > 10000)
		return 0;
	return code >> 16 == POSTGRESQL_VERSION
		       ? (code & 0xffff) < 16 && len <= total
		       : code >= POSTGRESQL_CANCEL && code <= POSTGRESQL_GSS;
}

/* A connection that was there before: only what fits exactly is believed. */
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

/* Of what the asking side has sent, `total` bytes, these are the first. */
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
	if (head[0] == 0x80 && head[1] <= 0x40 && avail >= 24 && be32_at(head + 8) + 24 <= total &&
	    !head[5])
		return PROTOCOL_MEMCACHED_BINARY;
	if (postgresql_is_first(head, avail, total) || postgresql_is_query(head, avail, total))
		return PROTOCOL_POSTGRESQL;
	if (avail >= 14 && be16_at(head) + 2 == total && dns_is_query(head + 2))
		return PROTOCOL_DNS;
	if (mysql_is_command(head, avail, total))
		return PROTOCOL_MYSQL;
	return PROTOCOL_UNKNOWN;
}

/* The same where the answering side speaks first. */
static inline u32 protocol_detect_greeting(const u8 *head, u32 avail, u32 total)
{
	return avail >= 6 && (le32_at(head) & 0xffffff) + 4 == total && !head[3] &&
			       (head[4] == 10 || head[4] == 0xff)
		       ? PROTOCOL_MYSQL
		       : PROTOCOL_UNKNOWN;
}

/* Each request stands in the bytes; of the others (HTTP/1, TLS, unknown) one turn is one request. */
static inline u32 protocol_is_walked(u32 protocol)
{
	return protocol != PROTOCOL_UNKNOWN && protocol != PROTOCOL_HTTP &&
	       protocol != PROTOCOL_SILENT;
}

/* A connection may have several requests under way, whose answers come in any order. */
static inline u32 protocol_has_streams(u32 protocol)
{
	return protocol == PROTOCOL_HTTP2 || protocol == PROTOCOL_GRPC;
}

/*
 * The next step of one direction. `head` is what comes next, s->flow[...].skip is 0. Returns how many
 * bytes it took, 0: more are needed (fewer than PROTOCOL_CARRY are there then), or what was found is
 * FOUND_LOST or FOUND_PROTOCOL.
 */
static inline u32 protocol_step(u32 protocol, u32 ask, struct stream *s, const u8 *head, u32 avail,
				struct found *ret)
{
	struct flow *f = &s->flow[ask ? FLOW_ASK : FLOW_ANSWER];

	ret->kind = FOUND_NOTHING;
	ret->status = STATUS_UNKNOWN;
	ret->protocol = PROTOCOL_TLS;
	switch (protocol) {
	case PROTOCOL_HTTP:
		return http_step(f, head, avail, ask, ret);
	case PROTOCOL_REDIS:
		return redis_step(f, head, avail, ask, ret);
	case PROTOCOL_POSTGRESQL:
		return postgresql_step(s, head, avail, ask, ret);
	case PROTOCOL_MYSQL:
		return mysql_step(f, head, avail, ask, ret);
	case PROTOCOL_MEMCACHED:
		return memcached_step(f, head, avail, ask, ret);
	case PROTOCOL_MEMCACHED_BINARY:
		return memcached_binary_step(f, head, avail, ask, ret);
	case PROTOCOL_DNS:
		return dns_step(f, head, avail, ask, ret);
	case PROTOCOL_TLS:
		return tls_step(f, head, avail, ask, ret);
	case PROTOCOL_HTTP2:
	case PROTOCOL_GRPC:
		ret->protocol = PROTOCOL_GRPC;
		return http2_step(f, head, avail, ask, protocol == PROTOCOL_HTTP2, ret);
	}
	return found(ret, FOUND_LOST, 0);
}

#endif
