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

/* The owner has not been validated, as at the end of a connection. */
static __always_inline int bytes_add_later(struct sock_ctx *sc, int bytes, u32 flow)
{
	if (sock_owner(sc) != sc->identity)
		sock_set_owner(sc, IDENTITY_OTHER, 0);
	return bytes_add(sc, bytes, flow);
}

#define SOCK_DONE 1 /* of skc_flags: the other side has sent its last byte */

/* The end of what the other side sends has a sequence number too: 1 if it was read. */
static __always_inline u32 end_is_read(struct sock *sk, struct tcp_sock *tp)
{
	return READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1 &&
	       READ(tp, copied_seq) == READ(tp, rcv_nxt);
}

#define USER_DATA_NOCOPY \
	1 /* f1ff5ce2cd5e ("net, sk_msg: Clear sk_user_data pointer on clone if tagged"), 5.6 */

/*
 * The socket counts other bytes than the program: with TLS in the kernel, and in a sockmap, through which a program of the host's passes
 * it what others send.
 */
static __always_inline bool has_upper_protocol(struct sock *sk)
{
	return BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops) ||
	       (u64)BPF_CORE_READ(sk, sk_user_data) & USER_DATA_NOCOPY;
}

/*
 * How many bytes a call has read, and calls before it that no program sees: those that splice or map them. It is the progress of
 * the socket's own count, if that is known; of two calls one after the other the first may find the bytes of both, and the second
 * none. One more than the call tells is the end, or a byte out of band, which is read by a call of its own.
 */
static __always_inline int bytes_read(struct sock *sk, struct sock_ctx *sc, int bytes)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);
	u32 before = sc->read_seq;
	int more;

	if (!tp)
		return bytes;
	sc->read_seq = READ(tp, copied_seq);
	more = (int)(sc->read_seq - before) - bytes;
	if (!more || more == 1 || !before || has_upper_protocol(sk))
		return bytes;
	return bytes + more - (int)end_is_read(sk, tp);
}

#define RTT_SENDS 64 /* the round-trip time is sampled once in so many sends */

static __always_inline void bytes_count(struct sock *sk, struct sock_ctx *sc, int bytes, u32 flow)
{
	bytes_add(sc, flow == TCP_RECEIVED ? bytes_read(sk, sc, bytes) : bytes, flow);
	if (flow == TCP_SENT && !(++sc->sends & (RTT_SENDS - 1)) && is_tcp(sk))
		sample_rtt(sk, sc);
}

static __always_inline u32 write_seq(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);

	return tp ? READ(tp, write_seq) : 0;
}

#endif
