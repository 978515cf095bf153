/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When the bytes arrived that a call reads. The stamp belongs to the first unread byte. Calls that no program sees
 * (splice(2), zero-copy receives) read bytes too, and would leave their stamp to those that come next: TCP's sequence
 * of what was read tells.
 */
#ifndef ARRIVAL_BPF_H
#define ARRIVAL_BPF_H

#include "inflight.bpf.h"
#include "bytes.bpf.h"

/* In a soft interrupt, or at the end of a read during which bytes arrived. */
static __always_inline int on_arrival(struct sock *sk)
{
	struct sock_ctx *sc = sock_ctx_find(sk);
	struct request_ctx *r;
	u32 seq;

	if (!sc)
		return 0;
	r = &sc->request;
	if (!r->arrived_ns) {
		r->arrived_ns = bpf_ktime_get_ns();
		return 0;
	}
	if (!r->read_seq) /* no TCP, or nothing was read yet */
		return 0;
	seq = BPF_CORE_READ((struct tcp_sock *)sk, copied_seq);
	if (seq != r->arrived_seq && (!r->later_ns || seq != r->later_seq)) {
		r->later_ns = bpf_ktime_get_ns();
		r->later_seq = seq;
	}
	return 0;
}

/*
 * These bytes have been read: makes arrived_ns their arrival. Returns how many before them were read by calls that were
 * not seen.
 */
static __always_inline u32 arrival_begin(struct sock *sk, struct request_ctx *r, u32 bytes)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);
	u32 end, begin, read_seq = r->read_seq;

	if (!tp)
		return 0;
	end = READ(tp, copied_seq);
	begin = end - bytes;
	r->read_seq = end;
	if (begin == r->arrived_seq || !read_seq || begin - 1 == r->arrived_seq) /* one more: FIN */
		return 0;
	if (has_upper_protocol(sk))
		return 0;
	r->arrived_ns = r->later_ns && begin == r->later_seq ? r->later_ns : 0;
	return (int)(begin - read_seq) > 0 ? begin - read_seq : 0;
}

/*
 * Bytes still unread arrived after those just read, but often nobody knows how long after: the arrival time is kept
 * once, if these bytes were used.
 */
static __always_inline void arrival_end(struct sock *sk, struct request_ctx *r, bool used)
{
	bool more = READ(sk, sk_receive_queue.qlen);

	if (!more)
		r->arrived_ns = 0;
	else if (r->later_ns && r->later_seq == r->read_seq)
		r->arrived_ns = r->later_ns;
	else if (r->arrival_kept && used)
		r->arrived_ns = bpf_ktime_get_ns();
	r->arrival_kept = more;
	r->arrived_seq = r->done_seq = r->read_seq;
	r->later_ns = 0;
}

/* Bytes of this direction passed unseen: the rest of a message, or it is not known what. */
static __noinline int unseen_pass(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	struct flow *f = event_flow(e);

	if (f->skip >= e->unseen) {
		f->skip -= e->unseen;
		return 0;
	}
	__builtin_memset(f, 0, sizeof(*f));
	if (!e->is_request)
		inflight_untimed(r);
	return 0;
}

#endif
