/* SPDX-License-Identifier: GPL-2.0-only */
/* The request direction of an HTTP connection, as long as it has one request at a time in flight. */
#ifndef HTTP_BPF_H
#define HTTP_BPF_H

#include "detect.bpf.h"
#include "http_fastpath.bpf.h"

/* The request in flight was not parsed, and more bytes arrive. False: they look like the rest of it. */
static __noinline int http_begins_another(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (!head_read(e) || !http_may_begin(e->p->head, e->p->head_len))
		return 0;
	r->unparsed = 0;
	if (!e->sent)
		queue_add(e, queue_ns(r), 1);
	return 1;
}

/* A read or write was exactly one request. */
static __always_inline void fastpath_learn(struct request_ctx *r, u32 bytes)
{
	if (r->fastpath_score < FASTPATH_SCORE_MIN)
		r->fastpath_score++;
	if (bytes < (r->min_request_len ?: 0x10000U))
		r->min_request_len = bytes;
}

/*
 * How many requests begin here, with one at a time in flight. All bytes are parsed, so that the rest of a request that
 * got its response early is not taken for another request.
 */
static __always_inline int http_requests_begun(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct flow *f = event_flow(e);
	bool begins = flow_at_boundary(f);
	int n;

	if (r->unparsed && r->outstanding && !http_begins_another(e))
		return 0;
	if (!parse(e))
		return r->desync && !r->outstanding;
	n = e->p->request_cnt;
	if (r->desync)
		flows_reset(r);
	else if (n == 1 && begins && flow_at_boundary(f))
		fastpath_learn(r, e->bytes);
	if (n)
		r->exchange_cnt++;
	return n;
}

#endif
