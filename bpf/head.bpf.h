/* SPDX-License-Identifier: GPL-2.0-only */
/* The first bytes of what is sent or received, and of a connection: they tell the protocol. */
#ifndef HEAD_BPF_H
#define HEAD_BPF_H

#include "walk.bpf.h"

/* Reads the first bytes, of the first piece, into the table. */
__noinline int walk_head(u32 sent, u32 bytes)
{
	struct walk *w = bpf_map_lookup_elem(&request_walks, &sent);
	int found = w ? payload_find(&w->payload, bytes) : PAYLOAD_UNSEEN;
	u32 len;

	if (!found)
		return found;
	len = w->payload.left;
	if (len >= PROTOCOL_HEAD) {
		w->head_len = PROTOCOL_HEAD;
		return bpf_probe_read_user(w->head, PROTOCOL_HEAD, (void *)w->payload.at)
			       ? PAYLOAD_UNSEEN
			       : found;
	}
	w->head_len = len;
	barrier_var(len); /* the compiler knows that it fits, the verifier does not */
	return bpf_probe_read_user(w->head, len & (PROTOCOL_HEAD - 1), (void *)w->payload.at)
		       ? PAYLOAD_UNSEEN
		       : found;
}

/* What lies in one piece, at most, into e->w->head. */
static __always_inline bool head_read(const struct event *e)
{
	return payload_note(e, walk_head(e->sent, e->bytes));
}

/* Fills the window as far as a head needs it. */
__noinline int walk_gather(u32 sent)
{
	struct walk *w = bpf_map_lookup_elem(&request_walks, &sent);

	for (int i = 0; i < 4 && w; i++)
		if (w->len - w->pos >= PROTOCOL_CARRY || walk_fill(w))
			break;
	return 0;
}

/* Which protocol these first of `total` bytes are of. */
__noinline int walk_detect(u32 sent, u32 total)
{
	struct walk *w = bpf_map_lookup_elem(&request_walks, &sent);
	const u8 *head;
	u32 avail;

	if (!w)
		return PROTOCOL_UNKNOWN;
	head = &w->bytes[w->pos & WALK_MASK];
	avail = w->len - w->pos < PROTOCOL_HEAD ? w->len - w->pos : PROTOCOL_HEAD;
	return w->ask ? protocol_detect(head, avail, total)
		      : protocol_detect_greeting(head, avail, total);
}

#define FIRST_BYTES 4 /* fewer say nothing */

enum first_bytes { FIRST_UNSEEN, FIRST_FEW, FIRST_THERE };

/*
 * The first bytes of a flow, of which some may have been before, into w->bytes at w->pos, up to w->len. Fewer than
 * `least` are kept for the next time.
 */
static __noinline int first_bytes(struct event *e, u32 least)
{
	struct walk *w = e->w;

	if (!walk_begin(e))
		return FIRST_UNSEEN;
	walk_gather(e->sent);
	if (w->len - w->pos >= least)
		return FIRST_THERE;
	walk_end(e);
	return FIRST_FEW;
}

/* 0: there are too few to tell. */
static __noinline int protocol_find(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 total = e->bytes + event_flow(e)->carry_len;
	int there = first_bytes(e, FIRST_BYTES);
	struct walk *w = e->w;

	if (there != FIRST_THERE)
		return there == FIRST_UNSEEN;
	r->tries++;
	r->protocol = walk_detect(e->sent, total);
	r->tunnel = le32_at(&w->bytes[w->pos & WALK_MASK]) == PROTOCOL_WORD('C', 'O', 'N', 'N');
	return 1;
}

/* The same in w->head, up to PROTOCOL_CARRY bytes. */
static __noinline int head_gather(struct event *e, u32 least)
{
	struct flow *f = event_flow(e);
	struct walk *w = e->w;
	int there;

	if (!f->carry_len && head_read(e) && w->head_len >= least)
		return FIRST_THERE;
	there = first_bytes(e, least);
	if (there == FIRST_FEW)
		return there;
	f->carry_len = 0;
	if (there == FIRST_UNSEEN)
		return there;
	w->head_len = PROTOCOL_CARRY;
	bpf_probe_read_kernel(w->head, PROTOCOL_CARRY, &w->bytes[w->pos & WALK_MASK]);
	return FIRST_THERE;
}

#endif
