/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exchanges: bytes in the request direction, then bytes in the response direction, of protocols whose messages are not
 * parsed.
 */
#ifndef EXCHANGE_BPF_H
#define EXCHANGE_BPF_H

#include "inflight.bpf.h"
#include "bytes.bpf.h"

/*
 * Bytes that arrived before the response, or so soon after it, may be the rest of the request that it answered: php-fpm
 * reads the empty record that ends a request after it has answered, others answer before they have the whole body. Then
 * the next request begins after a pause, during which nobody waited for a response.
 */
#define TAIL_NS 10000000

/* What was sent before has not all left, or this call may have waited for that: the other side does not read. */
static __always_inline bool is_behind(const struct event *e)
{
	struct tcp_sock *tp = tcp_sock_or_null(e->sk);

	return e->sent && (!tp || e->bytes >= 0x10000 ||
			   (int)(READ(tp, write_seq) - e->bytes - READ(tp, snd_nxt)) > 0);
}

/* More bytes of what may be a rest. The pause before them is longer than all that came before took. */
static __noinline int exchange_go_on(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (e->now > r->read_ns && e->now - r->read_ns > r->read_ns - r->begun_ns && !is_behind(e))
		inflight_oldest(r)->since_ns = e->now;
	r->read_ns = e->p->call_ns;
	return 0;
}

/* How many requests begin with these bytes. */
static __always_inline int exchange_begin(struct event *e)
{
	struct request_ctx *r = &e->sc->request;

	if (r->outstanding) {
		inflight_continues(r, e->now);
		return r->tail ? exchange_go_on(e) : 0;
	}
	r->tail = r->answered_ns && e->now < r->answered_ns + TAIL_NS;
	if (r->tail && e->now < r->answered_ns)
		e->now = r->answered_ns;
	r->begun_ns = r->read_ns = e->p->call_ns;
	return 1;
}

#endif
