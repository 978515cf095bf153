/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* HTTP/2: frames, each belonging to a stream. */
#ifndef SEISMO_PROTOCOL_HTTP2_H
#define SEISMO_PROTOCOL_HTTP2_H

#include "protocol/flow.h"

enum http2_type {
	HTTP2_DATA,
	HTTP2_HEADERS,
	HTTP2_PRIORITIES,
	HTTP2_RESET,
	HTTP2_SETTINGS,
	HTTP2_PUSH,
	HTTP2_PING,
	HTTP2_GOAWAY,
	HTTP2_WINDOW,
	HTTP2_CONTINUATION,
};
#define HTTP2_PADDED   0x08
#define HTTP2_PRIORITY 0x20
#define HTTP2_PREFACE  24

/* The client's first bytes, as many of them as are there. */
static inline u32 http2_is_first(const u8 *head, u32 avail)
{
	return le32_at(head) == PROTOCOL_WORD('P', 'R', 'I', ' ') &&
	       (avail < 8 ||
		word_at(head) == SCRIPT_WORD('P', 'R', 'I', ' ', '*', ' ', 'H', 'T')) &&
	       (avail < 16 ||
		word_at(head + 8) == SCRIPT_WORD('T', 'P', '/', '2', '.', '0', '\r', '\n')) &&
	       (avail < 24 ||
		word_at(head + 16) == SCRIPT_WORD('\r', '\n', 'S', 'M', '\r', '\n', '\r', '\n'));
}

/* The first frame of a server, which has some settings of six bytes each, or none. */
static inline u32 http2_is_settings(const u8 *head)
{
	u32 len = be32_at(head) >> 8;

	return head[3] == HTTP2_SETTINGS && !head[4] && !be32_at(head + 5) && len <= 6 * 64 &&
	       len % 6 == 0;
}

/* Three digits in HPACK's Huffman code: 0, 1 and 2 have five bits, the others six, beginning with 011. */
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

/* The field :status, which comes first, of `len` bytes; STATUS_UNKNOWN if it refers to an earlier header. */
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
	/* a literal whose name is one of the indices of :status */
	if (p[0] & 0x80 || name < 8 || name > 14 || size > 3 || len < 2 + size)
		return STATUS_UNKNOWN;
	if (p[1] & 0x80)
		return http2_status_huffman(p + 2, size);
	status = number_at(p + 2, size);
	return status >= 100 && status <= 599 ? status : STATUS_UNKNOWN;
}

/* The length of a dynamic table size update at the start of a block. */
static inline u32 http2_resize(const u8 *p)
{
	if ((p[0] & 0xe0) != 0x20)
		return 0;
	if ((p[0] & 0x1f) != 0x1f)
		return 1;
	return !(p[1] & 0x80) ? 2 : !(p[2] & 0x80) ? 3 : !(p[3] & 0x80) ? 4 : 5;
}

/* The status in a response's headers, from `at` to the end of the frame at `end`. */
static inline u32 http2_response_status(const u8 *head, u32 at, u32 end)
{
	end = end < PROTOCOL_CARRY ? end : PROTOCOL_CARRY; /* that many are available */
	at += http2_resize(head + at);
	return at < end ? http2_status(head + at, end - at) : STATUS_UNKNOWN;
}

/* Looks for gRPC's content type in the headers, as text or Huffman-coded. */
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
		n -= 4; /* it may begin in the last four */
	f->rest -= n;
	f->line = f->rest > 0;
	return n;
}

#define HTTP2_LEN_MAX 0x100000

/* The header of a frame, of types that are known or not, has lengths and streams that there may be. */
static inline u32 http2_is_frame(u32 type, u32 len, u32 stream)
{
	switch (type) {
	case HTTP2_DATA:
	case HTTP2_HEADERS:
	case HTTP2_PUSH:
	case HTTP2_CONTINUATION:
		return stream && len <= HTTP2_LEN_MAX;
	case HTTP2_PRIORITIES:
		return stream && len == 5;
	case HTTP2_RESET:
		return stream && len == 4;
	case HTTP2_SETTINGS:
		return !stream && len % 6 == 0 && len <= HTTP2_LEN_MAX;
	case HTTP2_PING:
		return !stream && len == 8;
	case HTTP2_GOAWAY:
		return !stream && len >= 8 && len <= HTTP2_LEN_MAX;
	case HTTP2_WINDOW:
		return len == 4;
	}
	return len <= HTTP2_LEN_MAX;
}

static inline u32 http2_step(struct flow *f, const u8 *head, u32 avail, u32 is_request, u32 scan,
			     struct found *ret)
{
	u32 len, type, flags, at = 9;

	if (f->line)
		return http2_scan(f, head, avail, ret);
	if (avail < 9)
		return 0;
	if (is_request && head[0] == 'P' && head[1] == 'R') {
		f->skip = HTTP2_PREFACE - 2;
		return 2;
	}
	len = be32_at(head) >> 8;
	type = head[3];
	flags = head[4];
	ret->stream = be32_at(head + 5) & 0x7fffffff;
	if (!http2_is_frame(type, len, ret->stream))
		return found(ret, FOUND_DESYNC, 0);
	f->skip = len;
	if (type == HTTP2_RESET)
		return found(ret, FOUND_STREAM_RESET, 9);
	if (type != HTTP2_HEADERS)
		return 9;
	if (avail < 9 + len &&
	    avail < PROTOCOL_CARRY) { /* the first header field must be visible */
		f->skip = 0;
		return 0;
	}
	if (flags & HTTP2_PADDED)
		at += 1;
	if (flags & HTTP2_PRIORITY)
		at += 5;
	if (!is_request) {
		ret->kind = FOUND_STREAM_RESPONSE;
		ret->status = http2_response_status(head, at, 9 + len);
		return 9;
	}
	if (ret->stream <= f->last) /* streams are opened in order: these are trailers */
		return 9;
	f->last = ret->stream;
	ret->kind = FOUND_STREAM_REQUEST;
	if (scan && len && !f->begun) {
		f->begun = 1;
		f->line = 1;
		f->rest = len;
		f->skip = 0;
	}
	return 9;
}

#endif
