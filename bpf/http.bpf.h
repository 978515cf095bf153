/* SPDX-License-Identifier: GPL-2.0-only */
/* HTTP, as long as a connection has one request at a time in flight; and what follows an interim response. */
#ifndef HTTP_BPF_H
#define HTTP_BPF_H

#include "detect.bpf.h"
#include "exchange.bpf.h"
#include "http_fastpath.bpf.h"

/* Whether the bytes in p->head may begin a request. */
__noinline int parser_may_begin(u32 slot)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	return p && http_may_begin(p->head, p->head_len);
}

/* The request in flight was not parsed, and more bytes arrive. False: they look like the rest of it. */
static __noinline int http_begins_another(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (!head_read(e) || !parser_may_begin(e->p->slot))
		return 0;
	http_align(&r->stream);
	http_number(&r->stream.flow[FLOW_REQUEST], 0);
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
static __noinline int http_requests_begun(struct event *e, bool parsed)
{
	struct request_ctx *r = &e->sc->request;
	int n;

	if (!parsed)
		return r->desync && !r->outstanding;
	n = e->p->request_cnt;
	if (e->p->lost) {
		parser_lost(e);
		return n ?: exchange_begin(e);
	}
	if (r->desync)
		flows_reset(r);
	else if (n == 1 && e->p->begins && flow_at_boundary(event_flow(e)))
		fastpath_learn(r, e->bytes);
	if (n)
		r->exchange_cnt++;
	return n;
}

/* --- responses */

/* More of the previous response, which had not ended when the next request came. */
static __always_inline bool is_former(const struct event *e, u32 status)
{
	return status == STATUS_UNKNOWN && e->sc->request.response_started && e->sent;
}

/* The proxy has connected: what follows is in the protocol of whoever is behind it. */
static __noinline int tunnel_begin(struct request_ctx *r)
{
	flows_reset(r);
	r->protocol = PROTOCOL_UNKNOWN;
	r->tries = r->pipelined = r->interim = r->response_started = r->fastpath_score = 0;
	r->tunnel = 1;
	return 0;
}

/* After these, the connection speaks another protocol, which has no requests, or is a tunnel. */
static __always_inline void http_upgrade(struct request_ctx *r, u32 status)
{
	if (status == 101)
		r->protocol = PROTOCOL_OPAQUE;
	else if (status >= 200 && status < 300 && r->protocol == PROTOCOL_HTTP &&
		 r->stream.flow[FLOW_REQUEST].named)
		tunnel_begin(r);
}

/* Instead of the status of a response to all that is in flight. */
#define RESPONSE_LATER (-1) /* it is still to come */
#define RESPONSE_RUNS  (-2) /* several were parsed, or none */
#define RESPONSE_LOST  (-3) /* the same, and what follows is in no protocol that is known */

/* The status of a response to HTTP requests. After an interim one, at which r->interim is set, another follows. */
static __noinline int http_response(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 carried = event_flow(e)->carry_len, status = STATUS_UNKNOWN;
	int there = head_gather(e, HTTP_STATUS_END);

	if (there == HEAD_SHORT)
		return RESPONSE_LATER;
	if (there == HEAD_READY)
		status = http_status(e->p->head, HTTP_STATUS_END);
	if (http_is_interim(status)) {
		event_flow(e)->carry_len = carried;
		r->interim = 1;
		return RESPONSE_LATER;
	}
	if (there == HEAD_READY && is_former(e, status)) {
		r->response_ns = 0;
		return RESPONSE_LATER;
	}
	r->response_started |= status != STATUS_UNKNOWN;
	return status;
}

/* HTTP also answers to what is no HTTP. */
static __noinline int http_answer(struct event *e)
{
	u32 status = head_read(e) ? http_status(e->p->head, e->p->head_len) : STATUS_UNKNOWN;

	if (status < 200)
		return STATUS_UNKNOWN;
	e->sc->request.protocol = PROTOCOL_HTTP;
	return status;
}

/* The protocol is unknown: the first response may tell, or one after the parser had lost its way. */
static __always_inline int response_unknown(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	return !r->answered_ns || r->lost ? http_answer(e) : STATUS_UNKNOWN;
}

/* The connection speaks HTTP/2 from here on, and the request that asked for it is in the table of streams. */
static __always_inline int http_upgraded(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	inflight_drop(r);
	r->interim = r->fastpath_score = 0;
	return RESPONSE_LATER;
}

/*
 * The bytes from an interim response on have been parsed. If the final one is among them, the response is there; what
 * follows its status is not looked at.
 */
static __always_inline int http_past_interim(struct event *e, bool parsed)
{
	struct request_ctx *r = &e->sc->request;
	bool found = parsed && e->p->runs[0].cnt;

	if (parsed && !found && !r->desync) {
		r->response_ns = 0;
		return RESPONSE_LATER;
	}
	r->interim = 0;
	__builtin_memset(event_flow(e), 0, sizeof(struct flow));
	if (found)
		r->desync = 0;
	return found ? e->p->runs[0].status : STATUS_UNKNOWN;
}

#endif
