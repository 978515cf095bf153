/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walking through the bytes of a connection from message to message, a window at a time. What a walk carries from
 * step to step is in a table, where the verifier knows nothing of it.
 */
#ifndef WALK_BPF_H
#define WALK_BPF_H

#include "payload.bpf.h"
#include "peer.bpf.h"
#include "sock.bpf.h"

METRIC(requests_total);
METRIC(request_duration_seconds);
METRIC(request_queue_seconds);

static __always_inline u64 dimension(u32 protocol, u32 direction, u32 peer, u32 status)
{
	if (protocol == PROTOCOL_MEMCACHED_BINARY)
		protocol = PROTOCOL_MEMCACHED;
	return protocol | direction << REQUEST_DIRECTION_AT |
	       (status & ((1 << REQUEST_STATUS_BITS) - 1)) << REQUEST_STATUS_AT |
	       (u64)peer << REQUEST_PEER_AT;
}

static __always_inline u64 without_status(u64 dim)
{
	return dim & ~(((1ULL << REQUEST_STATUS_BITS) - 1) << REQUEST_STATUS_AT);
}

/* Requests that took longer wait because they want to; 0: none do. */
const volatile u64 long_poll_ns SEC(".rodata");

#define NOT_TIMED (~0ULL)

/* From `since`, 0: it is not to be timed. */
static __always_inline u64 time_since(u64 since, u64 now)
{
	u64 ns = now > since ? now - since : 0;

	return !since || (long_poll_ns && ns > long_poll_ns) ? NOT_TIMED : ns;
}

__noinline int request_count(u32 identity, u64 dim, u64 n, u64 ns)
{
	count_add_at(series_slot(requests_total, identity, dim, false), n);
	if (ns == NOT_TIMED)
		return 0;
	hist_add_many_at(series_slot(request_duration_seconds, identity, without_status(dim), true),
			 ns, n);
	return 0;
}

/* --- streams: requests of one connection that are answered in any order */

struct stream_key {
	u64 sock;
	u64 stream;
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct stream_key, u64, 16384, 0) request_streams SEC(".maps");

/* --- walking through the bytes */

#define WINDOW	   976 /* bytes looked at at once */
#define WALK_STEPS 72  /* squared */
#define WALK_MASK  1023

/* Answers of one status. */
struct run {
	u32 status, cnt;
};
#define RUNS 8

/* The table in which an event and a walk keep what they work with. */
struct walk {
	struct payload payload;
	struct stream stream;
	struct found found;
	u64 sock, now;
	u32 identity, direction, peer;
	u32 protocol;
	u32 ask;
	u32 pos, len; /* in `bytes`: what is there and not walked through */
	u32 asks;
	u32 waits; /* among them are such that want to wait */
	u32 lost;
	u32 head_len;
	struct run runs[RUNS]; /* answers, in their order */
	u32 run;	       /* the one that is being counted */
	u8 head[PROTOCOL_HEAD];
	u8 bytes[PROTOCOL_CARRY + WALK_MASK + PROTOCOL_HEAD];
};

/* One for what is sent, one for what is received: either may interrupt the other. */
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct walk, 2, 0) request_walks SEC(".maps");

/* Something was sent or received. */
struct event {
	struct sock *sk;
	struct sock_ctx *sc;
	struct walk *w;
	u64 now;
	u32 bytes;
	u32 sent;
	u32 ask; /* or else it answers */
};

static __always_inline struct flow *event_flow(const struct event *e)
{
	struct stream *s = &e->sc->request.stream;

	return e->ask ? &s->flow[FLOW_ASK] : &s->flow[FLOW_ANSWER];
}

static __always_inline struct flow *walk_flow(struct walk *w)
{
	return w->ask ? &w->stream.flow[FLOW_ASK] : &w->stream.flow[FLOW_ANSWER];
}

/* The next bytes, behind those that are left over; 1: there are none. */
static __always_inline int walk_fill(struct walk *w)
{
	u32 rest = w->len - w->pos, n;

	if (rest >= PROTOCOL_CARRY) {
		w->lost = 1;
		return 1;
	}
	if (!w->payload.left && !payload_next(&w->payload))
		return 1;
	n = w->payload.left < WINDOW ? w->payload.left : WINDOW;
	bpf_probe_read_kernel(w->bytes, PROTOCOL_CARRY,
			      &w->bytes[(w->len - PROTOCOL_CARRY) & WALK_MASK]);
	barrier_var(n); /* the compiler knows that it fits, the verifier does not */
	if (bpf_probe_read_user(w->bytes + PROTOCOL_CARRY, n & WALK_MASK, (void *)w->payload.at)) {
		w->lost = 1;
		return 1;
	}
	w->payload.at += n;
	w->payload.left -= n;
	w->pos = PROTOCOL_CARRY - rest;
	w->len = PROTOCOL_CARRY + n;
	return 0;
}

static __always_inline void walk_skip(struct walk *w, struct flow *f)
{
	u32 n = w->len - w->pos;

	n = f->skip < n ? f->skip : n;
	w->pos += n;
	f->skip -= n;
	n = f->skip < w->payload.left ? f->skip : w->payload.left;
	w->payload.at += n;
	w->payload.left -= n;
	f->skip -= n;
}

static __always_inline void walk_stream(struct walk *w)
{
	const struct found *found = &w->found;
	struct stream_key key = { w->sock, found->stream };
	u64 *since;

	if (found->kind == FOUND_STREAM_ASK) {
		bpf_map_update_elem(&request_streams, &key, &w->now, BPF_NOEXIST);
		w->asks++;
		return;
	}
	since = bpf_map_lookup_elem(&request_streams, &key);
	if (!since || (found->status >= 100 && found->status < 200))
		return;
	request_count(w->identity, dimension(w->protocol, w->direction, w->peer, found->status), 1,
		      time_since(*since, w->now));
	bpf_map_delete_elem(&request_streams, &key);
}

static __always_inline void walk_answer(struct walk *w, u32 status)
{
	struct run *run = w->runs;

	/* beyond the last all are as that one */
	for (int i = 0; i < RUNS - 1 && run->cnt && run->status != status; i++)
		run++;
	if (!run->cnt)
		run->status = status;
	run->cnt++;
}

/* Another protocol begins here, between two messages; of streams, it is their kind that is now known. */
static __always_inline void walk_switch(struct walk *w, u32 protocol)
{
	w->protocol = protocol;
	if (protocol == PROTOCOL_TLS)
		__builtin_memset(&w->stream, 0, sizeof(w->stream));
}

static __always_inline void walk_found(struct walk *w)
{
	const struct found *found = &w->found;

	if (found->kind == FOUND_ASK)
		w->asks++;
	else if (found->kind == FOUND_ANSWER)
		walk_answer(w, found->status);
	else if (found->kind == FOUND_STREAM_ASK || found->kind == FOUND_STREAM_ANSWER)
		walk_stream(w);
	else if (found->kind == FOUND_WAIT)
		w->waits = 1;
	else if (found->kind == FOUND_LOST)
		w->lost = 1;
	else if (found->kind == FOUND_PROTOCOL)
		walk_switch(w, found->protocol);
}

/* 1: the end. */
__noinline int walk_step(u32 sent)
{
	struct walk *w = bpf_map_lookup_elem(&request_walks, &sent);
	struct flow *f;
	u32 avail, n;

	if (!w)
		return 1;
	f = walk_flow(w);
	if (f->skip)
		walk_skip(w, f);
	avail = w->len - w->pos;
	if (!avail || f->skip)
		return walk_fill(w);
	if (avail > PROTOCOL_HEAD)
		avail = PROTOCOL_HEAD;
	n = protocol_step(w->protocol, w->ask, &w->stream, &w->bytes[w->pos & WALK_MASK], avail,
			  &w->found);
	w->pos += n;
	walk_found(w);
	if (w->lost)
		return 1;
	return n || w->found.kind ? 0 : walk_fill(w);
}

/* 1: the end. */
__noinline int walk_steps(u32 sent)
{
	for (int i = 0; i < WALK_STEPS; i++)
		if (walk_step(sent))
			return 1;
	return 0;
}

/* Through all the bytes: a loop of loops costs the verifier little. */
__noinline int walk_through(u32 sent)
{
	for (int i = 0; i < WALK_STEPS; i++)
		if (walk_steps(sent))
			break;
	return 0;
}

static __always_inline void flows_reset(struct request_ctx *r)
{
	__builtin_memset(&r->stream, 0, sizeof(r->stream));
	r->lost = 0;
}

/* Bytes of a message of which the length is known, seen or not: nothing begins in them. */
static __always_inline bool walk_past(const struct event *e)
{
	struct flow *f = event_flow(e);

	if (f->skip < e->bytes)
		return false;
	f->skip -= e->bytes;
	return true;
}

__noinline int walk_payload(u32 sent, u32 bytes)
{
	struct walk *w = bpf_map_lookup_elem(&request_walks, &sent);

	return w ? payload_find(&w->payload, bytes) : PAYLOAD_UNSEEN;
}

static __always_inline bool payload_note(const struct event *e, int found)
{
	if (found == PAYLOAD_SEVERAL)
		e->sc->request.several = 1;
	return found;
}

static __noinline int walk_begin(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct flow *f = event_flow(e);
	struct walk *w = e->w;

	if (!payload_note(e, walk_payload(e->sent, e->bytes)))
		return 0;
	w->stream = r->stream;
	w->sock = (u64)e->sk;
	w->now = e->now;
	w->identity = e->sc->identity;
	w->direction = e->sc->direction;
	w->peer = r->peer;
	w->protocol = r->protocol;
	w->ask = e->ask;
	w->asks = w->waits = w->lost = 0;
	__builtin_memset(w->runs, 0, sizeof(w->runs));
	__builtin_memcpy(w->bytes, f->carry, PROTOCOL_CARRY);
	w->pos = PROTOCOL_CARRY - (f->carry_len < PROTOCOL_CARRY ? f->carry_len : 0);
	w->len = PROTOCOL_CARRY;
	walk_flow(w)->carry_len = 0;
	return 1;
}

static __noinline int walk_end(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct walk *w = e->w;
	struct flow *f = walk_flow(w);
	u32 rest = w->len - w->pos;

	if (rest >= PROTOCOL_CARRY)
		w->lost = 1;
	f->carry_len = rest;
	bpf_probe_read_kernel(f->carry, PROTOCOL_CARRY,
			      &w->bytes[(w->len - PROTOCOL_CARRY) & WALK_MASK]);
	if (r->protocol != w->protocol || r->protocol == PROTOCOL_POSTGRESQL)
		r->stream = w->stream;
	else /* the other may be walked through at this moment, on another CPU */
		*event_flow(e) = *f;
	r->protocol = w->protocol;
	r->lost = w->lost;
	return 0;
}

/* Walks through all the bytes; what was found is in e->w. 0: nothing, or r->lost is set. */
static __always_inline int walk(struct event *e)
{
	if (walk_past(e))
		return 0;
	if (!walk_begin(e)) {
		e->sc->request.lost = 1;
		return 0;
	}
	walk_through(e->sent);
	walk_end(e);
	return 1;
}

#endif
