/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* HTTP/1. */
#ifndef SEISMO_PROTOCOL_HTTP_H
#define SEISMO_PROTOCOL_HTTP_H

#include "protocol/flow.h"

/* The status code of a response; STATUS_UNKNOWN: these bytes do not begin one. */
static inline u32 http_status(const u8 *head, u32 avail)
{
	if (avail < 12 || le32_at(head) != PROTOCOL_WORD('H', 'T', 'T', 'P') || head[4] != '/' ||
	    head[8] != ' ' || head[9] < '1' || head[9] > '9' || head[10] < '0' || head[10] > '9' ||
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

#define HTTP_METHOD_MAX 24 /* bytes of a method, with the blank behind it */

/* Of eight bytes the top bits of those that are not 0. */
static inline u64 bytes_set(u64 word)
{
	return (((word & BYTES(0x7f)) + BYTES(0x7f)) | word) & BYTES(0x80);
}

/* Any method: capital letters, as all have that are registered; some with dashes. Eight bytes at a time: it takes little stack. */
static inline u32 http_is_token(const u8 *head, u32 len)
{
	u64 bad = 0;

	UNROLL
	for (u32 i = 0; i < HTTP_METHOD_MAX; i += 8) {
		u64 word = word_at(head + i);
		u64 other = bytes_set((word ^ BYTES(0x40)) & BYTES(0xe0)) &
			    bytes_set(word ^ BYTES('-'));
		u32 keep = (len - LEAST(len, i)) * 4, half = LEAST(keep, 32U);

		bad |= other & (((1ULL << half) << half) - 1);
	}
	return !bad && head[0] > '@';
}

/* These bytes begin a request: with a method, and if that is none of the known ones, a target. */
static inline u32 http_may_begin(const u8 *head, u32 avail)
{
	u32 len, target;

	if (avail >= 4 && http_is_method(le32_at(head)))
		return 1;
	len = byte_find(head, avail, ' ');
	len = len < avail ? len : avail;
	if (len >= HTTP_METHOD_MAX || !http_is_token(head, len) || (len < avail && len < 3) ||
	    (avail >= 4 && le32_at(head) == PROTOCOL_WORD('P', 'R', 'I', ' '))) /* HTTP/2 */
		return 0;
	target = head[within_window(len + 1)];
	return len + 1 >= avail || target == '/' || target == '*' || target == 'h';
}

/*
 * The end of a request line has the version. `len`: bytes up to the end of the line, of which HTTP_VERSION at least are
 * there if the line is that long.
 */
#define HTTP_VERSION 10 /* bytes of "HTTP/1.1\r\n" */

static inline u32 http_has_version(const u8 *head, u32 len)
{
	u64 word;
	u32 at;

	if (len < HTTP_VERSION)
		return 0;
	at = len - HTTP_VERSION + (head[within_window(len - 2)] != '\r');
	word = word_at(head + within_window(at));
	return (word & ~0ULL >> 8) == SCRIPT_WORD('H', 'T', 'T', 'P', '/', '1', '.', 0);
}

/* HTTP/0.9 has GET alone, and no version. */
static inline u32 http_is_get(const u8 *head)
{
	return le32_at(head) == PROTOCOL_WORD('G', 'E', 'T', ' ');
}

/* The first bytes of a connection, four at least: what has not been read of `total` may tell more. */
static inline u32 http_is_first(const u8 *head, u32 avail, u32 total)
{
	u32 end = line_end(head, avail);

	if (!http_may_begin(head, avail))
		return 0;
	if (!end)
		return avail >= PROTOCOL_CARRY || avail >= total;
	return http_has_version(head, end) || (http_is_get(head) && head[4] == '/');
}

/* The response is still to come. After 101 the connection speaks another protocol, which may be one that answers. */
#define HTTP_SWITCHES 101

static inline u32 http_is_interim(u32 status)
{
	return status >= 100 && status < 200;
}

enum http_at {
	HTTP_START,
	HTTP_FIRST,
	HTTP_HEAD,
	HTTP_LENGTH,
	HTTP_CHUNK,
	HTTP_TRAILER,
	HTTP_LONG, /* in a body of which so many times 4 GiB are left (f->last) */
};

/*
 * Responses to HEAD have no body, whatever they say. Of the last HTTP_HEADS requests it is known which are HEAD: f->string and
 * f->digits have a bit for each, f->stream is the number of the next one; of responses too.
 */
#define HTTP_HEADS 64

static inline void http_number(struct flow *f, u32 is_head)
{
	u32 bit = 1U << (f->stream & 31), set = bit * is_head, second = f->stream >> 5 & 1;

	f->string = second ? f->string : (f->string & ~bit) | set;
	f->digits = second ? (f->digits & ~bit) | set : f->digits;
	f->stream++;
}

/* The next response belongs to the next request. */
static inline void http_align(struct stream *s)
{
	s->flow[FLOW_RESPONSE].stream = s->flow[FLOW_REQUEST].stream;
}

static inline u32 http_answers_head(struct stream *s)
{
	const struct flow *f = &s->flow[FLOW_REQUEST];
	u32 number = s->flow[FLOW_RESPONSE].stream++;
	u32 bits = number >> 5 & 1 ? f->digits : f->string;

	return bits >> (number & 31) & (u32)SCRIPT_LESS(f->stream - number - 1, HTTP_HEADS);
}

static inline u32 http_start(struct stream *s, const u8 *head, u32 avail, u32 is_request,
			     struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 status, bodyless = 0;

	if (head[0] == '\r' || head[0] == '\n')
		return 1;
	if (avail < (is_request ? 4 : 12))
		return 0;
	status = http_status(head, avail);
	if (!forget(ret, is_request ? http_may_begin(head, avail) : status))
		return found(ret, FOUND_DESYNC, 0);
	avail = forget(ret, avail);
	if (is_request && avail < HTTP_METHOD_MAX && byte_find(head, avail, ' ') + 1 >= avail)
		return 0; /* the target tells, too */
	if (is_request) {
		ret->kind = FOUND_REQUEST;
		http_number(f, le32_at(head) == PROTOCOL_WORD('H', 'E', 'A', 'D'));
	} else if (!http_is_interim(status)) {
		ret->kind = FOUND_RESPONSE;
		ret->status = status;
		bodyless = http_answers_head(s) | (status == 204) | (status == 304);
	}
	f->named = is_request && le32_at(head) == PROTOCOL_WORD('C', 'O', 'N', 'N');
	f->line = is_request ? HTTP_FIRST : HTTP_HEAD;
	/* may be without a version: a name alone */
	f->status = is_request ? http_is_get(head) : status == HTTP_SWITCHES ? HTTP_SWITCHES : 0;
	f->within = 1;
	f->rest = f->last = 0;
	f->size_at = 0; /* 1: chunked body */
	f->no_reply = bodyless;
	return is_request ? 4 : 12;
}

/* The rest of the request line, of which as many bytes are left as are needed to see the version at its end. */
static inline u32 http_first(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 len = forget(ret, line_end(head, avail)), blank = byte_find(head, avail, ' ');

	if (!len && avail < PROTOCOL_CARRY)
		return 0;
	if (blank < (len ? len : avail - HTTP_VERSION - 1))
		f->status = 0;
	if (!len)
		return avail - HTTP_VERSION - 1;
	f->within = 0;
	f->line = HTTP_HEAD;
	if (forget(ret, http_has_version(head, len)))
		return len;
	if (!f->status)
		return found(ret, FOUND_DESYNC, 0);
	f->line = HTTP_START;
	return len;
}

/* Looks at a header field. Returns the length of its name if it is Content-Length, else 0. */
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

/* The field of a response by which the connection becomes one of HTTP/2. */
static inline u32 http_is_h2c(const u8 *head)
{
	u64 first = word_at(head) | BYTES(0x20), second = word_at(head + 8) | BYTES(0x20);

	return first == SCRIPT_WORD('u', 'p', 'g', 'r', 'a', 'd', 'e', ':') &&
	       (u32)second == PROTOCOL_WORD(' ', 'h', '2', 'c');
}

#define HTTP_LENGTH_DIGITS 16

/* The value of Content-Length, behind blanks; others may follow. */
static inline void http_length(struct flow *f, const u8 *head)
{
	u64 number = 0;
	u32 more = 1;

	UNROLL
	for (u32 i = 0; i < HTTP_LENGTH_DIGITS; i++) {
		u32 digit = (u32)head[i] - '0';

		more &= (u32)SCRIPT_LESS(digit, 10);
		number += more * (9 * number + digit);
	}
	f->rest = (u32)number;
	f->last = (u32)(number >> 32);
	f->line = HTTP_HEAD;
}

/* The empty line that ends the header of a request or a response, interim ones included. */
static inline void http_body(struct flow *f)
{
	f->line = f->size_at && !f->no_reply ? HTTP_CHUNK : HTTP_START;
	if (f->size_at || f->no_reply)
		return;
	f->skip = f->rest;
	if (f->last)
		f->line = HTTP_LONG;
}

/* The next 4 GiB of a body, of which one byte is here. */
static inline u32 http_long(struct flow *f)
{
	f->last--;
	f->line = f->last ? HTTP_LONG : HTTP_START;
	f->skip = ~0U;
	return 1;
}

/* The size at the start of a chunk. */
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
		return found(ret, FOUND_DESYNC, 0);
	f->line = size ? HTTP_CHUNK : HTTP_TRAILER;
	f->rest = size ? size + 2 : 0;
	f->within = 1;
	return n;
}

/* The rest of a line; after a chunk's size line comes its data. */
static inline u32 http_rest(struct flow *f, u32 len, u32 avail)
{
	if (!len)
		return avail;
	f->within = 0;
	if (f->line == HTTP_CHUNK)
		f->skip = f->rest;
	return len;
}

static inline u32 http_blank(struct flow *f, u32 len, struct found *ret)
{
	if (f->status == HTTP_SWITCHES) {
		ret->kind = f->named ? FOUND_PROTOCOL : FOUND_RESPONSE;
		ret->status = HTTP_SWITCHES;
		ret->protocol = PROTOCOL_HTTP2;
		f->status = 0;
	}
	if (f->line == HTTP_HEAD)
		http_body(f);
	else
		f->line = HTTP_START;
	return len;
}

/* One line, or the start of one. */
static inline u32 http_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
			    struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 len, name;

	if (f->line == HTTP_START)
		return http_start(s, head, avail, is_request, ret);
	if (f->line == HTTP_FIRST)
		return http_first(f, head, avail, ret);
	if (f->line == HTTP_LONG)
		return http_long(f);
	len = forget(ret, line_end(head, avail));
	if (f->within)
		return http_rest(f, len, avail);
	if (!len && avail < PROTOCOL_CARRY)
		return 0;
	if (f->line == HTTP_CHUNK)
		return http_chunk(f, head, ret);
	if (f->line == HTTP_LENGTH) {
		if (head[0] == ' ' || head[0] == '\t')
			return 1;
		http_length(f, head);
	} else if (head[0] == '\n' || (head[0] == '\r' && head[1] == '\n')) {
		return http_blank(f, len, ret);
	} else if (f->line == HTTP_HEAD) {
		if (f->status == HTTP_SWITCHES)
			f->named |= http_is_h2c(head);
		name = http_field(f, head);
		if (name)
			return name;
	}
	f->within = 1;
	return http_rest(f, len, avail);
}

#endif
