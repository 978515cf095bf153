/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP sockets as they are now: connections that are open or under way, and what listeners had to drop. */
#ifndef TCP_SCAN_BPF_H
#define TCP_SCAN_BPF_H

#include "sock_scan.bpf.h"

METRIC(tcp_connections_open);
METRIC(tcp_connects_in_flight);
METRIC(tcp_connect_oldest_seconds);
METRIC(tcp_listen_overflows_total);

/* Set by the loader: the label `peer` is shown. */
const volatile bool peers_shown SEC(".rodata");

/* The kernel counts what a listener drops, for lack of room in its queues, in the listener itself. */
static __always_inline u32 listen_drops(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_drops.counter);
}

static __always_inline int listen_overflows_count(struct sock *sk, struct sock_ctx *sc)
{
	u32 drops = listen_drops(sk), n = drops - sc->listen_drops;

	sc->listen_drops = drops;
	return n ? count_add(tcp_listen_overflows_total, sock_owner(sc), 0, n) : 0;
}

/* How long it takes is unknown if it began before the daemon. */
static __always_inline int connect_scan(struct sock_ctx *sc)
{
	u64 now = bpf_ktime_get_ns();

	gauge_add(tcp_connects_in_flight, sock_owner(sc), 0, 1);
	if (sc->start_ns && now > sc->start_ns)
		gauge_max(tcp_connect_oldest_seconds, sock_owner(sc), 0, now - sc->start_ns);
	return 0;
}

static __always_inline int connection_scan(struct sock_ctx *sc)
{
	u32 peer = peers_shown && sc->direction == TCP_OUTBOUND ? sc->request.peer : 0;

	return gauge_add(tcp_connections_open, sock_owner(sc), sc->direction | peer << TCP_PEER_AT,
			 1);
}

SOCK_SCAN(sockets_scan)
{
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP ||
	    BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return 0;
	switch (BPF_CORE_READ(sk, __sk_common.skc_state)) {
	case ESTABLISHED:
	case CLOSE_WAIT:
		return connection_scan(sc);
	case SYN_SENT:
		return connect_scan(sc);
	case LISTEN:
		return listen_overflows_count(sk, sc);
	}
	return 0;
}

#endif
