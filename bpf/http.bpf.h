/* SPDX-License-Identifier: GPL-2.0-only */
/* What asks on a connection of HTTP, as long as one request at a time is under way. */
#ifndef HTTP_BPF_H
#define HTTP_BPF_H

#include "head.bpf.h"
#include "quick.bpf.h"

/* The turn under way was not looked at, and more comes. False: that is the rest of it, for all one can say. */
static __noinline int asked_more(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (!head_read(e) || !http_may_begin(e->w->head, e->w->head_len))
		return 0;
	r->unseen = 0;
	if (!e->sent)
		queue_add(e, queue_ns(r), 1);
	return 1;
}

/* A piece was one request. */
static __always_inline void least_note(struct request_ctx *r, u32 bytes)
{
	if (r->trust < QUICK_TRUST)
		r->trust++;
	if (bytes < (r->least ?: 0x10000U))
		r->least = bytes;
}

/*
 * HTTP, as long as one request at a time is under way: whatever asks is followed, so that the rest of one that was
 * answered early is not taken for another.
 */
static __always_inline int asked_http(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct flow *f = event_flow(e);
	bool begins = flow_rests(f);
	int n;

	if (r->unseen && r->outstanding && !asked_more(e))
		return 0;
	if (!walk(e))
		return r->lost && !r->outstanding;
	n = e->w->asks;
	if (r->lost)
		flows_reset(r);
	else if (n == 1 && begins && flow_rests(f))
		least_note(r, e->bytes);
	if (n)
		r->turns++;
	return n;
}

#endif
