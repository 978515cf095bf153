/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket scan: visits every socket that has a context. What waits there costs nothing until somebody looks. */
#ifndef SOCK_SCAN_BPF_H
#define SOCK_SCAN_BPF_H

#include "sock.bpf.h"

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
} __attribute__((preserve_access_index));

/*
 * One body, two programs, as those of TRACEPOINT(): NAME_btf walks the storage of sockets, NAME_raw the table that takes
 * its place, where a socket is no more than its address: its fields are read with BPF_CORE_READ().
 */
#define SOCK_SCAN(name)                                                             \
	static __always_inline int on_##name(struct sock *sk, struct sock_ctx *sc); \
	SEC("?iter/bpf_sk_storage_map")                                             \
	int name##_btf(struct bpf_iter__bpf_sk_storage_map *it)                     \
	{                                                                           \
		struct sock_ctx *sc = it->value;                                    \
		struct sock *sk = it->sk;                                           \
		if (sk && sc)                                                       \
			on_##name(sk, sc);                                          \
		return 0;                                                           \
	}                                                                           \
	SEC("?iter/bpf_map_elem")                                                   \
	int name##_raw(struct bpf_iter__bpf_map_elem *it)                           \
	{                                                                           \
		struct sock_ctx *sc = it->value;                                    \
		u64 *key = it->key;                                                 \
		if (key && sc)                                                      \
			on_##name((struct sock *)*key, sc);                         \
		return 0;                                                           \
	}                                                                           \
	static __always_inline int on_##name(struct sock *sk, struct sock_ctx *sc)

#endif
