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

#endif
