/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose bios kernel threads submit. Encryption, mirrors and I/O limits hand a service's I/O to kernel threads, which
 * submit other bios in its place. What is on top of a device says where these come from: a device and a sector of it
 * (tracepoint block_bio_remap). Who submitted the I/O of that sector was noted when it came.
 */
#ifndef BIO_OWNER_BPF_H
#define BIO_OWNER_BPF_H

#include "core.bpf.h"

/* The regions of a device that I/O under way touches, and its owner; I/O larger than all of REGIONS is owned in part. */
#define REGION_SHIFT 8 /* 128 KiB, in sectors */
#define REGIONS	     32

struct region {
	u32 identity, gen;
	u64 first, end; /* sectors of the I/O */
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct region, 16384, 0) block_regions SEC(".maps");

/*
 * The owner of a bio, by its address, which the kernel reuses: an entry holds from the moment when the bio is remapped
 * until another bio with this address is queued.
 */
struct bio_owner {
	u32 identity, gen;
	u32 queued;
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct bio_owner, 16384, 0) block_bio_owners SEC(".maps");

/* Bios are followed from their queueing on: programs that do it are attached. Set by user space. */
u64 bios_followed;

/* An I/O limit is at work, for user space. */
u64 throttle_seen;
const volatile bool with_throttle_btf SEC(".rodata"), with_throttle_raw SEC(".rodata");

static __always_inline bool throttle_by_timer(void)
{
	return with_throttle_btf || with_throttle_raw;
}

/* Has I/O waited in a limit of this disk? The timer of the limits has been started then. */
static __always_inline bool bio_throttled_disk(struct bio *bio)
{
	if (!bpf_core_field_exists(struct request_queue, td))
		return false;
	return BPF_CORE_READ(bio, bi_blkg, q, td, service_queue.pending_timer.expires);
}

static __always_inline bool task_is_kthread(void)
{
	struct task_struct *task = task_current();

	return (storage ? task->flags : BPF_CORE_READ(task, flags)) & PF_KTHREAD;
}

static __always_inline u64 region_key(u32 device, u64 region)
{
	return (u64)device << 32 | (u32)region;
}

/* Notes the owner of the I/O of these sectors. */
__noinline int regions_own(u32 device, u64 sector, u32 sectors, u32 identity, u32 gen)
{
	struct region row = { identity, gen, sector, sector + sectors };
	u64 region = sector >> REGION_SHIFT, last = (sector + sectors - 1) >> REGION_SHIFT;

	for (u32 i = 0; i < REGIONS && region <= last; i++, region++) {
		u64 key = region_key(device, region);

		bpf_map_update_elem(&block_regions, &key, &row, BPF_ANY);
	}
	return 0;
}

static __always_inline void bio_own(struct bio *bio, u32 identity, u32 gen)
{
	struct bio_owner owner = { .identity = identity, .gen = gen };
	u64 key = (u64)bio;

	bpf_map_update_elem(&block_bio_owners, &key, &owner, BPF_ANY);
}

/* The bio stands for I/O of this sector of a device on top of its own. */
static __always_inline void bio_remapped(struct bio *bio, u32 device, u64 sector)
{
	u64 key = region_key(device, sector >> REGION_SHIFT);
	struct region *region = bpf_map_lookup_elem(&block_regions, &key);

	if (region && region->first <= sector && sector < region->end)
		bio_own(bio, region->identity, region->gen);
}

static __always_inline void bio_owner_queued(struct bio *bio)
{
	u64 key = (u64)bio;
	struct bio_owner *owner = bpf_map_lookup_elem(&block_bio_owners, &key);

	if (!owner)
		return;
	if (owner->queued)
		bpf_map_delete_elem(&block_bio_owners, &key);
	else
		owner->queued = true;
}

/* For a bio that a kernel thread submits. IDENTITY_UNKNOWN: nobody is known. */
static __always_inline u32 bio_owner(struct bio *bio)
{
	u64 key = (u64)bio;
	struct bio_owner *owner;

	if (throttle_by_timer() && !throttle_seen && bio_throttled_disk(bio))
		throttle_seen = 1;
	if (!*(volatile u64 *)&bios_followed)
		return IDENTITY_UNKNOWN;
	owner = bpf_map_lookup_elem(&block_bio_owners, &key);
	if (!owner) { /* the first part of a bio that was split points to the rest */
		key = (u64)READ(bio, bi_private);
		owner = bpf_map_lookup_elem(&block_bio_owners, &key);
	}
	if (!owner || identity_gen(owner->identity) != owner->gen)
		return IDENTITY_UNKNOWN;
	return owner->identity;
}

#endif
