/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket scan: visits every socket that has a context. What waits there costs nothing until somebody looks. */
#ifndef SOCK_SCAN_BPF_H
#define SOCK_SCAN_BPF_H

#include "sock.bpf.h"
#include "table_scan.bpf.h"

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
} __attribute__((preserve_access_index));

/* NULL: it has no context, or was visited before. */
static __always_inline struct sock_ctx *sock_visit(struct sock *sk, u64 visit)
{
	struct sock_ctx *sc = sock_ctx_find(sk);

	if (!sc || sc->visit == visit)
		return NULL;
	sc->visit = visit;
	return sc;
}

/* Several files may lead to a socket. */
static __always_inline bool sock_is_visited(struct sock *sk, u64 visit)
{
	struct sock_ctx *sc = sock_ctx_find(sk);

	return sc && sc->visit == visit;
}

/* A connection that nobody has accepted yet has a context, and no file: the listener has the queue of them. */
#define UNACCEPTED_MAX 65536

struct unaccepted {
	struct request_sock *next;
	u64 visit;
};

static __always_inline struct request_sock *unaccepted_first(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	return tp && BPF_CORE_READ(sk, __sk_common.skc_state) == LISTEN
		       ? tp->inet_conn.icsk_accept_queue.rskq_accept_head
		       : NULL;
}

/* The other end of a Unix socket has none either, before it is accepted, and when it is closed. */
static __always_inline struct sock *sock_other_end(struct sock *sk)
{
	struct unix_sock *u = bpf_skc_to_unix_sock(sk);

	return u ? u->peer : NULL;
}

/* Through the files of all processes. */
#define SOCK_SCAN_FILES(name)                                                        \
	static __noinline int name##_sock(struct sock *sk, u64 visit)                \
	{                                                                            \
		struct sock_ctx *sc = sock_visit(sk, visit);                         \
		return sc ? on_##name(sk, sc) : 0;                                   \
	}                                                                            \
	static long name##_unaccepted(u32 i, struct unaccepted *at)                  \
	{                                                                            \
		struct request_sock *request = at->next;                             \
		struct sock *sk = request ? request->sk : NULL;                      \
		if (sk)                                                              \
			name##_sock(sk, at->visit);                                  \
		at->next = request ? request->dl_next : NULL;                        \
		return !at->next;                                                    \
	}                                                                            \
	SEC("?iter/task_file")                                                       \
	int name##_files(struct bpf_iter__task_file *it)                             \
	{                                                                            \
		struct unaccepted at = { .visit = it->meta->session_id };            \
		struct file *file = it->file;                                        \
		struct sock *sk = it->task && file ? file_sock(file) : NULL, *other; \
		if (!sk || sock_is_visited(sk, at.visit))                            \
			return 0;                                                    \
		name##_sock(sk, at.visit);                                           \
		other = sock_other_end(sk);                                          \
		if (other)                                                           \
			name##_sock(other, at.visit);                                \
		at.next = unaccepted_first(sk);                                      \
		if (at.next)                                                         \
			bpf_loop(UNACCEPTED_MAX, name##_unaccepted, &at, 0);         \
		return 0;                                                            \
	}

/* Through the table that takes the place of the storage: a socket is no more than its address there. */
#define SOCK_SCAN_TABLE(name)                                                                     \
	SEC("?iter/bpf_map_elem")                                                                 \
	int name##_raw(struct bpf_iter__bpf_map_elem *it)                                         \
	{                                                                                         \
		return name##_entry(it->key, it->value);                                          \
	}                                                                                         \
	static long name##_visit(struct bpf_map *map, const void *key, void *value, void *unused) \
	{                                                                                         \
		name##_entry(key, value);                                                         \
		return 0;                                                                         \
	}                                                                                         \
	TABLE_EACH(name##_each_raw, socks_by_address, name##_visit, 0)

/*
 * One body, several programs, as those of TRACEPOINT(): NAME_btf walks the storage of sockets, and where the kernel refuses that
 * NAME_files goes through files. NAME_raw and NAME_each_raw have no more than addresses: fields are read with BPF_CORE_READ().
 */
#define SOCK_SCAN(name)                                                                  \
	static __always_inline int on_##name(struct sock *sk, struct sock_ctx *sc);      \
	SEC("?iter/bpf_sk_storage_map")                                                  \
	int name##_btf(struct bpf_iter__bpf_sk_storage_map *it)                          \
	{                                                                                \
		struct sock_ctx *sc = it->value;                                         \
		struct sock *sk = it->sk;                                                \
		return sk && sc ? on_##name(sk, sc) : 0;                                 \
	}                                                                                \
	SOCK_SCAN_FILES(name)                                                            \
	static __always_inline int name##_entry(const u64 *address, struct sock_ctx *sc) \
	{                                                                                \
		return address && sc ? on_##name((struct sock *)*address, sc) : 0;       \
	}                                                                                \
	SOCK_SCAN_TABLE(name)                                                            \
	static __always_inline int on_##name(struct sock *sk, struct sock_ctx *sc)

#endif
