/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks through the bytes of a connection as the programs in bpf/parser.bpf.h do, in pieces of any size, and notes what
 * is found. A step sees a head of PARSE_WINDOW bytes and not one more, of which those that are not set are `noise`.
 */
#ifndef SEISMO_TEST_PARSER_H
#define SEISMO_TEST_PARSER_H

#include "protocol.h"

#include <stdlib.h>

#define PARSER_CHUNK	 976
#define PARSER_NOTES	 256
#define PARSER_FOUND_MAX 4096 /* what is found later is only counted */

/* The protocol that the first bytes of a client begin. */
static inline u32 protocol_detect(const u8 *head, u32 avail, u32 total, u32 flags)
{
	for (u32 protocol = 1; protocol < PROTOCOL_CNT; protocol++)
		if (protocol_begins(protocol, head, avail, total, flags))
			return protocol;
	return protocol_detect_text(head, avail, flags);
}

struct parser {
	struct stream stream;
	struct hpack hpack;
	u32 protocol;
	u32 desync;
	u32 found_cnt;
	struct found found[PARSER_FOUND_MAX];
	u32 is_request[PARSER_FOUND_MAX]; /* in which direction */
	u32 notes[PARSER_NOTES];
	u32 class; /* the sum of those of errors */
	u8 noise;
};

/* What was noted of a request is there when its response begins: of few numbers, as there are in tests. */
static inline void parser_numbered(struct parser *p, u32 is_request, const struct found *found)
{
	u32 *note = &p->notes[found->number % PARSER_NOTES];

	if (found->kind == FOUND_NUMBERED_REQUEST || found->kind == FOUND_NUMBERED_BLOCKING)
		*note = found->note;
	else if (found->kind == FOUND_NUMBERED_BEGUN)
		p->stream.flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE].note = *note;
}

static inline void parser_note(struct parser *p, u32 is_request, const struct found *found)
{
	parser_numbered(p, is_request, found);
	if (p->found_cnt < PARSER_FOUND_MAX) {
		p->found[p->found_cnt] = *found;
		p->found[p->found_cnt].forgotten = 0;
		p->is_request[p->found_cnt] = is_request;
	}
	p->found_cnt++;
	if (found->kind == FOUND_DESYNC) {
		p->desync = 1;
	} else if (found->kind == FOUND_PROTOCOL) {
		if (p->protocol == found->protocol) /* for ever */
			abort();
		p->protocol = found->protocol;
		if (p->protocol != PROTOCOL_GRPC)
			memset(&p->stream, 0, sizeof(p->stream));
		if (p->protocol == PROTOCOL_HTTP2)
			p->stream.flow[FLOW_REQUEST].last = 1;
	}
}

/* One step at what is next, `len` bytes; how many it took. */
static inline u32 parser_step(struct parser *p, u32 is_request, const u8 *at, u32 len)
{
	struct flow *f = &p->stream.flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 avail = len < PARSE_WINDOW ? len : PARSE_WINDOW, n;
	u8 head[PARSE_WINDOW];
	struct found found = { 0 };

	if (f->skip) {
		n = f->skip < len ? f->skip : len;
		f->skip -= n;
		return n;
	}
	memset(head, p->noise, sizeof(head));
	memcpy(head, at, avail);
	n = protocol_is_numbered(p->protocol)
		    ? numbered_step(p->protocol, is_request, &p->stream, head, avail, &found)
	    : protocol_is_http2(p->protocol)
		    ? stream_step(p->protocol, is_request, &p->stream, &p->hpack, head, avail,
				  &found)
		    : protocol_step(p->protocol, is_request, &p->stream, head, avail, &found);
	if (n > avail || (n && found.kind == FOUND_DESYNC))
		abort();
	if (!n && found.kind != FOUND_DESYNC && found.kind != FOUND_PROTOCOL &&
	    (found.kind || avail >= PROTOCOL_CARRY))
		abort();
	p->class += found.class;
	if (found.kind)
		parser_note(p, is_request, &found);
	return n;
}

/* At most PARSER_CHUNK bytes, behind those that are left over. */
static inline void parser_window(struct parser *p, u32 is_request, const u8 *bytes, u32 cnt)
{
	struct flow *f = &p->stream.flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u8 window[PROTOCOL_CARRY + PARSER_CHUNK];
	u32 len = f->carry_len, pos = 0;

	if (len >= PROTOCOL_CARRY)
		abort();
	memcpy(window, f->carry, len);
	memcpy(window + len, bytes, cnt);
	len += cnt;
	f->carry_len = 0;
	while (pos < len && !p->desync) {
		u32 before = p->protocol, n = parser_step(p, is_request, window + pos, len - pos);

		if (!n && before == p->protocol)
			break;
		pos += n;
	}
	if (p->desync)
		return;
	if (len - pos >= PROTOCOL_CARRY)
		abort();
	f->carry_len = (u8)(len - pos);
	memcpy(f->carry, window + pos, len - pos);
}

/* What a system call moves. */
static inline void parser_piece(struct parser *p, u32 is_request, const u8 *bytes, size_t len)
{
	while (len && !p->desync) {
		u32 n = len < PARSER_CHUNK ? (u32)len : PARSER_CHUNK;

		parser_window(p, is_request, bytes, n);
		bytes += n;
		len -= n;
	}
}

/* Whether the same was found in both, in the same order. */
static inline int parser_is_equal(const struct parser *a, const struct parser *b)
{
	u32 cnt = a->found_cnt < PARSER_FOUND_MAX ? a->found_cnt : PARSER_FOUND_MAX;

	return a->found_cnt == b->found_cnt && a->protocol == b->protocol &&
	       a->desync == b->desync && !memcmp(a->found, b->found, cnt * sizeof(*a->found)) &&
	       !memcmp(a->is_request, b->is_request, cnt * sizeof(*a->is_request));
}

#endif
