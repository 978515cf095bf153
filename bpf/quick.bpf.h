/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The common way of the most common protocol: a connection of HTTP on which one request at a time is asked
 * and answered, each in one piece, has nothing to be looked at but the status of answers. Whatever is
 * not as expected takes the long way, which also decides who comes here. For the programs on
 * tracepoints, of which one alone counts a series.
 */
#ifndef QUICK_BPF_H
#define QUICK_BPF_H

#include "early.bpf.h"

#define QUICK_TRUST  8	/* pieces that were one request each, before others are taken for such */
#define QUICK_STATUS 12 /* bytes up to the end of the status */
#define HTTP_LOOK    63 /* one of so many and one turns is looked at for more than one request */

/* To be called when the long way has been taken. */
static __always_inline void quick_judge(struct request_ctx *r)
{
	r->quick = r->protocol == PROTOCOL_HTTP && r->trust >= QUICK_TRUST && r->placed &&
		   !r->pipelined && !r->tunnel && !r->several && !r->lost &&
		   flow_rests(&r->stream.flow[FLOW_ASK]) && !r->stream.flow[FLOW_ANSWER].carry_len;
}

/* The slot that a cache has for a dimension, 0: it has another's. */
static __always_inline u32 slot_cached(u64 cache, u64 dim)
{
	return cache >> 16 == dim ? cache & 0xffff : 0;
}

/*
 * A request, unseen: what comes after an answer and is as long as one that was looked at. Two would be longer.
 */
static __always_inline bool quick_ask(struct sock *sk, struct request_ctx *r, u32 bytes, bool sent)
{
	u64 now;

	if (r->early || bytes - r->least > r->least / 4 || !(r->turns & HTTP_LOOK))
		return false;
	r->turns++;
	if (sent)
		r->sent_seq = write_seq(sk);
	r->read_ns = now = bpf_ktime_get_ns();
	r->asked[0].since_ns = !sent && r->arrived_ns ? r->arrived_ns : now;
	r->asked[0].cnt = r->outstanding = r->unseen = 1;
	return true;
}

static __always_inline u64 queue_ns(const struct request_ctx *r)
{
	u64 since = r->asked[0].since_ns;

	return r->read_ns > since ? r->read_ns - since : 0;
}

/* The first bytes of what the call under way moves, if they lie in one piece in the first buffer. */
static __always_inline bool quick_read(u8 *head, u32 bytes)
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
	return bytes >= QUICK_STATUS && vector.len >= QUICK_STATUS &&
	       !bpf_probe_read_user(head, QUICK_STATUS, (void *)vector.base);
}

static __always_inline bool quick_answer(struct sock_ctx *sc, u32 bytes, bool sent)
{
	struct request_ctx *r = &sc->request;
	u32 status, total, duration, queue;
	u8 head[QUICK_STATUS];
	u64 dim, now, ns;

	if (!r->unseen || r->answer_ns || !quick_read(head, bytes))
		return false;
	status = http_status(head, QUICK_STATUS);
	dim = dimension(PROTOCOL_HTTP, sc->direction, r->peer, status);
	total = slot_cached(r->total, dim);
	duration = slot_cached(r->duration, without_status(dim));
	queue = slot_cached(r->queue, dimension(PROTOCOL_HTTP, 0, 0, 0));
	if (status < 200 || !total || !duration || (sent && !queue))
		return false;
	now = !sent && r->arrived_ns ? r->arrived_ns : bpf_ktime_get_ns();
	ns = time_since(r->asked[0].since_ns, now);
	count_add_own(total, 1);
	if (ns != NOT_TIMED)
		hist_add_own(duration, ns);
	if (sent) /* which the program of what is received counts, too */
		hist_add_many(queue, queue_ns(r), 1);
	r->asked[0].cnt = r->outstanding = r->unseen = 0;
	return true;
}

/* False: it is not as simple as that. */
static __always_inline bool quick(struct sock *sk, struct sock_ctx *sc, u32 bytes, bool sent)
{
	struct request_ctx *r = &sc->request;
	bool ask = sent == (sc->direction == TCP_OUTBOUND);

	if (!r->quick || ask == !!r->outstanding)
		return false;
	return ask ? quick_ask(sk, r, bytes, sent) : quick_answer(sc, bytes, sent);
}

#endif
