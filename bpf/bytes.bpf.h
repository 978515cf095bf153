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
static __always_inline int bytes_add(struct sock_ctx *sc, u64 bytes, u32 flow)
{
	if (bytes)
		count_add_at(SLOT_CACHED(&sc->bytes[flow], tcp_bytes_total, sc->identity, flow,
					 false),
			     bytes);
	return 0;
}

/* The owner has not been validated, as at the end of a connection. */
static __always_inline int bytes_add_later(struct sock_ctx *sc, u64 bytes, u32 flow)
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

/* In which directions the kernel makes the records of TLS, bits of enum ktls: there calls go to other functions than TCP's. */
__noinline int ktls_directions(u64 address)
{
	struct sock *sk = (void *)address;
	struct proto *prot, *tcp;

	if (!BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops))
		return 0;
	prot = BPF_CORE_READ(sk, __sk_common.skc_prot);
	tcp = BPF_CORE_READ(sk, sk_prot_creator);
	return (BPF_CORE_READ(prot, sendmsg) != BPF_CORE_READ(tcp, sendmsg) ? KTLS_SENT : 0) |
	       (BPF_CORE_READ(prot, recvmsg) != BPF_CORE_READ(tcp, recvmsg) ? KTLS_RECEIVED : 0);
}

/* How many bytes have been read from the socket, by whatever means; with the end, once that was read. */
static __always_inline u64 read_so_far(struct tcp_sock *tp)
{
	u32 rcv_nxt = READ(tp, rcv_nxt);

	/* bytes may arrive, or be read, between these loads */
	return READ(tp, bytes_received) - (s32)(rcv_nxt - READ(tp, copied_seq));
}

/* What is read from now on counts, and the last `bytes` that were. */
static __always_inline void bytes_read_begin(struct sock *sk, struct sock_ctx *sc, u32 bytes)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);

	sc->read = tp ? read_so_far(tp) - bytes : 0;
	sc->reads = READS_TOLD;
}

/* For the socket's owner, as bytes_add(). Others may be doing the same. */
static __always_inline int bytes_read_add(struct sock_ctx *sc, u64 bytes)
{
	if (!bytes) /* of an addition of 0 the compiler makes an instruction that Linux has since 5.12 */
		return 0;
	__sync_fetch_and_add(&sc->read, bytes);
	return bytes_add(sc, bytes, TCP_RECEIVED);
}

/* How many bytes have been read that are not counted. */
static __always_inline u64 bytes_progress(struct sock *sk, struct sock_ctx *sc)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);
	u64 n;

	if (!tp || !sc->reads)
		return 0;
	n = read_so_far(tp) - end_is_read(sk, tp) - sc->read;
	return (s64)n > 0 ? n : 0;
}

/*
 * The same, by calls that no program sees: those that map bytes, or splice them. Only while nobody else reads the socket: what a call has
 * read of which a program is still to be told would be among them.
 */
static __always_inline u64 bytes_untold(struct sock *sk, struct sock_ctx *sc)
{
	return has_upper_protocol(sk) ? 0 : bytes_progress(sk, sc);
}

/* The connection has ended. If a program is still to be told of a call, that call's bytes are counted here. */
static __always_inline int bytes_read_end(struct sock *sk, struct sock_ctx *sc)
{
	u64 n = bytes_untold(sk, sc);

	if (!n)
		return 0;
	sc->reads = READS_ENDED;
	__sync_fetch_and_add(&sc->read, n);
	return bytes_add_later(sc, n, TCP_RECEIVED);
}

/* How many bytes count, where it is not those that the call has read. */
static __noinline u64 bytes_read_else(struct sock *sk, struct sock_ctx *sc, u32 bytes)
{
	if (sc->reads == READS_ENDED)
		return bytes_untold(sk, sc);
	bytes_read_begin(sk, sc, bytes);
	return bytes;
}

/*
 * A call has read so many bytes. Where several threads read one socket, the programs that are told of their calls run at the same
 * time and in any order: none can tell from the socket what the others have counted.
 */
static __always_inline int bytes_read(struct sock *sk, struct sock_ctx *sc, u32 bytes)
{
	u64 n = bytes;

	if (sc->reads != READS_TOLD)
		n = bytes_read_else(sk, sc, bytes);
	return bytes_read_add(sc, n);
}

#define RTT_SENDS 64 /* the round-trip time is sampled once in so many sends */

static __always_inline void bytes_count(struct sock *sk, struct sock_ctx *sc, u32 bytes, u32 flow)
{
	if (flow == TCP_RECEIVED) {
		bytes_read(sk, sc, bytes);
		return;
	}
	bytes_add(sc, bytes, flow);
	if (!(++sc->sends & (RTT_SENDS - 1)) && is_tcp(sk))
		sample_rtt(sk, sc);
}

static __always_inline u32 write_seq(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);

	return tp ? READ(tp, write_seq) : 0;
}

#endif
