/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sockets of requests that are kept in tables of their own: HTTP/2 streams, requests with numbers, DNS queries. The socket scan
 * notes those that it sees; one that it does not see any more is gone.
 */
#ifndef HOLDER_BPF_H
#define HOLDER_BPF_H

#include "request_event.bpf.h"
#include "sock.bpf.h"

/* There is something in the tables of streams or DNS queries: user space visits them from then on. */
volatile u64 entries_seen;

struct holder {
	u64 ns;	 /* when it was seen, or ended; 0: never */
	u64 dim; /* of its requests */
	u32 identity, gen;
	u32 reason; /* enum unanswered_reason: why it ended; or HOLDER_LOST */
	u32 unused;
};
#define HOLDER_LOST \
	255 /* it lives, but what becomes of its requests is unknown: the parser had lost its way */

struct holders {
	struct holder now, ended; /* an address is soon another socket's */
};
struct TABLE(BPF_MAP_TYPE_HASH, u64, struct holders, 16384, BPF_F_NO_PREALLOC) request_holders
	SEC(".maps");

volatile u64 holders_full; /* some socket had no room */

static __always_inline struct holders *holders_of(struct sock *sk)
{
	static const struct holders none;
	struct holders *h;
	u64 key = (u64)sk;

	h = bpf_map_lookup_elem(&request_holders, &key);
	if (h)
		return h;
	entries_seen = 1;
	holders_full |= bpf_map_update_elem(&request_holders, &key, &none, BPF_NOEXIST) != 0;
	return bpf_map_lookup_elem(&request_holders, &key);
}

static __always_inline void holder_note(struct holder *h, const struct sock_ctx *sc, u32 reason)
{
	h->dim = dimension(sc->request.protocol, sc->direction, sc->request.peer, 0);
	h->identity = sc->identity;
	h->gen = sc->gen;
	h->reason = reason;
	h->ns = bpf_ktime_get_ns();
}

#endif
