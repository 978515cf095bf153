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
	TLS_OPEN,  /* no more tickets expected */
	TLS_FRESH, /* tickets may follow */
	TLS_HELD,  /* the data at response_ns is a ticket or the response: the next data tells */
	TLS_TICKET, /* another ticket may follow, as long as the last one; from here on: one more each */
};

/* More request bytes, or the end of the connection: the data held back was the response. */
static __noinline int tls_release(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u64 dim = event_dimension(e, STATUS_UNKNOWN);

	r->tls = TLS_OPEN;
	if (r->outstanding)
		inflight_complete_one(e->sc, dim, e->now);
	return 0;
}

/* Bytes of the request direction have been parsed. What has arrived behind ClientHello is early data. */
static __always_inline void tls_on_request(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct flow *request = event_flow(e), *response = &r->stream.flow[FLOW_RESPONSE];

	if (!e->sent && !request->skip && unread(e->sk))
		tls_goes_on(request, response);
	if (tls_begins(request, response))
		r->tls = TLS_FRESH;
}

/*
 * The first data after the handshake, response or not. Servers send one ticket, two or four of the same length, at once; but
 * none is as long as a record can be.
 */
static __noinline int tls_first(struct event *e, u32 found)
{
	struct request_ctx *r = &e->sc->request;
	u32 len = event_flow(e)->rest, size = TLS_RECORD + len, total = e->bytes, n;
	bool early = !e->sent && found == 1 && e->now < inflight_oldest(r)->since_ns;

	if (!e->sent)
		total += unread(e->sk);
	n = total / size;
	if (n * size != total || n == 3 || n > 4 || len > TLS_RECORD_FULL)
		n = 0;
	r->ticket = len;
	r->tls = n > found			   ? TLS_TICKET + n - found - 1
		 : early /* before the request */  ? TLS_TICKET
		 : n == 1 && len <= TLS_TICKET_MAX ? TLS_HELD
						   : TLS_OPEN;
	return r->tls == TLS_OPEN && n < 2;
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
	u32 len = event_flow(e)->rest, state = r->tls, more;

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
		if (tls_first(e, found))
			return 1;
		if (r->tls == TLS_HELD)
			return 0;
	} else {
		more = state > TLS_TICKET ? state - TLS_TICKET : 0;
		r->tls = found > more ? TLS_OPEN : state - found;
		if (len != r->ticket || found > more + 1) {
			r->tls = TLS_OPEN;
			r->response_ns = e->now;
			return 1;
		}
	}
	r->response_ns = 0;
	return 0;
}

#endif
