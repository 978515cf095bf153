/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests in flight on a connection, in the order in which they arrived. */
#ifndef INFLIGHT_BPF_H
#define INFLIGHT_BPF_H

#include "bits.h"
#include "parser.bpf.h"

/* request_count() of one request, through the socket's slot caches; its owner is valid. */
static __always_inline void request_count_cached(struct sock_ctx *sc, u64 dim, u64 ns)
{
	count_add_at(series_slot_cached(&sc->request.total, requests_total, sc->identity, dim,
					false),
		     1);
	if (ns == NOT_TIMED)
		return;
	hist_add_at(series_slot_cached(&sc->request.duration, request_duration_seconds,
				       sc->identity, without_status(dim), true),
		    ns);
	if (ns >= slow_min_ns)
		slow_request(sc->identity, dim, ns);
}

/* n inbound requests waited `ns` before they were read. */
static __always_inline void queue_add(struct event *e, u64 ns, u32 n)
{
	struct sock_ctx *sc = e->sc;

	hist_add_many_at(series_slot_cached(&sc->request.queue, request_queue_seconds, sc->identity,
					    dimension(request_protocol(&sc->request), 0, 0, 0),
					    true),
			 ns, n);
}

static __always_inline struct inflight *inflight_oldest(struct request_ctx *r)
{
	return &r->inflight[r->oldest % INFLIGHT_GROUPS];
}

static __always_inline void inflight_add(struct request_ctx *r, u64 since_ns, u32 n)
{
	struct inflight *b;

	if (r->outstanding && (r->newest + 1 - r->oldest) % INFLIGHT_GROUPS)
		r->newest++;
	if (r->outstanding || n > 1)
		r->pipelined = 1;
	if (!r->outstanding)
		r->oneway = 0;
	b = &r->inflight[r->newest % INFLIGHT_GROUPS];
	if (!b->cnt || !since_ns) {
		b->since_ns = since_ns;
		b->span = 0;
	} else if (b->since_ns && since_ns > b->since_ns) {
		b->span = (since_ns - b->since_ns) >> 10;
	}
	b->cnt += n;
	r->outstanding += n;
}

/*
 * More bytes of a request, in a protocol that does not tell where a request ends, or that may be another one. Who goes on sending for so long is not
 * waiting for a response, as publishers and those who send logs.
 */
#define ONEWAY_NS 1000000000ULL

static __always_inline void inflight_continues(struct request_ctx *r, u64 now)
{
	u64 since = inflight_oldest(r)->since_ns;

	r->oneway = now > since && now - since > ONEWAY_NS;
}

/* Nobody knows when their responses came. */
static __always_inline void inflight_untimed(struct request_ctx *r)
{
	for (int i = 0; i < INFLIGHT_GROUPS; i++)
		r->inflight[i].since_ns = r->inflight[i].span = 0;
}

/* What is in flight is not looked at any more. */
static __always_inline void inflight_drop(struct request_ctx *r)
{
	__builtin_memset(r->inflight, 0, sizeof(r->inflight));
	r->outstanding = r->unparsed = 0;
	r->response_ns = 0;
}

/* With none in flight the groups are used from the first one on: the fast path uses that one only. */
static __always_inline void inflight_reset(struct request_ctx *r)
{
	if (!r->outstanding)
		r->oldest = r->newest = 0;
}

/*
 * Up to n of the oldest group have responses of the same status. Returns how many. Those of a group are taken to have
 * come evenly. No branches: this is in a loop, where each of them would double what the verifier looks at.
 */
static __always_inline u32 inflight_complete(struct sock_ctx *sc, u64 dim, u32 n, u64 now)
{
	struct request_ctx *r = &sc->request;
	struct inflight *b = inflight_oldest(r);
	u64 response_ns = r->response_ns;
	u32 part;

	n = LEAST(n, b->cnt);
	part = (u64)b->span * n / b->cnt;
	b->span -= part;
	b->since_ns += (u64)part << 10;
	now += (response_ns - now) * SCRIPT_LESS(0, response_ns);
	request_count(sc->identity, dim, n, b->since_ns, now);
	r->response_ns = 0;
	/* a reset may have emptied them meanwhile */
	r->outstanding -= LEAST(n, r->outstanding);
	b->cnt -= LEAST(n, b->cnt);
	r->oldest += SCRIPT_LESS(b->cnt, 1);
	return n;
}

/* The only request in flight has its response. */
static __always_inline void inflight_complete_one(struct sock_ctx *sc, u64 dim, u64 now)
{
	struct request_ctx *r = &sc->request;
	struct inflight *b = inflight_oldest(r);
	u64 response_ns = r->response_ns ?: now;

	request_count_cached(sc, dim, time_since(b->since_ns, response_ns));
	r->outstanding = b->cnt = 0;
	r->response_ns = 0;
}

#endif
