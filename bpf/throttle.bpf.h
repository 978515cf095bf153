/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time that bios wait in the I/O limit of their cgroup (io.max, blkio.throttle.*), before there is a request. Only bios
 * that do wait cost anything: the kernel's functions that put them into the limit's queue and take them out are hooked.
 *
 * Where functions cannot be hooked, the start of the limit's timer tells that somebody has begun to wait, which is right
 * for the first in a queue; those behind it are not counted.
 */
#ifndef THROTTLE_BPF_H
#define THROTTLE_BPF_H

#include "block_submitter.bpf.h"
#include "disk.bpf.h"
#include "hist.bpf.h"

METRIC(service_block_io_throttled_seconds);

/* A timer that has been over for longer, in jiffies, was not that of the bio. */
#define THROTTLE_LATE 1000

struct throttled {
	struct submitter by;
	u64 expires; /* of the timer, in jiffies; 0: the bio itself was seen */
};
struct TABLE(BPF_MAP_TYPE_HASH, u64, struct throttled, 8192, 0) block_throttled SEC(".maps");

static __always_inline void throttle_end(u64 key, struct bio *bio)
{
	struct throttled *found = bpf_map_lookup_elem(&block_throttled, &key), row;
	u64 now = bpf_ktime_get_ns();

	if (!found)
		return;
	row = *found;
	bpf_map_delete_elem(&block_throttled, &key);
	if (row.expires && bpf_jiffies64() - row.expires > THROTTLE_LATE)
		return;
	hist_add(service_block_io_throttled_seconds, submitter_identity(&row.by, bio),
		 disk_number(bio_disk(bio, typed)), now - row.by.start_ns);
	/* a kernel thread submits it now */
	if (*(volatile u64 *)&bios_followed)
		bio_own(bio, row.by.identity, row.by.gen);
}

/* Comes again where the bio moves on to the limit of a parent. */
SEC("?fentry/throtl_add_bio_tg")
int BPF_PROG(throttle_fentry, struct bio *bio)
{
	struct throttled row = {};
	u64 key = (u64)bio;

	if (bpf_map_lookup_elem(&block_throttled, &key))
		return 0;
	throttle_seen = 1;
	submitter_fill_bio(&row.by, bio, 0);
	bpf_map_update_elem(&block_throttled, &key, &row, BPF_ANY);
	return 0;
}

const volatile u32 arity_throtl_pop_queued SEC(".rodata");

/* With a second argument the bio moves on, from a cgroup's queue to that of its parent. */
SEC("?fexit/throtl_pop_queued")
int unthrottle_fexit(unsigned long long *ctx)
{
	struct bio *bio = (void *)(arity_throtl_pop_queued > 2 ? ARG(ctx, 3) : ARG(ctx, 2));
	u64 args[2];

	bpf_probe_read_kernel(args, sizeof(args),
			      ctx); /* the verifier refuses pointers to pointers */
	if (bio && !args[1])
		throttle_end((u64)bio, bio);
	return 0;
}

/* --- without hooks on functions */

u64 throttle_timer; /* address of the timer's function; 0: not known yet */

/* A cgroup, by the address of its state in the controller, waits for a disk, by that of its queue. */
static __always_inline u64 throttle_key(u64 css, u64 queue)
{
	return css ^ queue << 16;
}

/* The limits' service queue has started its timer: the running task has to wait for the disk of this queue. */
__noinline int throttle_started(u64 timer, u64 expires)
{
	struct throtl_service_queue *sq = container_of((struct timer_list *)timer,
						       struct throtl_service_queue, pending_timer);
	u32 io = bpf_core_enum_value(enum cgroup_subsys_id, io_cgrp_id);
	struct css_set *set = BPF_CORE_READ(task_current(), cgroups);
	struct throttled row = { .expires = expires };
	u64 css = 0, key;

	for (int i = 0; i < 8; i++) {
		struct throtl_service_queue *parent = BPF_CORE_READ(sq, parent_sq);

		if (!parent)
			break;
		sq = parent;
	}
	bpf_probe_read_kernel(&css, sizeof(css), (void *)&set->subsys[0] + io * sizeof(css));
	key = throttle_key(css,
			   (u64)BPF_CORE_READ(container_of(sq, struct throtl_data, service_queue),
					      queue));
	row.by.start_ns = bpf_ktime_get_ns();
	row.by.identity = identity_current();
	row.by.gen = identity_gen(row.by.identity);
	bpf_map_update_elem(&block_throttled, &key, &row, BPF_ANY);
	return 0;
}

TRACEPOINT(timer_start, throttle, struct timer_list *timer, unsigned long expires)
{
	u64 function = *(volatile u64 *)&throttle_timer, address;

	if (!function || (u64)READ(timer, function) != function)
		return 0;
	bpf_probe_read_kernel(&address, sizeof(address), ctx); /* without the type, as a number */
	return throttle_started(address, expires);
}

/* A kernel thread submits the bio: perhaps one that has waited. */
static __always_inline void throttle_queued(struct bio *bio)
{
	struct blkcg *blkcg;

	if (!throttle_by_timer() || !throttle_seen)
		return;
	if (!throttle_timer)
		throttle_timer = (u64)BPF_CORE_READ(bio, bi_blkg, q, td,
						    service_queue.pending_timer.function);
	blkcg = BPF_CORE_READ(bio, bi_blkg, blkcg);
	throttle_end(throttle_key((u64)&blkcg->css, (u64)BPF_CORE_READ(bio, bi_blkg, q)), bio);
}

#endif
