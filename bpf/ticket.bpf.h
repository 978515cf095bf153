/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Session tickets that a TLS 1.3 server sends unasked at the start of a connection (RFC 8446, 4.6.1). They look like
 * data and arrive while the first request is in flight: during an upload, or long before the response.
 */
#ifndef TICKET_BPF_H
#define TICKET_BPF_H

#include "detect.bpf.h"
#include "inflight.bpf.h"

enum tls_state {
	TLS_OPEN,   /* no more tickets expected */
	TLS_FRESH,  /* tickets may follow */
	TLS_HELD,   /* the data at response_ns is a ticket or the response: the next data tells */
	TLS_TICKET, /* one ticket came, another may follow */
};

/* More request bytes, or the end of the connection: the data held back was the response. */
static __noinline int tls_release(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u64 dim = dimension(PROTOCOL_TLS, e->sc->direction, r->peer, STATUS_UNKNOWN);

	r->tls = TLS_OPEN;
	if (r->outstanding)
		inflight_complete_one(e->sc, dim, e->now);
	return 0;
}

/* Bytes of the request direction have been parsed. */
static __always_inline void tls_on_request(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (tls_begins(event_flow(e), &r->stream.flow[FLOW_RESPONSE]))
		r->tls = TLS_FRESH;
}

/* The first data after the handshake. Most servers send two tickets of the same length at once. */
static __always_inline u32 tls_first(struct event *e, u32 found)
{
	u32 len = event_flow(e)->rest, size = TLS_RECORD + len, total = e->bytes;

	if (!e->sent) {
		if (found == 1 && e->now < inflight_oldest(&e->sc->request)
						   ->since_ns) /* it arrived before the request */
			return TLS_TICKET;
		total += unread(e->sk);
	}
	if (total == 2 * size)
		return TLS_TICKET;
	return found == 1 && total == size && len <= TLS_TICKET_MAX ? TLS_HELD : TLS_OPEN;
}

/* Data after the handshake and before any request: tickets. */
static __always_inline void tls_before(struct request_ctx *r, u32 len, u32 found)
{
	if (!found || r->tls == TLS_OPEN)
		return;
	r->tls = r->tls == TLS_FRESH && found == 1 ? TLS_TICKET : TLS_OPEN;
	r->ticket = len;
}

/*
 * Bytes of the response direction have been parsed, with `found` data records. After a possible ticket the next data
 * decides: the same length, and both are tickets; another length, and it is the response. False: no response.
 */
static __noinline int tls_on_response(struct event *e, u32 found)
{
	struct request_ctx *r = &e->sc->request;
	u32 len = event_flow(e)->rest, state = r->tls;

	if (!r->outstanding) {
		tls_before(r, len, found);
		return 0;
	}
	if (!found) {
		if (state != TLS_HELD)
			r->response_ns = 0;
		else if (e->sent) /* close_notify */
			tls_release(e);
		return 0;
	}
	if (state == TLS_OPEN)
		return 1;
	if (state == TLS_FRESH) {
		r->tls = tls_first(e, found);
		r->ticket = found == 1 ? len : 0;
		if (r->tls != TLS_TICKET)
			return r->tls == TLS_OPEN;
	} else {
		r->tls = TLS_OPEN;
		if (len != r->ticket || found > 1) {
			r->response_ns = e->now;
			return 1;
		}
	}
	r->response_ns = 0;
	return 0;
}

#endif
