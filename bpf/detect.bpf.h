/* SPDX-License-Identifier: GPL-2.0-only */
/* The first bytes of a send or receive, and of a connection: they identify the protocol. */
#ifndef DETECT_BPF_H
#define DETECT_BPF_H

#include "bytes.bpf.h"
#include "parser.bpf.h"

/* Reads the start of the first buffer into the table. */
__noinline int parser_head(u32 slot, u32 bytes)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);
	int found = p ? payload_find(&p->payload, bytes) : PAYLOAD_UNREADABLE;
	u32 len;

	if (!found)
		return found;
	len = p->payload.left;
	if (len >= PARSE_WINDOW) {
		p->head_len = PARSE_WINDOW;
		return bpf_probe_read_user(p->head, PARSE_WINDOW, (void *)p->payload.at)
			       ? PAYLOAD_UNREADABLE
			       : found;
	}
	p->head_len = len;
	barrier_var(len); /* the compiler would drop the mask that the verifier needs */
	return bpf_probe_read_user(p->head, len & (PARSE_WINDOW - 1), (void *)p->payload.at)
		       ? PAYLOAD_UNREADABLE
		       : found;
}

/* Reads into e->p->head, from the first buffer only. */
static __always_inline bool head_read(const struct event *e)
{
	return !is_spliced(e) && payload_note(e, parser_head(e->p->slot, e->bytes));
}

/* Fills p->bytes until there is enough for a head. */
__noinline int parser_gather(u32 slot)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	for (int i = 0; i < 4 && p; i++)
		if (p->len - p->pos >= PROTOCOL_CARRY || parser_fill(p))
			break;
	return 0;
}

/* Whether these bytes, the first of `total`, begin a connection of the protocol. */
__noinline int parser_begins(u32 slot, u32 protocol, u32 total, u32 flags)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);
	u32 avail;

	if (!p)
		return 0;
	avail = p->len - p->pos < PARSE_WINDOW ? p->len - p->pos : PARSE_WINDOW;
	return protocol_begins(protocol, &p->bytes[p->pos & PARSER_MASK], avail, total, flags);
}

__noinline int parser_greets(u32 slot, u32 total)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);
	u32 avail;

	if (!p)
		return PROTOCOL_UNKNOWN;
	avail = p->len - p->pos < PARSE_WINDOW ? p->len - p->pos : PARSE_WINDOW;
	return protocol_detect_greeting(&p->bytes[p->pos & PARSER_MASK], avail, total);
}

__noinline int parser_detect_text(u32 slot, u32 flags)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);
	u32 avail;

	if (!p)
		return PROTOCOL_UNKNOWN;
	avail = p->len - p->pos < PARSE_WINDOW ? p->len - p->pos : PARSE_WINDOW;
	return protocol_detect_text(&p->bytes[p->pos & PARSER_MASK], avail, flags);
}

/* The protocol of these bytes. The verifier checks parser_begins() once, for any protocol. */
__noinline int parser_detect(u32 slot, u32 total, u32 flags)
{
	for (u32 protocol = 1; protocol < PROTOCOL_CNT; protocol++)
		if (parser_begins(slot, protocol, total, flags))
			return protocol;
	return parser_detect_text(slot, flags);
}

#define DETECT_MIN 4 /* bytes needed to tell the protocol */

enum head_state { HEAD_UNREADABLE, HEAD_SHORT, HEAD_READY };

/*
 * Gathers the first bytes of a flow, including those carried over, in p->bytes from p->pos to p->len. If there are
 * fewer than `least`, they are carried over to the next event.
 */
static __noinline int parser_peek(struct event *e, u32 least)
{
	struct parser *p = e->p;

	if (!parser_begin(e))
		return HEAD_UNREADABLE;
	parser_gather(e->p->slot);
	if (p->len - p->pos >= least)
		return HEAD_READY;
	parser_end(e);
	return HEAD_SHORT;
}

/* Bytes received by the kernel and not yet read. */
static __always_inline u32 unread(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);

	return tp ? READ(tp, rcv_nxt) - READ(tp, copied_seq) : 0;
}

/* The length of the header of the PROXY protocol that these bytes begin with; 0: there is none, or not all of it. */
__noinline int parser_proxy(u32 slot)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);
	u32 avail, len = 0;

	if (!p)
		return 0;
	avail = p->len - p->pos;
	if (!proxy_is_line(&p->bytes[p->pos & PARSER_MASK])) {
		len = proxy_len(&p->bytes[p->pos & PARSER_MASK], avail);
		return len <= avail ? len : 0;
	}
	UNROLL
	for (u32 at = 0; at < PROXY_LINE_MAX; at += PARSE_WINDOW) {
		u32 end = byte_find(&p->bytes[(p->pos + at) & PARSER_MASK], PARSE_WINDOW, '\n');

		if (!len && end < PARSE_WINDOW)
			len = at + end + 1;
	}
	return len <= avail ? len : 0;
}

/* The first bytes of the first request were too few to tell the protocol; since begun_ns. */
static __always_inline bool detect_waits(const struct request_ctx *r)
{
	return !r->protocol && !r->outstanding &&
	       r->stream.flow[FLOW_REQUEST].carry_len >= DETECT_MIN;
}

/*
 * 0: too few bytes to tell. A server may read the length of a message first, and then the rest, which has arrived.
 */
static __noinline int event_detect_protocol(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 total = e->bytes + event_flow(e)->carry_len,
	    more = e->sent || plain_text ? 0 : unread(e->sk),
	    follows = plain_text ? e->p->plain_more : more && !r->answered_ns;
	u32 carried = detect_waits(r);
	int there = parser_peek(e, DETECT_MIN);
	struct parser *p = e->p;
	u32 proxy;

	if (there != HEAD_READY)
		return there == HEAD_UNREADABLE;
	proxy = e->is_request && !r->tries ? parser_proxy(e->p->slot) : 0;
	if (proxy && proxy == total) { /* the request is still to come */
		event_flow(e)->carry_len = 0;
		return 0;
	}
	p->pos += proxy;
	total -= proxy;
	r->protocol = e->is_request ? parser_detect(e->p->slot, total + more,
						    (!r->watched || r->tries ? DETECT_LATE : 0) |
							    (r->greeted ? DETECT_GREETED : 0))
				    : parser_greets(e->p->slot, total + more);
	if (!r->protocol && follows && !proxy && p->len - p->pos < PROTOCOL_CARRY) {
		if (!carried)
			r->begun_ns = e->now;
		parser_end(e);
		return 0;
	}
	if (carried)
		e->now = r->begun_ns;
	r->tries++;
	r->lines = r->protocol == PROTOCOL_REDIS && p->bytes[p->pos & PARSER_MASK] != '*';
	if (!r->protocol)
		event_flow(e)->carry_len = 0;
	else
		event_flow(e)->skip = proxy;
	return 1;
}

/* Gathers the first bytes in p->head, up to PROTOCOL_CARRY of them. */
static __noinline int head_gather(struct event *e, u32 least)
{
	struct flow *f = event_flow(e);
	struct parser *p = e->p;
	int there;

	if (!f->carry_len && head_read(e) && p->head_len >= least)
		return HEAD_READY;
	there = parser_peek(e, least);
	if (there == HEAD_SHORT)
		return there;
	f->carry_len = 0;
	if (there == HEAD_UNREADABLE)
		return there;
	p->head_len = PROTOCOL_CARRY;
	bpf_probe_read_kernel(p->head, PROTOCOL_CARRY, &p->bytes[p->pos & PARSER_MASK]);
	return HEAD_READY;
}

#endif
