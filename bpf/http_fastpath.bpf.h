/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The common way of the most common protocol: a connection of HTTP on which one request at a time is asked
 * and answered, each in one piece, has nothing to be looked at but the status of answers. Whatever is
 * not as expected takes the long way, which also decides who comes here. For the programs on
 * tracepoints, of which one alone counts a series.
 */
#ifndef HTTP_FASTPATH_BPF_H
#define HTTP_FASTPATH_BPF_H

#include "response_race.bpf.h"

#define FASTPATH_SCORE_MIN \
	8		   /* pieces that were one request each, before others are taken for such */
#define HTTP_STATUS_END 12 /* bytes up to the end of the status */
#define FASTPATH_PARSE_MASK \
	63 /* one of so many and one turns is looked at for more than one request */

/* To be called when the long way has been taken. */
static __always_inline void fastpath_update(struct request_ctx *r)
{
	r->fastpath = r->protocol == PROTOCOL_HTTP && r->fastpath_score >= FASTPATH_SCORE_MIN &&
		      r->peer_known && !r->pipelined && !r->tunnel && !r->multi_msg && !r->desync &&
		      flow_at_boundary(&r->stream.flow[FLOW_REQUEST]) &&
		      !r->stream.flow[FLOW_RESPONSE].carry_len;
}

/* The slot that a cache has for a dimension, 0: it has another's. */
static __always_inline u32 slot_cached(u64 cache, u64 dim)
{
	return cache >> 16 == dim ? cache & 0xffff : 0;
}

/*
 * A request, unseen: what comes after an answer and is as long as one that was looked at. Two would be longer.
 */
static __always_inline bool fastpath_request(struct sock *sk, struct request_ctx *r, u32 bytes,
					     bool sent)
{
	u64 now;

	if (r->race_cnt || bytes - r->min_request_len > r->min_request_len / 4 ||
	    !(r->exchange_cnt & FASTPATH_PARSE_MASK))
		return false;
	r->exchange_cnt++;
	if (sent)
		r->sent_seq = write_seq(sk);
	r->read_ns = now = bpf_ktime_get_ns();
	r->inflight[0].since_ns = !sent && r->arrived_ns ? r->arrived_ns : now;
	r->inflight[0].cnt = r->outstanding = r->unparsed = 1;
	return true;
}

static __always_inline u64 queue_ns(const struct request_ctx *r)
{
	u64 since = r->inflight[0].since_ns;

	return r->read_ns > since ? r->read_ns - since : 0;
}

/* The first bytes of what the call under way moves, if they lie in one piece in the first buffer. */
static __always_inline bool fastpath_read(u8 *head, u32 bytes)
{
	struct pt_regs *regs = registers();
	struct user_vector vector;
	u32 kind;

	if (!regs || CALL_COMPAT(regs))
		return false;
	kind = call_kind(regs);
	vector = (struct user_vector){ CALL_SECOND(regs), bytes };
	if (kind == CALL_VECTOR) {
		if (bpf_probe_read_user(&vector, sizeof(vector), (void *)vector.base))
			return false;
	} else if (kind != CALL_BUFFER) {
		return false;
	}
	return bytes >= HTTP_STATUS_END && vector.len >= HTTP_STATUS_END &&
	       !bpf_probe_read_user(head, HTTP_STATUS_END, (void *)vector.base);
}

static __always_inline bool fastpath_response(struct sock_ctx *sc, u32 bytes, bool sent)
{
	struct request_ctx *r = &sc->request;
	u32 status, total, duration, queue;
	u8 head[HTTP_STATUS_END];
	u64 dim, now, ns;

	if (!r->unparsed || r->response_ns || !fastpath_read(head, bytes))
		return false;
	status = http_status(head, HTTP_STATUS_END);
	dim = dimension(PROTOCOL_HTTP, sc->direction, r->peer, status);
	total = slot_cached(r->total, dim);
	duration = slot_cached(r->duration, without_status(dim));
	queue = slot_cached(r->queue, dimension(PROTOCOL_HTTP, 0, 0, 0));
	if (status < 200 || !total || !duration || (sent && !queue))
		return false;
	now = !sent && r->arrived_ns ? r->arrived_ns : bpf_ktime_get_ns();
	ns = time_since(r->inflight[0].since_ns, now);
	count_add_exclusive(total, 1);
	if (ns != NOT_TIMED)
		hist_add_exclusive(duration, ns);
	if (sent) /* which the program of what is received counts, too */
		hist_add_many(queue, queue_ns(r), 1);
	r->inflight[0].cnt = r->outstanding = r->unparsed = 0;
	return true;
}

/* False: it is not as simple as that. */
static __always_inline bool fastpath(struct sock *sk, struct sock_ctx *sc, u32 bytes, bool sent)
{
	struct request_ctx *r = &sc->request;
	bool is_request = sent == (sc->direction == TCP_OUTBOUND);

	if (!r->fastpath || is_request == !!r->outstanding)
		return false;
	return is_request ? fastpath_request(sk, r, bytes, sent)
			  : fastpath_response(sc, bytes, sent);
}

#endif
