/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* HTTP/2: frames, each belonging to a stream. */
#ifndef SEISMO_PROTOCOL_HTTP2_H
#define SEISMO_PROTOCOL_HTTP2_H

#include "protocol/hpack.h"

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
#define HTTP2_END_STREAM  0x01
#define HTTP2_END_HEADERS 0x04
#define HTTP2_PADDED	  0x08
#define HTTP2_PRIORITY	  0x20
#define HTTP2_FRAME	  9
#define HTTP2_PREFACE	  24
#define GRPC_PREFIX	  5 /* before each message of gRPC: whether it is compressed, and its length */

/* In flow.no_reply, of responses. */
enum http2_block {
	HTTP2_ENDS = 1,	     /* the stream ends with this block of headers */
	HTTP2_PROMISES = 2,  /* it is no response, but what the server will send unasked */
	HTTP2_CONTINUES = 4, /* more of the block follows in another frame */
};

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

#define HTTP2_LEN_MAX 0x100000 /* of a frame without data */

/*
 * The header of a frame, of types that are known or not, has lengths and streams that there may be. gRPC makes frames of data as long as
 * 24 bits can tell.
 */
static inline u32 http2_is_frame(u32 type, u32 len, u32 stream)
{
	switch (type) {
	case HTTP2_DATA:
		return stream;
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

/* What is behind the frame at the begin, as far as it is there, may be another one. */
static inline u32 http2_goes_on(const u8 *head, u32 avail, u32 total, u32 at)
{
	const u8 *next = head + within_window(at);
	u32 len = be32_at(next) >> 8;

	if (total == at || avail < at + HTTP2_FRAME)
		return total == at || avail < total;
	return http2_is_frame(next[3], len, be32_at(next + 5)) && len <= HTTP2_LEN_MAX &&
	       next[3] <= HTTP2_CONTINUATION;
}

/*
 * A frame of a client in the middle of a connection: with the headers of a request, of which the first field is one that
 * begins them, or one with which a client goes on, alone or before another one.
 */
static inline u32 http2_is_late(const u8 *head, u32 avail, u32 total)
{
	u32 len = be32_at(head) >> 8, flags = head[4], stream = be32_at(head + 5);
	u32 at = HTTP2_FRAME + (flags & HTTP2_PRIORITY ? 5 : 0), field;

	if (avail < HTTP2_FRAME + 4 || avail <= at)
		return 0;
	if (head[3] == HTTP2_PING)
		return len == 8 && flags <= 1 && !stream &&
		       http2_goes_on(head, avail, total, HTTP2_FRAME + 8);
	if (head[3] == HTTP2_WINDOW)
		return len == 4 && !flags && stream >> 24 == 0 &&
		       be32_at(head + HTTP2_FRAME) - 1 < 0x7fffffff &&
		       http2_goes_on(head, avail, total, HTTP2_FRAME + 4);
	field = head[within_window(at)];
	flags |= HTTP2_END_STREAM | HTTP2_PRIORITY;
	return head[3] == HTTP2_HEADERS && stream % 2 && stream >> 24 == 0 &&
	       flags == (HTTP2_END_STREAM | HTTP2_END_HEADERS | HTTP2_PRIORITY) &&
	       len + HTTP2_FRAME <= total && len >= 3 &&
	       ((field > 0x80 && field < 0x88) || field >= 0xbe || (field & 0xbf) == 1 ||
		(field & 0xbf) == 4);
}

/* The headers that end here, or may be continued. */
static inline u32 http2_block_end(struct flow *f, struct found *ret, u32 consumed)
{
	f->line = 0;
	f->skip += f->size_at; /* padding */
	if (f->no_reply & HTTP2_CONTINUES)
		return consumed;
	f->within = HPACK_FIELD;
	f->string = 0;
	if (f->no_reply & HTTP2_PROMISES)
		return consumed;
	ret->stream = f->stream;
	ret->status = f->code;
	ret->grpc = f->status;
	ret->ends = f->no_reply & HTTP2_ENDS;
	return found(ret, FOUND_STREAM_RESPONSE, consumed);
}

/* A frame with headers that a server sends, `len` bytes of it. */
static inline u32 http2_headers(struct flow *f, const u8 *head, u32 avail, u32 len,
				struct found *ret)
{
	u32 type = head[3], flags = head[4], padded = flags & HTTP2_PADDED, more = 0;

	if (type == HTTP2_CONTINUATION)
		padded = 0;
	else if (type == HTTP2_PUSH)
		more = 4;
	else if (flags & HTTP2_PRIORITY)
		more = 5;
	more += !!padded;
	if (avail < HTTP2_FRAME + more)
		return 0;
	f->size_at = padded ? head[HTTP2_FRAME] : 0;
	if (len < more + f->size_at)
		return found(ret, FOUND_DESYNC, 0);
	if (type != HTTP2_CONTINUATION) {
		f->stream = ret->stream;
		f->code = f->status = 0;
		f->no_reply = type == HTTP2_PUSH ? HTTP2_PROMISES : flags & HTTP2_END_STREAM;
	}
	f->no_reply &= ~HTTP2_CONTINUES & 0xff;
	f->no_reply |= flags & HTTP2_END_HEADERS ? 0 : HTTP2_CONTINUES;
	f->rest = len - more - f->size_at;
	f->line = 1;
	more += HTTP2_FRAME;
	return f->rest ? more : http2_block_end(f, ret, more);
}

/* The next part of such headers. */
static inline u32 http2_fields(struct flow *f, struct hpack *h, const u8 *head, u32 avail,
			       struct found *ret)
{
	u32 n = hpack_step(f, h, head, avail < f->rest ? avail : f->rest);

	return f->rest ? n : http2_block_end(f, ret, n);
}

/* A frame of a server. */
static inline u32 http2_response(struct flow *f, struct hpack *h, const u8 *head, u32 avail,
				 struct found *ret)
{
	u32 len = be32_at(head) >> 8, type = head[3];

	if (f->no_reply & HTTP2_CONTINUES &&
	    (type != HTTP2_CONTINUATION || ret->stream != f->stream))
		return found(ret, FOUND_DESYNC, 0);
	if (type == HTTP2_CONTINUATION && !(f->no_reply & HTTP2_CONTINUES))
		hpack_lose(f, h); /* it began before anything was seen */
	else if (type == HTTP2_HEADERS || type == HTTP2_PUSH || type == HTTP2_CONTINUATION)
		return http2_headers(f, head, avail, len, ret);
	f->skip = len;
	if (type == HTTP2_DATA && head[4] & HTTP2_END_STREAM)
		ret->kind = FOUND_STREAM_END;
	return HTTP2_FRAME;
}

/* The data is one message of gRPC. */
static inline u32 http2_is_message(const u8 *head, u32 len)
{
	return head[3] == HTTP2_DATA && !(head[4] & HTTP2_PADDED) && len >= GRPC_PREFIX &&
	       head[HTTP2_FRAME] <= 1 && be32_at(head + HTTP2_FRAME + 1) == len - GRPC_PREFIX;
}

/* A frame of a client. gRPC is told by the type of the first request, or a message of any. */
static inline u32 http2_request(struct flow *f, const u8 *head, u32 avail, u32 scan,
				struct found *ret)
{
	u32 len = be32_at(head) >> 8;

	if (scan && head[3] == HTTP2_DATA && len >= GRPC_PREFIX) {
		if (avail < HTTP2_FRAME + GRPC_PREFIX)
			return 0;
		if (http2_is_message(head, len))
			return found(ret, FOUND_PROTOCOL, 0);
	}
	f->skip = len;
	if (head[3] != HTTP2_HEADERS || ret->stream <= f->last)
		return HTTP2_FRAME; /* streams are opened in order: others are trailers */
	f->last = ret->stream;
	if (scan && len && !f->begun) {
		f->begun = 1;
		f->line = 1;
		f->rest = len;
		f->skip = 0;
	}
	return found(ret, FOUND_STREAM_REQUEST, HTTP2_FRAME);
}

/* The code with which a stream is given up. */
static inline u32 http2_reset(const u8 *head, u32 avail, struct found *ret)
{
	if (avail < HTTP2_FRAME + 4)
		return 0;
	ret->status = be32_at(head + HTTP2_FRAME);
	return found(ret, FOUND_STREAM_RESET, HTTP2_FRAME + 4);
}

/* --- what counts as the status of a call of gRPC */

static inline u32 grpc_is_status(u32 status)
{
	return status < 100;
}

/*
 * The response had no status of its own. Where it is an error of HTTP, as by a proxy, clients take it for the one that the
 * specification names (HTTP to gRPC status code mapping). One that succeeded is no call of gRPC, unless its trailers may
 * have a status that is not known: `bare` are those without trailers.
 */
static inline u32 grpc_status(u32 http, u32 bare)
{
	switch (http) {
	case STATUS_UNKNOWN:
		return STATUS_UNKNOWN;
	case 400:
		return STATUS_GRPC + GRPC_INTERNAL;
	case 401:
		return STATUS_GRPC + GRPC_UNAUTHENTICATED;
	case 403:
		return STATUS_GRPC + GRPC_PERMISSION_DENIED;
	case 404:
		return STATUS_GRPC + GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return STATUS_GRPC + GRPC_UNAVAILABLE;
	}
	if (http < 400)
		return http == 200 && !bare ? STATUS_UNKNOWN : http;
	return STATUS_GRPC + GRPC_UNKNOWN;
}

/* What clients take the code of a reset for; after CANCEL they have cancelled it themselves, or the time was up. */
static inline u32 grpc_reset_status(u32 code)
{
	switch (code) {
	case 7: /* REFUSED_STREAM */
		return STATUS_GRPC + GRPC_UNAVAILABLE;
	case 8: /* CANCEL */
		return STATUS_GRPC + GRPC_CANCELLED;
	case 11: /* ENHANCE_YOUR_CALM */
		return STATUS_GRPC + GRPC_RESOURCE_EXHAUSTED;
	case 12: /* INADEQUATE_SECURITY */
		return STATUS_GRPC + GRPC_PERMISSION_DENIED;
	}
	return STATUS_GRPC + GRPC_INTERNAL;
}

static INLINE u32 http2_step(struct flow *f, struct hpack *h, const u8 *head, u32 avail,
			     u32 is_request, u32 is_grpc, struct found *ret)
{
	if (f->line)
		return is_request ? http2_scan(f, head, avail, ret)
				  : http2_fields(f, h, head, avail, ret);
	if (avail < HTTP2_FRAME)
		return 0;
	if (is_request && head[0] == 'P' && head[1] == 'R') {
		f->skip = HTTP2_PREFACE - 2;
		return 2;
	}
	ret->stream = be32_at(head + 5) & 0x7fffffff;
	if (!http2_is_frame(head[3], be32_at(head) >> 8, ret->stream))
		return found(ret, FOUND_DESYNC, 0);
	if (head[3] == HTTP2_RESET)
		return http2_reset(head, avail, ret);
	return is_request ? http2_request(f, head, avail, !is_grpc, ret)
			  : http2_response(f, h, head, avail, ret);
}

#endif
