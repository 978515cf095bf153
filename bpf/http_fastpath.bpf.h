/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fast path of HTTP: on a connection with one request at a time, each request and each response in one system
 * call, only the status of responses is parsed. Anything unexpected takes the slow path, which also decides when a
 * connection qualifies. For the programs on tracepoints only: there a series is counted by one program alone.
 */
#ifndef HTTP_FASTPATH_BPF_H
#define HTTP_FASTPATH_BPF_H

#include "response_race.bpf.h"

#define FASTPATH_SCORE_MIN  8  /* parsed requests of one read each before requests go unparsed */
#define HTTP_STATUS_END	    12 /* bytes up to the end of the status code */
#define FASTPATH_PARSE_MASK 63 /* every 64th request is parsed */

/* To be called after the slow path. */
static __always_inline void fastpath_update(struct request_ctx *r)
{
	r->fastpath = r->protocol == PROTOCOL_HTTP && r->fastpath_score >= FASTPATH_SCORE_MIN &&
		      r->peer_known && !r->pipelined && !r->interim && !r->multi_msg &&
		      !r->desync && !r->stream.flow[FLOW_REQUEST].named &&
		      flow_at_boundary(&r->stream.flow[FLOW_REQUEST]) &&
		      !r->stream.flow[FLOW_RESPONSE].carry_len;
}

/* The cached slot of a dimension; 0: the entry belongs to another. */
static __always_inline u32 slot_cached(u64 cache, u64 dim)
{
	return cache >> 16 == dim ? cache & 0xffff : 0;
}

/*
 * Counts one request without parsing it: bytes that follow a response and are about as long as the shortest parsed
 * request. Two requests would be longer.
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
		sent_note(sk, r);
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

/* Reads the first bytes of the current system call, if its first buffer contains them all. */
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
	/* race_take() counts outbound responses too, in the program on sends, which may preempt this one from 7.0 on */
	bool raced = !sent;
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
	count_add_exclusive(total, 1, raced);
	if (ns != NOT_TIMED) {
		hist_add_exclusive(duration, ns, raced);
		if (ns >= slow_min_ns)
			slow_request(sc->identity, dim, ns);
	}
	if (sent) /* the program on receives counts this series too: adds atomically */
		hist_add_many(queue, queue_ns(r), 1);
	r->inflight[0].cnt = r->outstanding = r->unparsed = 0;
	return true;
}

/* False: take the slow path. */
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
