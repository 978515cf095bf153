/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where one thread sends and another receives, an answer may have come and been read before the call that sent the
 * request is at its end, where it is seen. The number of the last byte that TCP was given tells it: it is beyond
 * what has been seen.
 */
#ifndef EARLY_BPF_H
#define EARLY_BPF_H

#include "batch.bpf.h"
#include "bytes.bpf.h"
#include "head.bpf.h"

static __always_inline u32 write_seq(struct sock *sk)
{
	struct tcp_sock *tp = is_tcp(sk) ? tcp_sock(sk) : NULL;

	return tp ? READ(tp, write_seq) : 0;
}

/* All that asks is seen. */
static __always_inline void sent_note(struct event *e)
{
	if (e->ask && e->sent)
		e->sc->request.sent_seq = write_seq(e->sk);
}

/* What has been received, while no request is under way, answers one that is still to be seen. */
static __always_inline bool is_early(const struct event *e)
{
	const struct request_ctx *r = &e->sc->request;

	return !e->sent && r->sent_seq && write_seq(e->sk) != r->sent_seq;
}

static __always_inline void early_note(struct request_ctx *r, u32 n, u32 status)
{
	r->early = n;
	r->early_status = status;
}

/* Nobody answers in HTTP before he is asked, but to say that he has waited long enough: 408. */
static __noinline int early_http(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 status;

	if (e->sent || !head_read(e))
		return 0;
	status = http_status(e->w->head, e->w->head_len);
	if (status >= 200 && (r->sent_seq ? is_early(e) : status != 408))
		early_note(r, 1, status);
	return 0;
}

/* The requests are seen now. How long they took is not known, but that it was not long. */
static __noinline int early_take(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u64 dim = dimension(r->protocol, e->sc->direction, r->peer, r->early_status);
	u32 n = r->early;

	r->early = 0;
	if (r->outstanding)
		batch_answer(e->sc, dim, n, e->now);
	return 0;
}

#endif
