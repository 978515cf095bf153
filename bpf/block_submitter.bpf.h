/* SPDX-License-Identifier: GPL-2.0-only */
/* Who submitted a block request, remembered from its submission to its completion. */
#ifndef BLOCK_SUBMITTER_BPF_H
#define BLOCK_SUBMITTER_BPF_H

#include "bio_owner.bpf.h"
#include "event.bpf.h"
#include "identity.bpf.h"

struct submitter {
	u64 request;  /* its address; in block_flushes that of a bio */
	u64 start_ns; /* 0: the request is complete, where that is not told otherwise */
	u32 identity; /* IDENTITY_UNKNOWN: whoever it was before the daemon started */
	u32 gen;
};

/* The row of a request. */
struct request_row {
	struct submitter by;
	u32 claims; /* 1: the row has an owner */
	u32 unused;
};
_Static_assert(sizeof(struct request_row) == 32, "half a cache line");

/*
 * The kernel recycles requests, and their addresses are few: an address finds its row without a look-up, and the row is
 * its own for good. Those whose row is another's are in a table, where entries are overwritten and never deleted.
 *
 * Where requests complete on another CPU than the one that submits them, a row travels between the two. A submission does not wait
 * for it: it writes there, and reads whose row it is in a table that is hardly ever written.
 */
#define REQUEST_ROWS_BITS 12
#define REQUEST_ROWS	  (1 << REQUEST_ROWS_BITS)
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct request_row, REQUEST_ROWS,
	     BPF_F_MMAPABLE) block_requests SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, u64, REQUEST_ROWS, BPF_F_MMAPABLE) block_owners SEC(".maps");
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct submitter, 16384, 0) block_submitters SEC(".maps");

u32 submitters_used; /* since user space set it to 0, some request was put there, or found under way */

/* The same by bio, for flushes where the request itself cannot be seen. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct submitter, 4096, 0) block_flushes SEC(".maps");

/* --- identities without a task */

/* The identity with this key, whose cgroup is that of the kernfs_node `kn`, if any. */
static __always_inline u32 identity_of_key(struct identity_key *key, struct kernfs_node *kn)
{
	u32 *found = bpf_map_lookup_elem(&identity_ids, key);
	struct identity *row;
	u32 id;

	if (found)
		return *found;
	row = identity_alloc(&id);
	if (!row)
		return IDENTITY_OTHER;
	row->key = *key;
	row->kernel = kn != NULL;
	row->pid = row->parent = 0;
	row->name_len = row->args_len = row->exe_len = row->cgroups_len = 0;
	cgroup_path_append(id, (u64)kn);
	return identity_publish(id, row);
}

/* The cgroup that a bio is for: kernel threads write back on behalf of one. IDENTITY_UNKNOWN: the root. */
__noinline u32 identity_of_bio(u64 address)
{
	struct bio *bio = (void *)address;
	struct cgroup *cgrp = BPF_CORE_READ(bio, bi_blkg, blkcg, css.cgroup);
	struct kernfs_node *kn = BPF_CORE_READ(cgrp, kn);
	int level = cgrp ? BPF_CORE_READ(cgrp, level) : 0;
	struct identity_key key = { .cgroups = hash_mix(0, BPF_CORE_READ(kn, id)) ^ level };

	return level > 0 ? identity_of_key(&key, kn) : IDENTITY_UNKNOWN;
}

/* The service "unknown", which is what programs without a file are called. */
__noinline u32 identity_unknown(void)
{
	struct identity_key key = { .program = PROGRAM_NONE };

	return identity_of_key(&key, NULL);
}

/* Where the submission was not seen, or the service has gone, its cgroup is still known, if it has one. */
__noinline u32 identity_guess(u64 bio)
{
	u32 identity = identity_of_bio(bio);

	return identity == IDENTITY_UNKNOWN ? identity_unknown() : identity;
}

static __always_inline u32 submitter_identity(const struct submitter *s, struct bio *bio)
{
	u32 identity = s ? identity_valid(s->identity, s->gen) : IDENTITY_OTHER;

	return identity || (s && !s->identity) ? identity : identity_guess(pointer_address(bio));
}

/* --- rows */

/* Of a pointer whose type it knows, the verifier tells only the distance to another one: to this. */
u64 origin;

/* Requests are allocated in blocks of up to 64 KiB, one beside the other, and of 256 bytes at least: so are their rows. */
static __always_inline u32 request_number(u64 distance)
{
	u64 block = (distance >> 16) * 0x9e3779b97f4a7c15ULL >> (64 - REQUEST_ROWS_BITS);

	return (block + (distance >> 8 & 0xff)) & (REQUEST_ROWS - 1);
}

static __always_inline u32 request_number_of(struct request *rq)
{
	u64 distance = (u64)rq;

	if (typed)
		asm volatile("%0 -= %1" : "+r"(distance) : "r"(&origin));
	return request_number(distance);
}

static __always_inline struct request_row *request_row(u32 number)
{
	return bpf_map_lookup_elem(&block_requests, &number);
}

/* Several CPUs may try it at once, for several requests: one of them is the first, or all see that they are several. */
static __noinline bool request_row_claim(struct request_row *row, u64 *owner, struct request *rq)
{
	if (*owner || row->claims)
		return false;
	__sync_fetch_and_add(&row->claims, 1);
	if (*(volatile u32 *)&row->claims == 1) {
		row->by.request = *owner = (u64)rq;
		return true;
	}
	__sync_fetch_and_add(&row->claims, -1);
	return false;
}

static __always_inline struct submitter *submitter_find(void *table, void *address)
{
	u64 key = (u64)address;

	return bpf_map_lookup_elem(table, &key);
}

/* Whose bio a kernel thread submits; IDENTITY_UNKNOWN: its own. Not inlined: it would spread out what all others run through. */
static __noinline u32 bio_submitter(struct bio *bio)
{
	u32 identity = bio_owner(bio);

	return identity != IDENTITY_UNKNOWN ? identity : identity_of_bio(pointer_address(bio));
}

/* `identity`: bio_submitter(), or IDENTITY_UNKNOWN: the running task's. */
static __always_inline void submitter_fill(struct submitter *ret, u32 identity, u64 start_ns)
{
	struct cpu *cpu = cpu_row();

	if (identity != IDENTITY_UNKNOWN) {
		ret->identity = identity;
		ret->gen = identity_gen(identity);
	} else if (cpu) {
		ret->identity = cpu_identity(cpu);
		ret->gen = cpu->gen;
	}
	ret->start_ns = start_ns ?: bpf_ktime_get_ns();
}

static __always_inline void submitter_fill_bio(struct submitter *ret, struct bio *bio, u64 start_ns)
{
	submitter_fill(ret, task_is_kthread() ? bio_submitter(bio) : IDENTITY_UNKNOWN, start_ns);
}

/* `address` is that of a request or of a bio. */
static __noinline int submitted_in(void *table, void *address, struct bio *bio, u64 start_ns)
{
	struct submitter now = { .request = (u64)address };
	u64 key = (u64)address;

	submitter_fill_bio(&now, bio, start_ns);
	bpf_map_update_elem(table, &key, &now, BPF_ANY);
	return 0;
}

/* The thread that has submitted a request, where somebody is attached to it who wants to know what is slow; by its address. */
struct block_thread {
	u64 start_ns; /* of the submission: addresses are reused */
	u32 pid, tid;
	char comm[RING_COMM];
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct block_thread, 2048, 0) block_threads SEC(".maps");

static __noinline int block_thread_note(u64 rq, u64 start_ns)
{
	struct block_thread now = { .start_ns = start_ns };
	u64 id = bpf_get_current_pid_tgid();

	if (task_is_kthread() || !identity_watch(identity_current()))
		return 0;
	now.pid = id >> 32;
	now.tid = (u32)id;
	bpf_get_current_comm(now.comm, sizeof(now.comm));
	bpf_map_update_elem(&block_threads, &rq, &now, BPF_ANY);
	return 0;
}

/* NULL: not known. What was noted at another submission is of another request with that address. */
static __always_inline struct block_thread *block_thread_find(u64 key, u64 start_ns)
{
	struct block_thread *thread = bpf_map_lookup_elem(&block_threads, &key);

	return thread && thread->start_ns == start_ns ? thread : NULL;
}

static __always_inline int submitted(struct request *rq, u64 start_ns)
{
	u32 number = request_number_of(rq);
	struct request_row *row = request_row(number);
	u64 *owner = bpf_map_lookup_elem(&block_owners, &number);

	if (!start_ns)
		start_ns = bpf_ktime_get_ns();
	if (slow_is_watched())
		block_thread_note((u64)rq, start_ns);
	if (row && owner && (*owner == (u64)rq || request_row_claim(row, owner, rq))) {
		submitter_fill(&row->by,
			       task_is_kthread() ? bio_submitter(READ(rq, bio)) : IDENTITY_UNKNOWN,
			       start_ns);
		return 0;
	}
	submitted_in(&block_submitters, rq, READ(rq, bio), start_ns);
	if (!submitters_used) /* the line is shared by all CPUs */
		submitters_used = 1;
	return 0;
}

/* No submission is interrupted for so long before its stamp. */
#define STAMP_LATE_NS 100000000

/*
 * Is this about the use of the request that began at that time by the kernel's stamp (0: it takes none)? A stamp is unique.
 * Newer kernels take it after the submission is seen, and later than that where who submits is interrupted or preempted between
 * the two. Where programs are preempted, and some submissions are not seen, what is complete is marked. What was under way before
 * the daemon has the stamp.
 */
const volatile bool with_start_btf SEC(".rodata"), with_start_raw SEC(".rodata");

static __always_inline bool submitter_is_of(const struct submitter *s, u64 stamp)
{
	bool later = (with_start_btf || with_start_raw) && s->identity != IDENTITY_UNKNOWN;

	if (!stamp || (later && preemptible))
		return s->start_ns;
	return later ? stamp < s->start_ns + STAMP_LATE_NS : stamp == s->start_ns;
}

/* Of this use of the request; NULL: not known. */
static __always_inline struct submitter *submitter_of(struct request *rq, u64 start_ns)
{
	struct request_row *own = request_row(request_number_of(rq));
	struct submitter *s;

	if (own && own->by.request == (u64)rq)
		return submitter_is_of(&own->by, start_ns) ? &own->by : NULL;
	s = submitter_find(&block_submitters, rq);
	return s && submitter_is_of(s, start_ns) ? s : NULL;
}

#endif
