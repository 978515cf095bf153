/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP bytes, and round-trip times sampled along the way; counted by whichever family's program sees sends and
 * receives.
 */
#ifndef BYTES_BPF_H
#define BYTES_BPF_H

#include "sock.bpf.h"

METRIC(tcp_bytes_total);
METRIC(tcp_rtt_seconds);

static __always_inline struct tcp_sock *tcp_sock(struct sock *sk)
{
	return typed ? bpf_skc_to_tcp_sock(sk) : (void *)sk;
}

static __always_inline struct tcp_sock *tcp_sock_or_null(struct sock *sk)
{
	return is_tcp(sk) ? tcp_sock(sk) : NULL;
}

static __always_inline void sample_rtt(struct sock *sk, struct sock_ctx *sc)
{
	struct tcp_sock *tp = tcp_sock(sk);
	u32 srtt_us = tp ? READ(tp, srtt_us) >> 3 : 0;

	if (srtt_us)
		hist_add(tcp_rtt_seconds, sock_owner(sc), 0, srtt_us * 1000ULL);
}

/* For the socket's owner, which the caller has validated. */
static __always_inline int bytes_add(struct sock_ctx *sc, int bytes, u32 flow)
{
	if (bytes > 0)
		count_add_at(SLOT_CACHED(&sc->bytes[flow], tcp_bytes_total, sc->identity, flow,
					 false),
			     bytes);
	return 0;
}

#define RTT_SENDS 64 /* the round-trip time is sampled once in so many sends */

static __always_inline void bytes_count(struct sock *sk, struct sock_ctx *sc, int bytes, u32 flow)
{
	bytes_add(sc, bytes, flow);
	if (flow == TCP_SENT && !(++sc->sends & (RTT_SENDS - 1)) && is_tcp(sk))
		sample_rtt(sk, sc);
}

static __always_inline u32 write_seq(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);

	return tp ? READ(tp, write_seq) : 0;
}

#endif
