/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests in flight on a connection, in the order in which they arrived. */
#ifndef INFLIGHT_BPF_H
#define INFLIGHT_BPF_H

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
}

/* n inbound requests waited `ns` before they were read. */
static __always_inline void queue_add(struct event *e, u64 ns, u32 n)
{
	struct sock_ctx *sc = e->sc;

	hist_add_many_at(series_slot_cached(&sc->request.queue, request_queue_seconds, sc->identity,
					    dimension(sc->request.protocol, 0, 0, 0), true),
			 ns, n);
}

static __always_inline void inflight_add(struct request_ctx *r, u64 since_ns, u32 n)
{
	struct inflight *b = &r->inflight[0];

	if (r->outstanding) {
		r->pipelined = 1;
		b = !r->inflight[1].cnt	  ? &r->inflight[1]
		    : !r->inflight[2].cnt ? &r->inflight[2]
					  : &r->inflight[3];
	} else if (n > 1) {
		r->pipelined = 1;
	}
	if (!b->cnt)
		b->since_ns = since_ns;
	b->cnt += n;
	r->outstanding += n;
}

static __always_inline void inflight_shift(struct request_ctx *r)
{
	r->inflight[0] = r->inflight[1];
	r->inflight[1] = r->inflight[2];
	r->inflight[2] = r->inflight[3];
	r->inflight[3].cnt = 0;
}

/* Up to n of the oldest group have responses of the same status. Returns how many. */
static __always_inline u32 inflight_complete(struct sock_ctx *sc, u64 dim, u32 n, u64 now)
{
	struct request_ctx *r = &sc->request;
	u64 response_ns = r->response_ns ?: now;

	if (n > r->inflight[0].cnt)
		n = r->inflight[0].cnt;
	request_count(sc->identity, dim, n, time_since(r->inflight[0].since_ns, response_ns));
	r->response_ns = 0;
	r->outstanding -= n;
	r->inflight[0].cnt -= n;
	if (!r->inflight[0].cnt)
		inflight_shift(r);
	return n;
}

static __always_inline void inflight_complete_all(struct sock_ctx *sc, u64 dim, u64 now)
{
	for (int i = 0; i < INFLIGHT_GROUPS && sc->request.outstanding; i++)
		inflight_complete(sc, dim, sc->request.outstanding, now);
}

/* The only request in flight has its response. */
static __always_inline void inflight_complete_one(struct sock_ctx *sc, u64 dim, u64 now)
{
	struct request_ctx *r = &sc->request;
	u64 response_ns = r->response_ns ?: now, since = r->inflight[0].since_ns;

	request_count_cached(sc, dim, time_since(since, response_ns));
	r->outstanding = r->inflight[0].cnt = 0;
	r->response_ns = 0;
}

#endif
