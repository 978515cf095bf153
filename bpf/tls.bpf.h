/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a server of TLS 1.3 sends unasked when a connection begins: tickets for later (RFC 8446, 4.6.1). They look like
 * data, and come while the first request is under way: in the middle of an upload, or long before the answer.
 */
#ifndef TLS_BPF_H
#define TLS_BPF_H

#include "inflight.bpf.h"
#include "bytes.bpf.h"

enum tls_state {
	TLS_OPEN,  /* nothing more is to be expected */
	TLS_FRESH, /* tickets may come */
	TLS_HELD, /* what came, at response_ns, is a ticket or the answer: what follows will tell */
	TLS_TICKET, /* a ticket came, another may */
};

/* Bytes that have come and are still to be read. */
static __always_inline u32 unread(struct sock *sk)
{
	struct tcp_sock *tp = is_tcp(sk) ? tcp_sock(sk) : NULL;

	return tp ? READ(tp, rcv_nxt) - READ(tp, copied_seq) : 0;
}

/* More of what asks, or the end: what was held was the answer. */
static __noinline int tls_release(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u64 dim = dimension(PROTOCOL_TLS, e->sc->direction, r->peer, STATUS_UNKNOWN);

	r->tls = TLS_OPEN;
	if (r->outstanding)
		inflight_complete_one(e->sc, dim, e->now);
	return 0;
}

/* What asks has been walked through. */
static __always_inline void tls_on_request(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (tls_begins(event_flow(e), &r->stream.flow[FLOW_RESPONSE]))
		r->tls = TLS_FRESH;
}

/* The first data after the handshake. Most servers send two tickets of one length at once. */
static __always_inline u32 tls_first(struct event *e, u32 found)
{
	u32 len = event_flow(e)->rest, size = TLS_RECORD + len, total = e->bytes;

	if (!e->sent) {
		if (found == 1 &&
		    e->now < e->sc->request.inflight[0].since_ns) /* it was there before */
			return TLS_TICKET;
		total += unread(e->sk);
	}
	if (total == 2 * size)
		return TLS_TICKET;
	return found == 1 && total == size && len <= TLS_TICKET_MAX ? TLS_HELD : TLS_OPEN;
}

/* Data before a request, after the handshake: tickets. */
static __always_inline void tls_before(struct request_ctx *r, u32 len, u32 found)
{
	if (!found || r->tls == TLS_OPEN)
		return;
	r->tls = r->tls == TLS_FRESH && found == 1 ? TLS_TICKET : TLS_OPEN;
	r->ticket = len;
}

/*
 * What answers has been walked through, `found` with data. After one that may be a ticket the next data tells: as
 * long, and both are; another length, and this is the answer. False: there is none.
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
		else if (e->sent) /* goodbye */
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
