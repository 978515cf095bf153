/* SPDX-License-Identifier: GPL-2.0-only */
/* What the event log has of requests, and who is attached to their process: the slow ones. And how a request is numbered. */
#ifndef REQUEST_EVENT_BPF_H
#define REQUEST_EVENT_BPF_H

#include "event.bpf.h"
#include "request.h"
#include "socket.bpf.h"

/* Of a dimension without a status. */
static __always_inline u64 with_status(u64 dim, u32 status)
{
	return dim | (status & ((1 << REQUEST_STATUS_BITS) - 1)) << REQUEST_STATUS_AT;
}

static __always_inline u64 dimension(u32 protocol, u32 direction, u32 peer, u32 status)
{
	if (protocol == PROTOCOL_MEMCACHED_BINARY)
		protocol = PROTOCOL_MEMCACHED;
	return with_status(protocol | direction << REQUEST_DIRECTION_AT |
				   (u64)peer << REQUEST_PEER_AT,
			   status);
}

static __always_inline u64 without_status(u64 dim)
{
	return dim & ~(((1ULL << REQUEST_STATUS_BITS) - 1) << REQUEST_STATUS_AT);
}

static __always_inline u64 with_protocol(u64 dim, u32 protocol)
{
	return (dim & ~((1ULL << REQUEST_PROTOCOL_BITS) - 1)) | protocol;
}

/* While somebody is attached who wants to know what is slow: the socket that this CPU is at. */
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, u64, 1, 0) request_sock SEC(".maps");

static __always_inline void request_sock_note(struct sock *sk)
{
	u32 zero = 0;
	u64 *row = slow_is_watched() ? bpf_map_lookup_elem(&request_sock, &zero) : NULL;

	if (row)
		*row = (u64)sk;
}

__noinline int watched_request(u32 identity, u64 dim, u64 ns)
{
	struct ring_watched *e = watched_begin(identity, SLOW_REQUEST, ns);
	u32 zero = 0;
	u64 *sk;

	if (!e)
		return 0;
	sk = bpf_map_lookup_elem(&request_sock, &zero);
	if (sk)
		ends_read(&e->ends, (struct sock *)*sk);
	e->slow.io.dim = without_status(dim);
	event_current(&e->slow.io.head);
	e->tid = (u32)bpf_get_current_pid_tgid();
	watched_end(e);
	return 0;
}

/* The running task has got, or given, the response to a request that took so long. */
__noinline int slow_request(u32 identity, u64 dim, u64 ns)
{
	struct ring_state *state;
	struct ring_slow *e;
	u32 zero = 0;

	if (slow_is_watched())
		watched_request(identity, dim, ns);
	if (!slow_is_longest(identity, SLOW_REQUEST, ns))
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0); /* the stack of those who parse is full */
	if (e) {
		__builtin_memset(e, 0, sizeof(*e));
		event_head(&e->io.head, RING_SLOW, identity);
		e->what = SLOW_REQUEST;
		e->io.dim = without_status(dim);
		e->io.total_ns = ns;
		event_current(&e->io.head);
	}
	state = bpf_map_lookup_elem(&event_state, &zero);
	if (e)
		bpf_ringbuf_submit(e, state ? event_flags(state) : 0);
	else if (state)
		event_lost(state, RING_SLOW);
	return 0;
}

#endif
