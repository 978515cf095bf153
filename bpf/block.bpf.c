// SPDX-License-Identifier: GPL-2.0-only
/*
 * Block I/O. A request carries time stamps, so one program at its completion can tell the time in the queue from
 * the time in the device. The submitter is recorded when the request starts.
 */
#include "disk.bpf.h"
#include "block_event.bpf.h"
#include "hist.bpf.h"
#include "table_scan.bpf.h"
#include "block.h"

METRIC(block_io_duration_seconds);
METRIC(block_io_errors_total);
METRIC(block_io_in_flight);
METRIC(block_io_oldest_seconds);
METRIC(service_block_io_duration_seconds);
METRIC(service_block_io_bytes_total);
METRIC(service_block_io_oldest_seconds);

/* --- submission */

TRACEPOINT(block_io_start, start, struct request *rq)
{
	return submitted(rq, 0);
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

	return submitted(rq, READ(rq, start_time_ns));
}

TRACEPOINT(block_rq_issue, direct)
{
	struct request *rq = REQUEST(ctx, block_rq_issue);
	u64 start_ns = READ(rq, start_time_ns);

	return submitter_of(rq, start_ns) ? 0 : submitted(rq, start_ns);
}

enum req_flag_bits {
	__REQ_FUA,
	__REQ_PREFLUSH,
};

/* Of those whose data is to be on the disk when they complete. */
static __always_inline u32 flush_flags(void)
{
	return 1U << bpf_core_enum_value(enum req_flag_bits, __REQ_FUA) |
	       1U << bpf_core_enum_value(enum req_flag_bits, __REQ_PREFLUSH);
}

/*
 * A flush without data is neither inserted nor issued: another request performs it, and completes with its bio. One
 * with data is inserted by whoever completes the flush before it.
 */
const volatile u32 arity_block_getrq SEC(".rodata");

TRACEPOINT(block_getrq, flush)
{
	struct bio *bio = (void *)(arity_block_getrq > 1 ? ARG(ctx, 1) : ARG(ctx, 0));

	if (!(READ(bio, bi_opf) & flush_flags()))
		return 0;
	return submitted_in(&block_flushes, bio, bio, 0);
}

const volatile bool with_flush_btf SEC(".rodata"), with_flush_raw SEC(".rodata");
#define flushes_by_bio (with_flush_btf || with_flush_raw)

/*
 * A write that is to be on the disk may take a flush before and after: then it completes when it is written, and, with no
 * bytes, when the flush is done too. Its flags are those of its bio, without those that flushes take care of.
 */
static __always_inline bool completes_again(struct request *rq, struct bio *bio, u32 bytes)
{
	return bytes && READ(bio, bi_opf) & ~READ(rq, cmd_flags) & flush_flags();
}

static __always_inline struct submitter *submitter_of_part(struct request *rq, struct bio *bio,
							   u64 start_ns)
{
	struct submitter *s;

	if (flushes_by_bio && READ(bio, bi_opf) & flush_flags()) {
		s = submitter_find(&block_flushes, bio);
		if (s && s->start_ns && s->start_ns >= start_ns)
			return s;
	}
	return submitter_of(rq, start_ns);
}

/* --- what a request took */

/* Issue times, for queues that leave io_start_time_ns zero; the program is attached once such a queue is seen. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, u64, 16384, 0) block_issued SEC(".maps");
u64 unstamped;

TRACEPOINT(block_rq_issue, issue)
{
	u64 key = (u64)REQUEST(ctx, block_rq_issue), now = bpf_ktime_get_ns();

	bpf_map_update_elem(&block_issued, &key, &now, BPF_ANY);
	return 0;
}

/* 0: unknown. A stamp of ours from before the request's start is that of another one. */
static __always_inline u64 issued_ns(struct request *rq, u64 start)
{
	u64 key = (u64)rq, ns = READ(rq, io_start_time_ns), *stamp;

	if (ns)
		return ns;
	if (!unstamped) /* the line is shared by all CPUs */
		unstamped = 1;
	stamp = bpf_map_lookup_elem(&block_issued, &key);
	return stamp && *stamp >= start ? *stamp : 0;
}

#define REQ_OP_MASK 0xff

/* Four bits for each of the kernel's operations; all set: no data I/O, but zone management. */
#define OPERATION(req_op, operation) ((0xfULL ^ (operation)) << 4 * (req_op))
#define OPERATIONS                                                \
	~(OPERATION(0 /* REQ_OP_READ */, BLOCK_READ) |            \
	  OPERATION(1 /* REQ_OP_WRITE */, BLOCK_WRITE) |          \
	  OPERATION(2 /* REQ_OP_FLUSH */, BLOCK_FLUSH) |          \
	  OPERATION(3 /* REQ_OP_DISCARD */, BLOCK_DISCARD) |      \
	  OPERATION(5 /* REQ_OP_SECURE_ERASE */, BLOCK_DISCARD) | \
	  OPERATION(7 /* REQ_OP_ZONE_APPEND */, BLOCK_WRITE) |    \
	  OPERATION(9 /* REQ_OP_WRITE_ZEROES */, BLOCK_WRITE))

/*
 * -1: no data I/O; beyond those in the table are passthrough and more of zone management. Without branches: the verifier would
 * walk the rest of the program for each operation.
 */
static __always_inline int operation(u32 cmd_flags)
{
	u32 op = cmd_flags & REQ_OP_MASK;
	s64 found = (s64)(OPERATIONS << (60 - (op & 15) * 4)) >> 60;

	return (int)found | -(int)LESS(15ULL, op);
}

/* The slot of a phase of a disk's operation. The disk's gauges begin with it: they are 0 while nothing is under way. */
static __always_inline u32 phase_slot(u32 dim, enum block_phase phase)
{
	u32 number = dim & (DISKS - 1), slot;
	struct disk *disk = disk_row(number);
	u32 *cache = disk ? &disk->slots[(dim >> BLOCK_OPERATION_SHIFT & 3) * 2 + phase] : NULL;

	if (cache && *cache)
		return *cache;
	series_slot(block_io_in_flight, 0, number, false);
	series_slot(block_io_oldest_seconds, 0, number, false);
	slot = series_slot(block_io_duration_seconds, 0, dim | (u64)phase << BLOCK_PHASE_SHIFT,
			   true);
	if (cache && !slot_shared(slot))
		*cache = slot; /* names are for good, and so are the slots of a disk */
	return slot;
}

/*
 * Slots of a service, by disk and operation. A word has both slots and the dimension, so that CPUs that write it at the same
 * time cannot mix them. A collision costs look-ups in the hash of series.
 */
#define SERVICE_CACHE 16

struct block_slots {
	u64 entry[SERVICE_CACHE];
};
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct block_slots, 1, BPF_F_MMAPABLE) block_slots
	SEC(".maps");

static __always_inline u32 service_slots(u32 identity, u32 dim)
{
	struct block_slots *row = bpf_map_lookup_elem(&block_slots, &identity);
	u32 entry = (dim << 2 | dim >> BLOCK_OPERATION_SHIFT) & (SERVICE_CACHE - 1);
	u64 slots = row ? *(volatile u64 *)&row->entry[entry] : 0;
	u32 duration, bytes = 0;

	if (slots && slots >> 32 == dim)
		return slots;
	duration = series_slot(service_block_io_duration_seconds, identity, dim, true);
	if (dim >> BLOCK_OPERATION_SHIFT != BLOCK_FLUSH)
		bytes = series_slot(service_block_io_bytes_total, identity, dim, false);
	slots = (u64)dim << 32 | bytes << 16 | duration;
	if (row && !slot_shared(duration) && !(bytes && slot_shared(bytes)))
		*(volatile u64 *)&row->entry[entry] = slots;
	return slots;
}

/* Where a request is counted: four slots, 0: it is not. */
#define SLOT_DURATION(slots) ((slots) >> 0 & 0xffff)
#define SLOT_BYTES(slots)    ((slots) >> 16 & 0xffff)
#define SLOT_QUEUE(slots)    ((slots) >> 32 & 0xffff)
#define SLOT_DEVICE(slots)   ((slots) >> 48)

#define NOBODY (~0U) /* a flush that the kernel has made up */

/* `flushed`: the disk's part of it has been counted. */
__noinline u64 request_slots(u32 identity, u32 dim, u32 flushed)
{
	u64 slots = identity != NOBODY ? service_slots(identity, dim) : 0;

	if (flushed)
		return slots;
	return slots | (u64)phase_slot(dim, BLOCK_QUEUE) << 32 |
	       (u64)phase_slot(dim, BLOCK_DEVICE) << 48;
}

static __always_inline bool any_shared(u64 slots)
{
	return slot_shared(SLOT_DURATION(slots)) || slot_shared(SLOT_BYTES(slots)) ||
	       slot_shared(SLOT_QUEUE(slots)) || slot_shared(SLOT_DEVICE(slots));
}

/*
 * Whoever submitted a request was there then. A service is known for seconds after its last task: in so short a time its slots
 * have not become another one's.
 */
#define OWNER_SURE_NS 100000000ULL

/*
 * Where a CPU counted requests lately, by disk, operation and submitter: most requests are like one of those before them. Only a
 * completion that has not interrupted another one looks there (from Linux 6.1 on none does: 05b24ff9b2cf).
 */
#define RECENT 8

struct recent {
	u64 disk;  /* disk_hash() of its name, 0: an empty entry */
	u64 slots; /* request_slots() */
	u32 identity, gen;
	u32 dim;
};
struct recent_cpu {
	struct recent entry[RECENT];
	u32 running; /* completions that have begun and not ended */
};
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct recent_cpu, 1, 0) block_recent SEC(".maps");

/* A request that completes now. */
struct completion {
	struct recent_cpu *recent;
	struct submitter *by; /* NULL: not known */
	u64 disk, slots;
	u32 dim, identity;
	u32 nested; /* in another one, which uses `recent` */
};

/* NULL: there can be none. */
static __always_inline struct recent *recent_entry(struct completion *c, u32 op)
{
	u32 i;

	if (c->nested || !c->by)
		return NULL;
	i = c->by->identity ^ c->disk >> 60 ^ op << 1;
	return &c->recent->entry[i & (RECENT - 1)];
}

/* Not among the recent ones, or too late. */
static __always_inline void completion_learn(struct completion *c, struct recent *r,
					     struct gendisk *disk, struct bio *bio, u32 op,
					     bool flushed)
{
	c->dim = disk_number(disk) | op << BLOCK_OPERATION_SHIFT;
	c->identity = bio ? submitter_identity(c->by, bio) : NOBODY;
	c->slots = request_slots(c->identity, c->dim, flushed);
	if (!r || c->identity != c->by->identity || any_shared(c->slots))
		return;
	*r = (struct recent){ c->disk, c->slots, c->identity, c->by->gen, c->dim };
}

/* Fills in where it is counted. */
static __always_inline void completion_find(struct completion *c, struct gendisk *disk,
					    struct bio *bio, u32 op, bool flushed, u64 took)
{
	struct recent *r;

	r = recent_entry(c, op);
	if (!r || r->disk != c->disk || r->dim >> BLOCK_OPERATION_SHIFT != op ||
	    r->identity != c->by->identity || r->gen != c->by->gen || took > OWNER_SURE_NS) {
		completion_learn(c, r, disk, bio, op, flushed);
		return;
	}
	c->dim = r->dim;
	c->identity = r->identity;
	c->slots = r->slots;
}

/*
 * Runs for each completed part of a request; the last part leaves no bytes. May interrupt itself (a completion in
 * process context, one in an interrupt): additions are atomic.
 *
 * The flush that the kernel sends to the device has neither bio nor submitter. The request of a multipath device completes
 * again, without bio, when its clone does.
 */
static __always_inline int completed(struct request *rq, int error, u32 bytes,
				     struct recent_cpu *recent, u32 nested)
{
	u64 now = bpf_ktime_get_ns(), stamp = READ(rq, start_time_ns), start, issued, took;
	u32 left = READ(rq, __data_len);
	/* Read once: to follow a pointer, the verifier of some kernels takes a millisecond. */
	struct gendisk *disk = request_disk(rq, typed);
	struct bio *bio = READ(rq, bio);
	int op = operation(READ(rq, cmd_flags));
	/* numbers, so that the verifier walks one way */
	u64 end = LESS((u64)left, bytes + 1ULL),
	    flushed = LESS((u64)op ^ BLOCK_WRITE, 1ULL) & LESS((u64)left, 1ULL);
	struct completion c = { .recent = recent, .nested = nested, .disk = disk_hash(disk) };

	if (op < 0 || (op != BLOCK_FLUSH && !bio))
		return 0;
	if (op == BLOCK_FLUSH)
		bio = NULL;
	else
		c.by = submitter_of_part(rq, bio, stamp);
	start = stamp ?: c.by ? c.by->start_ns : 0;
	took = (now - start) * (LESS(0ULL, start) & LESS(start, now));
	completion_find(&c, disk, bio, flushed ? BLOCK_FLUSH : op, flushed, took);
	if (bio) {
		if (bytes)
			count_add_at(SLOT_BYTES(c.slots), bytes);
		if (end && start) {
			hist_add_at(SLOT_DURATION(c.slots), took);
			if (took > slow_min_ns && events_wanted())
				slow_io(pointer_address(rq), c.identity, c.dim, took,
					c.by ? c.by->start_ns : 0);
		}
		/* A row that is not written here stays in this CPU's cache */
		if (c.by && end && (!stamp || flushes_by_bio || preemptible) &&
		    !completes_again(rq, bio, bytes))
			c.by->start_ns = 0;
	}
	if (!end || flushed)
		return 0;
	/* Issued before anybody looked, as when the kernel reads the partitions of a new disk: all of it was the device. */
	issued = issued_ns(rq, start) ?: start;
	if (issued)
		hist_add_at(SLOT_DEVICE(c.slots), now > issued ? now - issued : 0);
	if (issued && start)
		hist_add_at(SLOT_QUEUE(c.slots), issued > start ? issued - start : 0);
	if (error) {
		count_add(block_io_errors_total, 0, error_dim(c.dim, error), 1);
		block_error(bio ? c.identity : identity_unknown(), error_dim(c.dim, error),
			    READ(rq, __sector), bytes);
	}
	return 0;
}

TRACEPOINT(block_rq_complete, complete, struct request *rq, int error, unsigned int bytes)
{
	u32 zero = 0, running;
	struct recent_cpu *recent = bpf_map_lookup_elem(&block_recent, &zero);

	if (!recent)
		return 0;
	running = *(volatile u32 *)&recent->running;
	*(volatile u32 *)&recent->running = running + 1;
	completed(rq, error, bytes, recent, running);
	barrier();
	*(volatile u32 *)&recent->running = running;
	return 0;
}

/* --- what is under way */

#include "block_older.bpf.h"

static __always_inline void gauges(struct submitter *s, u32 disk, struct bio *bio, u64 start)
{
	u64 now = bpf_ktime_get_ns(), age = now > start ? now - start : 0;

	gauge_add(block_io_in_flight, 0, disk, 1);
	gauge_max(block_io_oldest_seconds, 0, disk, age);
	gauge_max(service_block_io_oldest_seconds, submitter_identity(s, bio), disk, age);
}

/*
 * A request that has not completed is read from its own memory. Where that is in use by another one, or by nobody, the
 * start tells: nothing of what completed unseen is left. Returns whether it is under way.
 */
__noinline int in_flight(u64 address, u32 identity, u32 gen, u64 start_ns)
{
	struct submitter s = { .identity = identity, .gen = gen, .start_ns = start_ns };
	struct request *rq = (void *)address;
	u64 start = BPF_CORE_READ(rq, start_time_ns);
	struct bio *bio;

	if (!request_refs(rq) || !submitter_is_of(&s, start) ||
	    operation(BPF_CORE_READ(rq, cmd_flags)) < 0)
		return 0;
	bio = BPF_CORE_READ(rq, bio);
	/* allocated in a batch and not used yet: it has the start of its last use */
	if (!bio && operation(BPF_CORE_READ(rq, cmd_flags)) != BLOCK_FLUSH)
		return 0;
	/* in a full table those looked up last are kept */
	submitter_find(&block_submitters, rq);
	older_disk_seen = (u64)request_disk(rq, false);
	/* flushes are counted by their bios, but for those from before the daemon */
	if (!flushes_by_bio || identity == IDENTITY_UNKNOWN ||
	    (bio && !(BPF_CORE_READ(bio, bi_opf) & flush_flags())))
		gauges(&s, disk_find((u64)request_disk(rq, false)), bio, start_ns);
	return 1;
}

/*
 * The rows of requests, of which most have no owner, are visited by the group: a run of a program for each would cost
 * ten times as much.
 */
#define GROUP_ROWS 64
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, u32, (1 << REQUEST_ROWS_BITS) / GROUP_ROWS,
	     0) block_request_groups SEC(".maps");

__noinline int in_flight_group(u32 group)
{
	for (u32 i = 0; i < GROUP_ROWS; i++) {
		u32 row = group * GROUP_ROWS + i;
		struct request_row *r = bpf_map_lookup_elem(&block_requests, &row);

		if (r && r->by.start_ns)
			in_flight(r->by.request, r->by.identity, r->by.gen, r->by.start_ns);
	}
	return 0;
}

TABLE_SCAN(in_flight, block_request_groups, u32, u32)
{
	if (entry)
		return in_flight_group(*entry);
	return older_found ? 0 : older_find_all();
}

/* Requests whose row is another's. */
TABLE_SCAN(in_flight_rest, block_submitters, u64, struct submitter)
{
	const struct submitter *s = value;

	if (s && s->start_ns && in_flight(s->request, s->identity, s->gen, s->start_ns))
		submitters_used = 1;
	return 0;
}

/* The same for a bio. The kernel takes its cgroup away when it has completed. */
__noinline int in_flight_flush(u64 address, u32 identity, u32 gen, u64 start_ns)
{
	struct submitter s = { .identity = identity, .gen = gen, .start_ns = start_ns };
	struct bio *bio = (void *)address;

	if (BPF_CORE_READ(bio, bi_blkg) && BPF_CORE_READ(bio, bi_opf) & flush_flags())
		gauges(&s, disk_find((u64)bio_disk(bio, false)), bio, start_ns);
	return 0;
}

TABLE_SCAN(in_flight_flush, block_flushes, u64, struct submitter)
{
	const struct submitter *s = value;

	return s && s->start_ns ? in_flight_flush(s->request, s->identity, s->gen, s->start_ns) : 0;
}

/* --- above requests */

#include "throttle.bpf.h"
#include "volume.bpf.h"
