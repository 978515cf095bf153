/* SPDX-License-Identifier: GPL-2.0-only */
/* Peers: numbers for the remote ends of connections, and the service behind one on this machine. */
#ifndef PEER_BPF_H
#define PEER_BPF_H

#include "request.h"
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
	p->port = far ? __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport))
		      : BPF_CORE_READ(sk, __sk_common.skc_num);
	if (is_loopback(p))
		p->net = (u64)BPF_CORE_READ(sk, __sk_common.skc_net.net);
	return p->port;
}

static __always_inline u32 peer_new(struct peer *p)
{
	u32 number, *known;
	struct peer *row;

	if (!id_alloc(&request_free_peers, &number))
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

/* The number of the peer that this socket sends requests to. */
static __always_inline u32 peer_find(struct sock *sk)
{
	struct peer p = {};
	u32 *number;

	if (!peer_of(sk, true, &p))
		return PEER_NONE;
	number = bpf_map_lookup_elem(&request_peer_ids, &p);
	return number ? *number : peer_new(&p);
}

/* Records that this identity serves requests at the socket's local address. */
static __always_inline void peer_note(struct sock *sk, u32 identity)
{
	struct peer_owner owner = { identity, identity_gen(identity) }, *known;
	struct peer p = {};

	identity_serves(identity);
	if (!peer_of(sk, false, &p))
		return;
	known = bpf_map_lookup_elem(&request_owners, &p);
	if (!known || known->identity != owner.identity || known->gen != owner.gen)
		bpf_map_update_elem(&request_owners, &p, &owner, BPF_ANY);
}

/* --- destinations that this machine translates (DNAT), as those of Kubernetes' services */

/*
 * Where connections end that are served here, by their client's address, which is the same at both ends. A client that has
 * its response finds its own here: the server has read the request before.
 */
struct route {
	struct peer server;
	u64 ns;
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, struct peer, struct route, 4096, 0) request_routes SEC(".maps");

/* Set by user space while connections are tracked on this machine: otherwise nothing is translated. */
volatile u64 translates;

/* Scratch space, since the stack is full. */
struct route_ends {
	struct peer client;
	struct route route;
};

/* An accepted connection. */
static __always_inline void route_note(struct sock *sk, struct route_ends *ends)
{
	__builtin_memset(ends, 0, sizeof(*ends));
	if (!peer_of(sk, true, &ends->client) || !peer_of(sk, false, &ends->route.server) ||
	    ends->client.family == AF_UNIX)
		return;
	ends->route.ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&request_routes, &ends->client, &ends->route, BPF_ANY);
}

/* An entry may be of an earlier connection from this port, which nobody has asked about. */
#define ROUTE_FRESH_NS 600000000000ULL

/* The number of the peer that really serves this connection, which was opened at `epoch`; 0: it is what it seems to be. */
static __always_inline u32 route_find(struct sock *sk, u32 epoch, struct route_ends *ends)
{
	struct route *route;
	u32 *number;

	__builtin_memset(ends, 0, sizeof(*ends));
	if (!peer_of(sk, false, &ends->client) || ends->client.family == AF_UNIX)
		return 0;
	route = bpf_map_lookup_elem(&request_routes, &ends->client);
	if (!route)
		return 0;
	ends->route = *route;
	bpf_map_delete_elem(&request_routes, &ends->client);
	if (bpf_ktime_get_ns() - ends->route.ns > ROUTE_FRESH_NS ||
	    (int)(epoch_at(ends->route.ns) - epoch) < 0)
		return 0;
	number = bpf_map_lookup_elem(&request_peer_ids, &ends->route.server);
	return number ? *number : peer_new(&ends->route.server);
}

#endif
