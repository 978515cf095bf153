/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests that wait for their response, and the end of the connections that they wait on. */
#ifndef UNANSWERED_BPF_H
#define UNANSWERED_BPF_H

#include "greeting.bpf.h"
#include "holder.bpf.h"
#include "ticket.bpf.h"

/* --- requests that wait */

/* How long n requests have waited since then; 0: nobody waits, or on purpose. */
__noinline u64 group_waits(u64 since, u64 now, u32 n)
{
	u64 ns = time_since(since, now);

	return !n || ns == NOT_TIMED ? 0 : ns ?: 1;
}

/*
 * How many wait for the first byte of their response, none of them on purpose, and how long the oldest has. No branches in the
 * loop: each would double what the verifier looks at.
 */
static __always_inline u32 waiting(const struct request_ctx *r, u64 now, u64 *oldest_ns)
{
	/* where the response to the first has begun */
	u32 begun = r->response_ns ? r->oldest % INFLIGHT_GROUPS : INFLIGHT_GROUPS;
	u64 oldest = 0;
	u32 cnt = 0;

	*oldest_ns = 0;
	if (!r->outstanding || r->oneway || r->protocol == PROTOCOL_OPAQUE)
		return 0;
	UNROLL
	for (int i = 0; i < INFLIGHT_GROUPS; i++) {
		u32 n = r->inflight[i].cnt;
		u64 ns;

		n -= SCRIPT_EQUAL(i, begun) & SCRIPT_LESS(0, n);
		ns = group_waits(r->inflight[i].since_ns, now, n);
		cnt += n * SCRIPT_LESS(0, ns);
		oldest = MOST(oldest, ns);
	}
	*oldest_ns = oldest;
	return cnt;
}

/* Does the client wait for the server's part of the set-up? It is no request, but nobody is served before. */
static __always_inline bool setup_waits(const struct request_ctx *r)
{
	return r->setup == SETUP_BEGUN && !r->outstanding;
}

/* --- the end */

static __always_inline u32 closed_by(const struct sock_ctx *sc, bool own)
{
	return own == (sc->direction == TCP_OUTBOUND) ? UNANSWERED_CLIENT_CLOSED
						      : UNANSWERED_SERVER_CLOSED;
}

static __always_inline void unanswered_count(struct sock_ctx *sc, u32 reason, u32 n)
{
	count_add(requests_unanswered_total, sock_owner(sc),
		  dimension(request_protocol(&sc->request), sc->direction, 0, reason), n);
}

/*
 * A client that closes at once after what it has sent did not wait for a response: it said goodbye, or sent a metric or a
 * line of a log. Where nobody knows what was sent, in an unknown protocol or inside TLS, that is what tells.
 */
#define CLIENT_WAITS_NS 100000000ULL

static __always_inline bool client_waited(const struct sock_ctx *sc, u32 reason, u64 ns)
{
	const struct request_ctx *r = &sc->request;
	bool by_client = reason == UNANSWERED_CLIENT_CLOSED ||
			 (reason == UNANSWERED_RESET && sc->direction == TCP_INBOUND);

	return !by_client || ns >= CLIENT_WAITS_NS ||
	       (r->protocol != PROTOCOL_UNKNOWN && r->protocol != PROTOCOL_TLS);
}

/*
 * The handshake of TLS was given up, or nothing was asked after it and no goodbye said: as by a client that does not like the
 * server's certificate. Nobody knows who waited until now: it has no duration.
 */
static __noinline int setup_ends(struct sock_ctx *sc)
{
	struct request_ctx *r = &sc->request;

	if (r->protocol == PROTOCOL_TLS && setup_fails(sc))
		count_add(requests_total, sock_owner(sc),
			  dimension(PROTOCOL_TLS, sc->direction, r->peer, STATUS_ERROR), 1);
	return 0;
}

/* The response to the oldest request had begun. Programs that visit sockets may not reckon with addresses in them. */
static __noinline int response_breaks(struct sock_ctx *sc)
{
	struct request_ctx *r = &sc->request;
	u64 since = 0;

	UNROLL
	for (u32 i = 0; i < INFLIGHT_GROUPS; i++)
		since |= r->inflight[i].since_ns * SCRIPT_EQUAL(i, r->oldest % INFLIGHT_GROUPS);
	request_count(sock_owner(sc), dimension(r->protocol, sc->direction, r->peer, STATUS_ERROR),
		      1, since, r->response_ns);
	return 0;
}

/* What still waits on this connection will have no response; it waited until `now`. */
static __always_inline void unanswered(struct sock *sk, struct sock_ctx *sc, u32 reason, u64 now)
{
	struct request_ctx *r = &sc->request;
	struct holders *h;
	bool begun = setup_waits(r) && r->protocol != PROTOCOL_TLS;
	u64 ns;
	u32 n;

	if (r->setup && r->setup != SETUP_FAILED && !setup_settled(r, now))
		setup_ends(sc);
	if (begun) {
		r->setup = SETUP_NONE;
		unanswered_count(sc, reason, 1);
	}
	if (protocol_has_streams(r->protocol)) {
		h = holders_of(sk);
		if (h)
			holder_note(&h->ended, sc, reason);
		return;
	}
	n = waiting(r, now, &ns);
	if (r->outstanding && r->response_ns && protocol_response_ends(r->protocol))
		response_breaks(sc);
	r->outstanding = r->unparsed = 0;
	r->response_ns = 0;
	UNROLL
	for (int i = 0; i < INFLIGHT_GROUPS; i++)
		r->inflight[i].cnt = 0;
	if (n && client_waited(sc, reason, ns))
		unanswered_count(sc, reason, n);
}

/* --- the end of TCP connections */

#define ECONNRESET    104
#define EPIPE	      32
#define ECONNABORTED  103
#define RCV_SHUTDOWN  1
#define SHUTDOWN_BOTH 3
#define UNREAD_FIN    1 /* which has a sequence number too */

/* What this side has received and not read. */
static __always_inline bool ends_unread(struct sock *sk, int oldstate)
{
	return is_mptcp(sk) ? READ(sk, sk_receive_queue.qlen)
			    : unread(sk) > (oldstate == ESTABLISHED ? 0 : UNREAD_FIN);
}

/*
 * The response has been taken by a call of which the program has not been told yet, or is just being told on another CPU: it is at
 * the end of the call, when what arrived meanwhile has been processed, the end of the connection too.
 */
static __always_inline bool ends_taken(struct sock *sk, const struct request_ctx *r)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);

	return tp && r->done_seq && (int)(READ(tp, copied_seq) - r->done_seq) > UNREAD_FIN;
}

/* Who ended the connection? It was not reset if its end began with the close of one side. */
static __always_inline u32 end_reason(struct sock *sk, const struct sock_ctx *sc, int oldstate)
{
	u32 err = READ(sk, sk_err);

	if (sc->direction == TCP_OUTBOUND && ends_unread(sk, oldstate)) /* the response was there */
		return UNANSWERED_CLIENT_CLOSED;
	if (oldstate == CLOSE_WAIT || oldstate == LAST_ACK)
		return closed_by(sc, false);
	if (err == ECONNRESET || err == EPIPE || err == ECONNABORTED)
		return UNANSWERED_RESET;
	if (err)
		return UNANSWERED_TIMED_OUT;
	/* After half of it was closed here, the other side closed the rest, unless nobody here has it open any more. */
	return closed_by(sc, oldstate == ESTABLISHED || !READ(sk, sk_socket));
}

/* A request arrived that the server has not begun to read. */
static __always_inline bool request_unread(struct sock *sk, const struct sock_ctx *sc, int oldstate)
{
	const struct request_ctx *r = &sc->request;

	if (sc->direction != TCP_INBOUND || r->outstanding ||
	    (oldstate != ESTABLISHED && oldstate != CLOSE_WAIT) ||
	    !flow_at_boundary(&r->stream.flow[FLOW_REQUEST]))
		return false;
	return (r->protocol == PROTOCOL_HTTP || (!r->protocol && !r->tries)) &&
	       ends_unread(sk, oldstate);
}

/*
 * Programs on functions see nothing of what goes through TLS in the kernel. Something has, so the handshake did not fail, though its
 * end was not seen.
 */
static __noinline int setup_is_hidden(struct sock *sk, const struct request_ctx *r)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);

	return tp && has_upper_protocol(sk) &&
	       ((int)(READ(tp, copied_seq) - r->done_seq) > UNREAD_FIN ||
		(r->sent_seq && (int)(READ(tp, write_seq) - r->sent_seq) > UNREAD_FIN));
}

/* The server has not greeted. Who closes at once looked whether it is there, as health checks do. */
static __noinline int greeting_ends(struct sock *sk, struct sock_ctx *sc, u32 reason, u64 now)
{
	struct request_ctx *r = &sc->request;
	u32 protocol = greeting_awaited(sk, sc);

	if (!protocol)
		return 0;
	r->tries = 1; /* it is asked once, and not again when the other side has closed too */
	if (!client_waited(sc, reason, now - r->begun_ns))
		return 0;
	r->protocol = protocol;
	unanswered_count(sc, reason, 1);
	return 0;
}

/* The connection is closed, or this side has closed it and does not wait for anything any more. */
static __noinline int tcp_ends(struct sock *sk, struct sock_ctx *sc, int oldstate, u32 reason)
{
	struct event e = { .sk = sk, .sc = sc, .now = bpf_ktime_get_ns() };
	u64 waited_until = (sc->direction == TCP_INBOUND ? sc->start_ns : 0) ?: e.now;

	if (sc->request.tls == TLS_HELD)
		tls_release(&e);
	if (ktls_is_hidden && sc->request.setup && setup_is_hidden(sk, &sc->request))
		sc->request.setup = SETUP_NONE;
	if (request_unread(sk, sc, oldstate))
		unanswered_count(sc, reason, 1);
	else
		greeting_ends(sk, sc, reason, waited_until);
	unanswered(sk, sc, reason, waited_until);
	return 0;
}

/* A step towards the end of the connection. */
static __always_inline int tcp_ending(struct sock *sk, int oldstate, int newstate)
{
	struct sock_ctx *sc = sock_ctx_find(sk);

	if (!sc || !sc->known || oldstate == SYN_SENT || oldstate == SYN_RECV || oldstate == LISTEN)
		return 0;
	if (newstate == CLOSE_WAIT) {
		if (sc->direction == TCP_INBOUND)
			sc->start_ns = bpf_ktime_get_ns();
		return 0;
	}
	if (newstate == FIN_WAIT1)
		return READ(sk, sk_shutdown) == SHUTDOWN_BOTH
			       ? tcp_ends(sk, sc, oldstate, closed_by(sc, true))
			       : 0;
	if (sc->direction == TCP_OUTBOUND && READ(sk, sk_socket) &&
	    (ends_unread(sk, oldstate) || ends_taken(sk, &sc->request)))
		return 0; /* the response can still be read, or is just being read */
	return tcp_ends(sk, sc, oldstate, end_reason(sk, sc, oldstate));
}

/* --- the end of Unix stream sockets, which nothing tells of: it is found out by the scan, and by the reader at the end */

static __always_inline struct sock *unix_peer(struct sock *sk)
{
	return BPF_CORE_READ((struct unix_sock *)sk, peer);
}

static __always_inline bool unix_is_closed(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state) == CLOSE;
}

/* No response can come any more, and none is there. */
static __always_inline bool unix_has_ended(struct sock *sk)
{
	struct sock *peer = unix_peer(sk);

	return unix_is_closed(sk) ||
	       (!BPF_CORE_READ(sk, sk_receive_queue.qlen) && (!peer || unix_is_closed(peer)));
}

static __always_inline void unix_ends(struct sock *sk, struct sock_ctx *sc)
{
	u32 err = BPF_CORE_READ(sk, sk_err);

	unanswered(sk, sc, err == ECONNRESET ? UNANSWERED_RESET : closed_by(sc, unix_is_closed(sk)),
		   bpf_ktime_get_ns());
}

/* What waits at the other end, which is closed. */
static __always_inline void unix_peer_ends(struct sock *sk)
{
	struct unix_sock *u;
	struct sock_ctx *sc;
	struct sock *peer;

	/* 9eeb3aa33ae0 ("bpf: Add bpf_skc_to_unix_sock() helper"), 5.16; otherwise the scan may find it */
	if (!storage || !bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_skc_to_unix_sock))
		return;
	u = bpf_skc_to_unix_sock(sk);
	peer = u ? u->peer : NULL;
	sc = peer ? sock_ctx_find(peer) : NULL;
	if (sc)
		unix_ends(peer, sc);
}

#endif
