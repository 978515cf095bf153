/* SPDX-License-Identifier: GPL-2.0-only */
/* Peers: numbers for the remote ends of connections, and the service behind one on this machine. */
#ifndef PEER_BPF_H
#define PEER_BPF_H

#include "bytes.bpf.h"
#include "request.h"
#include "request_count.bpf.h"
#include "sock.bpf.h"

struct TABLE(BPF_MAP_TYPE_HASH, struct peer, u32, PEERS, 0) request_peer_ids SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct peer, PEERS, BPF_F_MMAPABLE) request_peers
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct peer, struct peer_owner, 4096, 0) request_owners
	SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__type(value, struct id_range);
	__uint(max_entries, PEERS);
} request_free_peers SEC(".maps");

static __always_inline bool is_loopback(const struct peer *p)
{
	const u32 *words = (const void *)p->address;

	if (words[0] || words[1])
		return false;
	return words[2] ? p->address[12] == 127 : words[3] == __builtin_bswap32(1);
}

/* The remote or the local address of a socket. */
static __always_inline bool peer_of(struct sock *sk, bool far, struct peer *p)
{
	u32 family = BPF_CORE_READ(sk, __sk_common.skc_family), *words = (void *)p->address;
	struct unix_sock *u = (void *)sk;

	p->family = AF_INET;
	if (family == AF_INET) {
		words[2] = __builtin_bswap32(0xffff);
		words[3] = far ? BPF_CORE_READ(sk, __sk_common.skc_daddr)
			       : BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	} else if (family == AF_INET6) {
		if (far)
			BPF_CORE_READ_INTO(&p->address, sk, __sk_common.skc_v6_daddr);
		else
			BPF_CORE_READ_INTO(&p->address, sk, __sk_common.skc_v6_rcv_saddr);
	} else if (family == AF_UNIX) {
		p->family = AF_UNIX;
		if (far)
			u = (void *)BPF_CORE_READ(u, peer);
		*(u64 *)words = u ? (u64)BPF_CORE_READ(u, addr) : 0;
		return u;
	} else {
		return false;
	}
	/* skc_num is gone when the end of the connection is seen */
	p->port = __builtin_bswap16(far ? BPF_CORE_READ(sk, __sk_common.skc_dport)
					: BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	if (is_loopback(p))
		p->net = (u64)BPF_CORE_READ(sk, __sk_common.skc_net.net);
	return p->port;
}

/* Each peer has series of its own, of which one service that asks many must leave the others half. */
static __always_inline bool peer_fits(void)
{
	return series_is_half_free(requests_total) && series_is_half_free(request_duration_seconds);
}

static __always_inline u32 peer_new(struct peer *p)
{
	u32 number, *known;
	struct peer *row;

	if (!peer_fits() || !id_alloc(&request_free_peers, &number))
		return PEER_MORE;
	if (bpf_map_update_elem(&request_peer_ids, p, &number, BPF_NOEXIST)) {
		id_free(&request_free_peers, number); /* another CPU was first */
		known = bpf_map_lookup_elem(&request_peer_ids, p);
		return known ? *known : PEER_MORE;
	}
	row = bpf_map_lookup_elem(&request_peers, &number);
	if (!row)
		return PEER_MORE;
	*row = *p;
	barrier();
	row->number = number;
	return number;
}

/* The number of the peer that the socket at this address sends requests to. */
__noinline u32 peer_find(u64 sock)
{
	struct peer p = {};
	u32 *number;

	if (!peer_of((struct sock *)sock, true, &p))
		return PEER_NONE;
	number = bpf_map_lookup_elem(&request_peer_ids, &p);
	return number ? *number : peer_new(&p);
}

/* Records that this identity serves requests at the socket's local address. */
__noinline int peer_note(u64 sock, u32 identity)
{
	struct peer_owner owner = { identity, identity_gen(identity) }, *known;
	struct peer p = {};

	identity_serves(identity);
	if (!peer_of((struct sock *)sock, false, &p))
		return 0;
	known = bpf_map_lookup_elem(&request_owners, &p);
	if (!known || known->identity != owner.identity || known->gen != owner.gen)
		bpf_map_update_elem(&request_owners, &p, &owner, BPF_ANY);
	return 0;
}

/* --- destinations that this machine translates (DNAT), as those of Kubernetes' services */

/*
 * Where connections end that are served here, by the sequence numbers with which both ends began, the client's in the upper half:
 * whatever translates their addresses and ports leaves these. A client that has its response finds its connection here: the server has
 * read the request before.
 */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct peer, 4096, 0) request_routes SEC(".maps");

/* Set by user space while connections are tracked on this machine: otherwise nothing is translated. */
volatile u64 translates;

/* Scratch space, since the stack is full. */
struct route {
	u64 key;
	struct peer server;
};

/* 0: it is not TCP, or is just receiving something. The client's first number has been acknowledged, and is counted with its bytes. */
static __always_inline u64 route_key(struct sock *sk, bool client)
{
	struct tcp_sock *tp = tcp_sock_or_null(sk);
	u32 acked, next, sent, received, own, other;

	if (!tp)
		return 0;
	acked = READ(tp, snd_una);
	next = READ(tp, rcv_nxt);
	barrier();
	sent = READ(tp, bytes_acked);
	received = READ(tp, bytes_received);
	barrier();
	if (READ(tp, snd_una) != acked || READ(tp, rcv_nxt) != next ||
	    (u32)READ(tp, bytes_acked) != sent || (u32)READ(tp, bytes_received) != received)
		return 0;
	own = acked - sent - !client;
	other = next - received - 1;
	return client ? (u64)own << 32 | other : (u64)other << 32 | own;
}

/* An accepted connection. */
static __always_inline void route_note(struct sock *sk, struct route *route)
{
	__builtin_memset(route, 0, sizeof(*route));
	route->key = route_key(sk, false);
	if (route->key && peer_of(sk, false, &route->server))
		bpf_map_update_elem(&request_routes, &route->key, &route->server, BPF_ANY);
}

/* The number of the peer that really serves this connection; 0: it is what it seems to be. */
static __always_inline u32 route_find(struct sock *sk, struct route *route)
{
	struct peer *server;
	u32 *number;

	route->key = route_key(sk, true);
	server = bpf_map_lookup_elem(&request_routes, &route->key);
	if (!server)
		return 0;
	route->server = *server;
	bpf_map_delete_elem(&request_routes, &route->key);
	number = bpf_map_lookup_elem(&request_peer_ids, &route->server);
	return number ? *number : peer_new(&route->server);
}

#endif
