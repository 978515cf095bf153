// SPDX-License-Identifier: GPL-2.0-only
/*
 * Block I/O. A request carries time stamps, so one program at its completion can tell the time in the queue from
 * the time in the device. The submitter is recorded when the request starts.
 */
#include "disk.bpf.h"
#include "identity.bpf.h"
#include "hist.bpf.h"
#include "block.h"

METRIC(block_io_duration_seconds);
METRIC(block_io_errors_total);
METRIC(service_block_io_duration_seconds);
METRIC(service_block_io_bytes_total);

/*
 * Who submitted a request. The kernel recycles requests and their addresses are few, so entries are overwritten and
 * never deleted; IDENTITY_UNKNOWN once the request is complete.
 */
struct submitter {
	u32 identity;
	u32 gen;
	u64 start_ns; /* of the request */
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct submitter, 16384, 0) block_submitters SEC(".maps");

/* Issue times, for queues that leave io_start_time_ns zero; the program is attached once such a queue is seen. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, u64, 16384, 0) block_issued SEC(".maps");
u64 unstamped;

/* The identity of a cgroup for which a kernel thread works (write-back). */
static __noinline u32 identity_of_cgroup(struct cgroup *cgrp)
{
	struct kernfs_node *kn = BPF_CORE_READ(cgrp, kn);
	struct identity_key key = {
		.cgroups = hash_mix(0, BPF_CORE_READ(kn, id)) ^ BPF_CORE_READ(cgrp, level),
	};
	u32 *found = bpf_map_lookup_elem(&identity_ids, &key);
	struct identity *row;
	u32 id;

	if (found)
		return *found;
	row = identity_alloc(&id);
	if (!row)
		return IDENTITY_OTHER;
	row->key = key;
	row->kernel = true;
	row->pid = row->script_len = row->args_len = row->exe_len = row->cgroups_len = 0;
	cgroup_path_append(id, (u64)kn);
	return identity_publish(id, row);
}

/* Slot caches, per service and for devices; a collision costs a lookup in the hash of series. */
#define SERVICE_CACHE 8
#define DEVICE_CACHE  256

struct block_slots {
	u64 duration[SERVICE_CACHE], bytes[SERVICE_CACHE];
};
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct block_slots, 1, BPF_F_MMAPABLE) block_slots
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, u64, DEVICE_CACHE, 0) block_devices SEC(".maps");

static __always_inline u32 cache_entry(u64 dim, u32 size)
{
	return (dim ^ dim >> 20 ^ dim >> BLOCK_OPERATION_SHIFT ^ dim >> BLOCK_PHASE_SHIFT << 4) &
	       (size - 1);
}

#define REQ_OP_MASK 0xff

enum req_flag_bits {
	__REQ_FUA,
	__REQ_PREFLUSH,
};

static __always_inline int operation(struct request *rq, u32 bytes)
{
	switch (READ(rq, cmd_flags) & REQ_OP_MASK) {
	case 0: /* REQ_OP_READ */
		return BLOCK_READ;
	case 1: /* REQ_OP_WRITE */
	case 7: /* REQ_OP_ZONE_APPEND */
		/* An empty write carries a flush; the flush itself is a request of its own. */
		return bytes ? BLOCK_WRITE : -1;
	case 9: /* REQ_OP_WRITE_ZEROES */
		return BLOCK_WRITE;
	case 2: /* REQ_OP_FLUSH */
		return BLOCK_FLUSH;
	case 3: /* REQ_OP_DISCARD */
	case 5: /* REQ_OP_SECURE_ERASE */
		return BLOCK_DISCARD;
	}
	return -1; /* passthrough and zone management: no data I/O */
}

/* Kernel threads write back on behalf of a cgroup. All other requests belong to the task that submits them. */
static __always_inline u32 submitter_identity(struct bio *bio)
{
	struct task_struct *task = task_current();
	struct cgroup *cgrp;

	if ((storage ? task->flags : BPF_CORE_READ(task, flags)) & PF_KTHREAD) {
		cgrp = BPF_CORE_READ(bio, bi_blkg, blkcg, css.cgroup);
		if (cgrp && BPF_CORE_READ(cgrp, level) > 0)
			return identity_of_cgroup(cgrp);
	}
	return identity_current();
}

static __always_inline struct submitter *submitter_find(void *rq)
{
	u64 key = (u64)rq;

	return bpf_map_lookup_elem(&block_submitters, &key);
}

/* `rq` is the bio instead where the request itself cannot be seen. */
static __always_inline int submitted(void *rq, struct bio *bio, u64 start_ns, struct submitter *old)
{
	struct submitter now = { .identity = submitter_identity(bio), .start_ns = start_ns };
	u64 key = (u64)rq;

	now.gen = identity_gen(now.identity);
	if (old)
		*old = now;
	else
		bpf_map_update_elem(&block_submitters, &key, &now, BPF_ANY);
	return 0;
}

TRACEPOINT(block_io_start, start, struct request *rq)
{
	return submitted(rq, READ(rq, bio), 0, submitter_find(rq));
}

/*
 * Kernels without block_io_start (before 5a80bd075f3b, 6.5): the submitter either inserts the request into a
 * scheduler or issues it directly.
 *
 * a54895fa057c ("block: remove the request_queue to argument request based tracepoints"), 5.11 and
 * 5.10.137: the request was the second argument.
 */
const volatile u32 arity_block_rq_insert SEC(".rodata");
const volatile u32 arity_block_rq_issue SEC(".rodata");

#define REQUEST(ctx, tracepoint) \
	((struct request *)(arity_##tracepoint > 1 ? ARG(ctx, 1) : ARG(ctx, 0)))

TRACEPOINT(block_rq_insert, insert)
{
	struct request *rq = REQUEST(ctx, block_rq_insert);

	return submitted(rq, READ(rq, bio), READ(rq, start_time_ns), submitter_find(rq));
}

TRACEPOINT(block_rq_issue, direct)
{
	struct request *rq = REQUEST(ctx, block_rq_issue);
	struct submitter *known = submitter_find(rq);
	u64 start_ns = READ(rq, start_time_ns);

	if (known && known->identity != IDENTITY_UNKNOWN && known->start_ns == start_ns)
		return 0;
	return submitted(rq, READ(rq, bio), start_ns, known);
}

/* A flush without data is neither inserted nor issued: another request performs it, and completes with its bio. */
const volatile u32 arity_block_getrq SEC(".rodata");

TRACEPOINT(block_getrq, flush)
{
	struct bio *bio = (void *)(arity_block_getrq > 1 ? ARG(ctx, 1) : ARG(ctx, 0));
	u32 preflush = 1U << bpf_core_enum_value(enum req_flag_bits, __REQ_PREFLUSH);

	if (!(READ(bio, bi_opf) & preflush) || READ(bio, bi_iter.bi_size))
		return 0;
	return submitted(bio, bio, 0, submitter_find(bio));
}

TRACEPOINT(block_rq_issue, issue)
{
	u64 key = (u64)REQUEST(ctx, block_rq_issue), now = bpf_ktime_get_ns();

	bpf_map_update_elem(&block_issued, &key, &now, BPF_ANY);
	return 0;
}

static __always_inline u64 issued_ns(struct request *rq)
{
	u64 key = (u64)rq, ns = READ(rq, io_start_time_ns), *stamp;

	if (ns)
		return ns;
	unstamped = 1;
	stamp = bpf_map_lookup_elem(&block_issued, &key);
	return stamp ? *stamp : 0;
}

/* A write with a flush completes twice: when it is written, and when the flush is done too. */
static __always_inline bool completes_again(struct request *rq, u32 bytes)
{
	u32 flags = 1U << bpf_core_enum_value(enum req_flag_bits, __REQ_FUA) |
		    1U << bpf_core_enum_value(enum req_flag_bits, __REQ_PREFLUSH);

	return bytes && READ(rq, cmd_flags) & flags;
}

const volatile bool with_flush_btf SEC(".rodata"), with_flush_raw SEC(".rodata");

static __always_inline u32 submitter_of(struct request *rq, u32 bytes, bool end)
{
	bool by_bio = (with_flush_btf || with_flush_raw) && !bytes;
	struct submitter *submitter = submitter_find(by_bio ? (void *)READ(rq, bio) : rq);
	u32 identity;

	if (!submitter || submitter->identity == IDENTITY_UNKNOWN)
		return IDENTITY_OTHER;
	identity = identity_valid(submitter->identity, submitter->gen);
	if (end && !completes_again(rq, bytes))
		submitter->identity = IDENTITY_UNKNOWN;
	return identity;
}

static __always_inline void phase(u64 dim, u64 ns)
{
	u32 entry = cache_entry(dim, DEVICE_CACHE);
	u64 *cache = bpf_map_lookup_elem(&block_devices, &entry);

	if (cache)
		hist_add_at(series_slot_cached(cache, block_io_duration_seconds, 0, dim, true), ns);
}

static __always_inline void phases(u64 dim, u64 start, u64 issued, u64 now)
{
	if (!issued)
		return;
	phase(dim | (u64)BLOCK_DEVICE << BLOCK_PHASE_SHIFT, now > issued ? now - issued : 0);
	if (start)
		phase(dim | (u64)BLOCK_QUEUE << BLOCK_PHASE_SHIFT,
		      issued > start ? issued - start : 0);
}

/* Counts for the service: the bytes of this part and, at the end, the duration. */
static __always_inline void service(u32 identity, u64 dim, u32 bytes, bool end, u64 ns)
{
	struct block_slots *slots = bpf_map_lookup_elem(&block_slots, &identity);
	u32 entry = cache_entry(dim, SERVICE_CACHE);

	if (!slots)
		return;
	if (bytes)
		count_add_at(series_slot_cached(&slots->bytes[entry], service_block_io_bytes_total,
						identity, dim, false),
			     bytes);
	if (end)
		hist_add_at(series_slot_cached(&slots->duration[entry],
					       service_block_io_duration_seconds, identity, dim,
					       true),
			    ns);
}

/*
 * Runs for each completed part of a request; the last part leaves no bytes. May interrupt itself (a completion in
 * process context, one in an interrupt): additions are atomic.
 */
TRACEPOINT(block_rq_complete, complete, struct request *rq, int error, unsigned int bytes)
{
	u64 now = bpf_ktime_get_ns(), start = READ(rq, start_time_ns), device;
	u32 left = READ(rq, __data_len);
	int op = operation(rq, left);
	bool empty_flush = op < 0 && (READ(rq, cmd_flags) & REQ_OP_MASK) == 1;
	u64 dim;

	if (op < 0 && !empty_flush)
		return 0;
	device = disk_number(request_disk(rq));
	dim = device | (u64)(empty_flush ? BLOCK_FLUSH : op) << BLOCK_OPERATION_SHIFT;
	/* The device's flush has no submitter; the request that carried it has no device time. */
	if (op != BLOCK_FLUSH)
		service(submitter_of(rq, bytes, bytes >= left), dim, bytes, bytes >= left && start,
			now > start ? now - start : 0);
	if (bytes < left)
		return 0;
	if (!empty_flush)
		phases(dim, start, issued_ns(rq), now);
	if (error && !empty_flush)
		count_add(block_io_errors_total, 0,
			  dim | (u64)(error & 0xffff) << BLOCK_ERROR_SHIFT, 1);
	return 0;
}
