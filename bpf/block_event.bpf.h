/* SPDX-License-Identifier: GPL-2.0-only */
/* What the event log has of block I/O: requests that fail, and the longest of each identity. */
#ifndef BLOCK_EVENT_BPF_H
#define BLOCK_EVENT_BPF_H

#include "block.h"
#include "block_submitter.bpf.h"
#include "event.bpf.h"

static __always_inline u64 error_dim(u32 dim, int error)
{
	return dim | (u64)(error & 0xffff) << BLOCK_ERROR_SHIFT;
}

__noinline int block_error(u32 identity, u64 dim, u64 sector, u64 bytes)
{
	struct ring_io e = { .dim = dim, .sector = sector, .bytes = bytes };

	if (!events_wanted())
		return 0;
	event_head(&e.head, RING_BLOCK_ERROR, identity);
	event_send(RING_BLOCK_ERROR, &e, sizeof(e));
	return 0;
}

static __always_inline void io_describe(struct ring_io *io, u64 address, u32 dim, u64 ns,
					u64 submitted_ns)
{
	struct request *rq = (void *)address;
	u64 issued = BPF_CORE_READ(rq, io_start_time_ns);
	u64 now = (BPF_CORE_READ(rq, start_time_ns) ?: submitted_ns) + ns;

	io->dim = dim;
	io->sector = BPF_CORE_READ(rq, __sector);
	io->bytes = BPF_CORE_READ(rq, __data_len);
	io->total_ns = ns;
	io->device_ns = issued && issued < now ? now - issued : 0;
}

static __noinline int watched_io(u64 rq, u32 identity, u32 dim, u64 ns, u64 submitted_ns)
{
	struct ring_watched *e = watched_begin(identity, SLOW_IO, ns);
	struct block_thread *thread;

	if (!e)
		return 0;
	io_describe(&e->slow.io, rq, dim, ns, submitted_ns);
	thread = block_thread_find(rq, submitted_ns);
	if (thread) {
		e->slow.io.head.pid = thread->pid;
		e->tid = thread->tid;
		__builtin_memcpy(e->slow.io.head.comm, thread->comm, RING_COMM);
	}
	watched_end(e);
	return 0;
}

/* The request at this address completes now, and took `ns`. Where its submission was not seen, `submitted_ns` is 0. */
__noinline int slow_io(u64 rq, u32 identity, u32 dim, u64 ns, u64 submitted_ns)
{
	struct ring_slow e = { .what = SLOW_IO };

	if (slow_is_watched())
		watched_io(rq, identity, dim, ns, submitted_ns);
	if (!slow_is_longest(identity, SLOW_IO, ns))
		return 0;
	event_head(&e.io.head, RING_SLOW, identity);
	io_describe(&e.io, rq, dim, ns, submitted_ns);
	event_send(RING_SLOW, &e, sizeof(e));
	return 0;
}

#endif
