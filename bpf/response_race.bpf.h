/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Responses seen before their request. Where one thread sends and another receives, a response may arrive and be read
 * before the sending system call returns, which is when the request is seen. TCP's write sequence number gives it
 * away: it is beyond the last send that was seen. Streams have numbers: see stream_race().
 */
#ifndef RESPONSE_RACE_BPF_H
#define RESPONSE_RACE_BPF_H

#include "inflight.bpf.h"
#include "bytes.bpf.h"
#include "detect.bpf.h"

/*
 * The call that sent a request has been seen. What was read unseen before it, is no response to it. Where responses come while
 * requests are sent, what was read may be what another thread is just being told of: it finds out itself what it has not seen.
 */
static __always_inline void sent_note(struct sock *sk, struct request_ctx *r)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);
	struct flow *f = &r->stream.flow[FLOW_RESPONSE];
	u32 seq, unseen;

	if (!tp)
		return;
	seq = READ(tp, copied_seq);
	if (!r->read_seq) /* what is read from now on is seen, or was taken unseen */
		r->read_seq = r->arrived_seq = r->done_seq = seq;
	unseen = seq - r->read_seq;
	if (r->outstanding || !unseen || r->ktls || protocol_has_streams(r->protocol))
		return;
	f->skip -= f->skip < unseen ? f->skip : unseen;
	r->read_seq = r->done_seq = seq;
}

static __always_inline void race_note(struct request_ctx *r, u32 n, u32 status)
{
	r->race_cnt = n;
	r->race_status = status;
}

/*
 * An HTTP server sends nothing unasked, except 408 when it has waited too long. On a connection that was not seen from its
 * begin, the first response is to a request of before.
 */
static __noinline int race_http(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 status;

	if (e->sent || !head_read(e))
		return 0;
	status = http_status(e->p->head, e->p->head_len);
	if (status >= 200 && (r->sent_seq ? is_race(e) : r->watched && status != 408))
		race_note(r, 1, status);
	return 0;
}

/* The requests are seen now. How long they took is unknown, but it was short. */
static __noinline int race_take(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u64 dim = event_dimension(e, r->race_status);
	u32 n = r->race_cnt;

	r->race_cnt = 0;
	if (r->outstanding)
		inflight_complete(e->sc, dim, n, e->now);
	return 0;
}

#endif
