/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Servers that speak first. Who is not greeted by one has sent nothing, and waits all the same: that is known of addresses at which
 * somebody was greeted before.
 */
#ifndef GREETING_BPF_H
#define GREETING_BPF_H

#include "peer.bpf.h"

struct greeter {
	u64 ns; /* the last time */
	u32 protocol;
	u32 unused;
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct peer, struct greeter, 1024, 0) request_greeters
	SEC(".maps");

/* Later, another server may have the address. */
#define GREETER_NS 3600000000000LL

/* The server, which is at the far end of the socket at this address or at its own one, has greeted. */
__noinline int greeter_note(u64 sock, u32 far, u32 protocol)
{
	struct greeter greeter = { .ns = bpf_ktime_get_ns(), .protocol = protocol };
	struct peer p = {};

	if (peer_of((struct sock *)sock, far, &p))
		bpf_map_update_elem(&request_greeters, &p, &greeter, BPF_ANY);
	return 0;
}

/* The protocol in which a server greets, of a connection that was opened at `ns`. */
__noinline u32 greeter_find(u64 sock, u32 far, u64 ns)
{
	struct greeter *greeter;
	struct peer p = {};

	if (!peer_of((struct sock *)sock, far, &p))
		return PROTOCOL_UNKNOWN;
	greeter = bpf_map_lookup_elem(&request_greeters, &p);
	return greeter && (s64)(ns - greeter->ns) < GREETER_NS ? greeter->protocol
							       : PROTOCOL_UNKNOWN;
}

/* The protocol of the greeting that the client of this connection waits for. Only TCP sockets are seen to open. */
static __always_inline u32 greeting_awaited(struct sock *sk, const struct sock_ctx *sc)
{
	const struct request_ctx *r = &sc->request;
	struct tcp_sock *tp = (void *)sk;

	if (!r->watched || r->protocol || r->tries || BPF_CORE_READ(tp, bytes_sent) ||
	    BPF_CORE_READ(tp, bytes_received) > 1) /* its end is one */
		return PROTOCOL_UNKNOWN;
	return greeter_find(pointer_address(sk), sc->direction == TCP_OUTBOUND, r->begun_ns);
}

#endif
