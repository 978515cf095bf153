/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The requests and responses of a connection, from the bytes that go one way and the other: those of sockets, and what goes
 * through TLS.
 */
#ifndef CONNECTION_BPF_H
#define CONNECTION_BPF_H

#include "exchange.bpf.h"
#include "http.bpf.h"
#include "response.bpf.h"
#include "ticket.bpf.h"
#include "unanswered.bpf.h"

static __always_inline bool is_parsed(const struct request_ctx *r)
{
	return !r->desync && (protocol_is_parsed(r->protocol) ||
			      (r->protocol == PROTOCOL_HTTP && (r->pipelined || r->interim)));
}

/* --- requests */

/* Not all of these bytes were parsed: there is one request at least. */
static __noinline int requests_desync(struct event *e)
{
	u32 streams = protocol_has_streams(e->sc->request.protocol), n = e->p->request_cnt;

	if (e->p->lost)
		parser_lost(e);
	if (n)
		return streams ? 0 : n;
	return exchange_begin(e);
}

/* How many requests begin in these bytes. They are parsed in one place, whatever the protocol: the verifier walks through it once. */
static __always_inline int requests_begun(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	int parsed;

	if (r->desync && !r->outstanding) /* tries to parse again */
		flows_reset(r);
	if (r->protocol == PROTOCOL_HTTP && !r->outstanding)
		http_align(&r->stream);
	e->p->single = r->protocol == PROTOCOL_HTTP && !r->pipelined;
	e->p->begins = flow_at_boundary(event_flow(e));
	if (e->p->single) {
		if (r->unparsed && r->outstanding && !http_begins_another(e))
			return 0;
	} else if (!r->protocol || r->desync) {
		return exchange_begin(e);
	}
	parsed = parse(e);
	if (e->p->single)
		return http_requests_begun(e, parsed);
	if (!parsed)
		return r->desync ? exchange_begin(e) : 0;
	if (r->desync)
		return requests_desync(e);
	if (is_settled(r)) { /* the rest of the last response was not parsed */
		__builtin_memset(&r->stream.flow[FLOW_RESPONSE], 0, sizeof(struct flow));
		r->stream.flow[FLOW_RESPONSE].stream =
			r->stream.flow[FLOW_REQUEST].stream - e->p->request_cnt;
	}
	if (r->protocol == PROTOCOL_TLS) {
		tls_on_request(e);
		if (!e->p->request_cnt)
			return 0;
		r->setup = SETUP_NONE;
		return is_shown(r) ? 0 : exchange_begin(e);
	}
	return e->p->request_cnt;
}

/* Requests whose responses nobody sees, or the reverse. */
static __noinline int ktls_hides(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct sock *sk = e->sk;

	if (plain_text || !is_tcp(sk) || !ktls_directions(pointer_address(sk)))
		return 0;
	r->protocol = PROTOCOL_OPAQUE;
	r->setup = 0;
	return 1;
}

/* Lines that nobody answers may go one way, like those of a log. */
static __always_inline void requests_add(struct event *e, u32 n)
{
	struct request_ctx *r = &e->sc->request;

	inflight_add(r, e->p->blocking ? 0 : e->now, n);
	if (r->lines)
		inflight_continues(r, e->now);
}

static __noinline int on_request(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 n;

	if (r->tls == TLS_HELD)
		tls_release(e);
	if (!e->sent && r->arrived_ns)
		e->now = r->arrived_ns;
	if (!r->protocol && !r->outstanding && r->tries < TRIES && !event_detect_protocol(e))
		return 0;
	if (r->tunnel && !r->protocol)
		r->protocol = PROTOCOL_OPAQUE;
	if (r->protocol == PROTOCOL_OPAQUE)
		return 0;
	if (is_shown(r) && r->protocol != PROTOCOL_TLS)
		return 0;
	e->p->blocking = 0;
	n = forget(&e->p->found, requests_begun(e));
	if (!n)
		return 0;
	if (ktls_is_hidden && r->protocol == PROTOCOL_TLS && ktls_hides(e))
		return 0;
	if (is_made(e))
		made_request(e);
	if (!r->peer_known)
		peer_resolve(e);
	if (!protocol_has_streams(r->protocol))
		requests_add(e, n);
	else if (!r->setup)
		r->begun_ns = e->now;
	if (tls_queues_later(r))
		r->unparsed = 1;
	else if (!e->sent)
		queue_add(e, e->p->call_ns - e->now, n);
	if (r->race_cnt)
		race_take(e);
	return 0;
}

/* --- responses */

/* Nothing has gone in the other direction of the connection. */
static __always_inline bool is_greeting(const struct event *e)
{
	struct tcp_sock *tp = tcp_sock_or_null(e->sk);

	if (plain_text)
		return !e->sc->request.stream.flow[FLOW_REQUEST].carry_len;
	return tp && !(e->sent ? READ(tp, bytes_received) : READ(tp, bytes_sent));
}

/* A response, before the protocol is known: what the server says first may tell. */
static __noinline int response_detect(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (detect_waits(r)) { /* what was read is all of the request that the server wanted */
		r->stream.flow[FLOW_REQUEST].carry_len = 0;
		inflight_add(r, r->begun_ns, 1);
		queue_add(e, 0, 1);
		e->p->owed = 1;
	}
	if (!r->tries && !r->tunnel) {
		event_detect_protocol(e);
		r->greeted = !r->protocol && r->watched && is_greeting(e);
		if (r->watched && protocol_greets(r->protocol))
			greeter_note(e->p->sock, e->sc->direction == TCP_OUTBOUND, r->protocol);
	}
	return 0;
}

static __noinline int on_response(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	int status = RESPONSE_LATER;

	if (r->lines)
		r->lines = r->oneway = 0;
	if (r->peer_known == PEER_SEEMING)
		peer_route(e);
	if (r->outstanding && r->unparsed && !tls_queues_later(r)) {
		if (e->sent)
			queue_add(e, queue_ns(r), 1);
		r->unparsed = 0;
	}
	if (!e->sent && r->arrived_ns)
		e->now = r->arrived_ns;
	if (!r->protocol && (!r->tries || detect_waits(r)))
		response_detect(e);
	if (is_shown(r) && r->protocol != PROTOCOL_TLS)
		return 0;
	if (r->outstanding && !r->response_ns)
		r->response_ns = e->now;
	if (!is_parsed(r)) {
		if (!r->outstanding)
			return race_http(e);
		status = exchange_status(e);
	}
	if (is_parsed(r)) {
		if (response_simple(e))
			return 0;
		status = response_parse(e);
	}
	status = (int)forget(&e->p->found, (u32)status);
	if (status == RESPONSE_LATER)
		return 0;
	if (status >= 0) {
		if (r->outstanding == 1)
			return response_to_one(e, status);
		response_to_all(e, status);
		status = (int)forget(&e->p->found, (u32)status);
	}
	response_runs(e);
	if (status == RESPONSE_LOST)
		r->protocol = PROTOCOL_UNKNOWN;
	return 0;
}

/* --- bytes of either direction */

/*
 * The side that sends first has usually opened the connection. An accepted Unix socket has its listener's address, a
 * connecting one has none, or one of its own; in a socketpair neither has.
 */
static __noinline int direction_find(struct event *e)
{
	struct sock *sk = e->sk;
	struct unix_sock *u = (void *)sk, *peer;
	struct sock_ctx *sc = e->sc;
	bool named;

	sc->known = 1;
	sc->direction = e->sent ? TCP_OUTBOUND : TCP_INBOUND;
	if (READ(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	peer = (void *)BPF_CORE_READ(u, peer);
	named = peer && BPF_CORE_READ(peer, addr);
	if (BPF_CORE_READ(u, addr))
		sc->direction = named ? sc->direction : TCP_INBOUND;
	else if (named)
		sc->direction = TCP_OUTBOUND;
	else
		sc->request.protocol = PROTOCOL_OPAQUE;
	return 0;
}

static __always_inline void direction_know(struct event *e)
{
	if (!e->sc->known)
		direction_find(e);
	e->is_request = e->sent == (e->sc->direction == TCP_OUTBOUND);
}

/* Bytes that change nothing: more of a request, or more of a response. */
static __always_inline bool is_more(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (r->protocol == PROTOCOL_OPAQUE || (is_shown(r) && r->desync))
		return true;
	if (is_parsed(r))
		return false;
	if (!e->is_request)
		return !r->outstanding && r->tries && !detect_waits(r) &&
		       (r->protocol != PROTOCOL_HTTP || !is_race_at(e, write_seq(e->sk)));
	return r->outstanding && !r->tail && (r->desync || r->protocol != PROTOCOL_HTTP);
}

static __always_inline void on_stream_used(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	e->p->owed = r->outstanding;
	if (e->is_request)
		on_request(e);
	else
		on_response(e);
	if (r->setup == SETUP_BEGUN || r->setup == SETUP_ANSWERED)
		r->setup = e->is_request ? SETUP_BEGUN : SETUP_ANSWERED;
	if (e->p->owed && !r->outstanding)
		r->answered_ns = e->p->call_ns;
	inflight_reset(r);
	fastpath_update(r);
}

#endif
