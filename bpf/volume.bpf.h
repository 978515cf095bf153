/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices without requests of their own: dm and md (LVM, LUKS, RAID), which turn each bio into others for the devices
 * below, and zram. Their I/O is timed from bio to bio. The programs are attached once there is such a device.
 */
#ifndef VOLUME_BPF_H
#define VOLUME_BPF_H

#include "block_submitter.bpf.h"
#include "disk.bpf.h"
#include "throttle.bpf.h"

METRIC(service_volume_io_duration_seconds);
METRIC(service_volume_io_bytes_total);

/* The bios of such devices that are under way, by address. An entry that is never completed is overwritten. */
struct volume_bio {
	struct submitter by;
	u64 disk; /* its address */
	u32 dim;
	u32 bytes;
};
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u64, struct volume_bio, 16384, 0) volume_bios SEC(".maps");

const volatile u32 arity_block_bio_queue SEC(".rodata");
const volatile u32 arity_block_bio_complete SEC(".rodata");
const volatile u32 arity_block_bio_remap SEC(".rodata");

static __always_inline u32 disk_device(struct gendisk *disk)
{
	return (u32)READ(disk, major) << 20 | (u32)READ(disk, first_minor);
}

static __always_inline void volume_begin(struct bio *bio, struct gendisk *disk)
{
	u32 bytes = READ(bio, bi_iter.bi_size);
	int op = operation(READ(bio, bi_opf));
	struct volume_bio row = { .by.request = (u64)bio, .disk = (u64)disk, .bytes = bytes };
	u64 key = (u64)bio;

	if (op < 0)
		return;
	if (op == BLOCK_WRITE && !bytes)
		op = BLOCK_FLUSH;
	row.dim = disk_number(disk) | (u32)op << BLOCK_OPERATION_SHIFT;
	submitter_fill_bio(&row.by, bio, 0);
	bpf_map_update_elem(&volume_bios, &key, &row, BPF_ANY);
	if (bytes >> 9 && op != BLOCK_DISCARD)
		regions_own(disk_device(disk), READ(bio, bi_iter.bi_sector), bytes >> 9,
			    row.by.identity, row.by.gen);
}

/* Runs for each bio, whatever its device, where there are such devices or where I/O limits are at work. */
TRACEPOINT(block_bio_queue, bio_queue)
{
	struct bio *bio = (void *)(arity_block_bio_queue > 1 ? ARG(ctx, 1) : ARG(ctx, 0));
	struct gendisk *disk = bio_disk(bio, typed);

	if (task_is_kthread())
		throttle_queued(bio);
	bio_owner_queued(bio);
	if (!(typed ? disk->queue->mq_ops : BPF_CORE_READ(disk, queue, mq_ops)))
		volume_begin(bio, disk);
	return 0;
}

static __always_inline void volume_end(struct volume_bio *row, struct bio *bio, u64 now)
{
	u64 ns = now > row->by.start_ns ? now - row->by.start_ns : 0;
	u32 identity = submitter_identity(&row->by, bio), error = READ(bio, bi_status);

	hist_add(block_io_duration_seconds, 0, row->dim | (u64)BLOCK_TOTAL << BLOCK_PHASE_SHIFT,
		 ns);
	if (error) {
		count_add(block_io_errors_total, 0, error_dim(row->dim, error), 1);
		block_error(identity, error_dim(row->dim, error), IO_SECTOR_UNKNOWN, row->bytes);
	}
	hist_add(service_volume_io_duration_seconds, identity, row->dim, ns);
	if (row->bytes)
		count_add(service_volume_io_bytes_total, identity, row->dim, row->bytes);
}

/* Other bios than those of such devices complete as part of a request, and not here. */
TRACEPOINT(block_bio_complete, bio_complete)
{
	struct bio *bio = (void *)(arity_block_bio_complete > 1 ? ARG(ctx, 1) : ARG(ctx, 0));
	u64 key = (u64)bio, now = bpf_ktime_get_ns();
	struct volume_bio *found = bpf_map_lookup_elem(&volume_bios, &key), row;

	if (!found)
		return 0;
	row = *found;
	bpf_map_delete_elem(&volume_bios, &key);
	if (row.disk == (u64)bio_disk(bio, typed))
		volume_end(&row, bio, now);
	return 0;
}

#define MD_MAJOR 9

/*
 * Also tells of partitions, which have no regions. A bio that the submitter itself remaps is its own anyway, but for those
 * of md, which may leave them to its thread.
 */
TRACEPOINT(block_bio_remap, bio_remap)
{
	bool queue =
		arity_block_bio_remap > 3; /* comes first before a54895fa057c, as with requests */
	struct bio *bio = (void *)(queue ? ARG(ctx, 1) : ARG(ctx, 0));
	u32 device = queue ? ARG(ctx, 2) : ARG(ctx, 1);

	if (task_is_kthread() || device >> 20 == MD_MAJOR)
		bio_remapped(bio, device, queue ? ARG(ctx, 3) : ARG(ctx, 2));
	return 0;
}

/*
 * What is under way, as of requests. An entry whose bio was passed on as it is, or whose completion was not seen, is of
 * another disk now, or of no cgroup.
 */
__noinline int volume_in_flight(u64 address, u64 disk, u32 dim, u64 by, u64 start_ns)
{
	struct submitter s = { .identity = by >> 32, .gen = by, .start_ns = start_ns };
	struct bio *bio = (void *)address;

	if (BPF_CORE_READ(bio, bi_blkg) && (u64)bio_disk(bio, false) == disk)
		gauges(&s, dim & (DISKS - 1), bio, start_ns);
	return 0;
}

TABLE_SCAN(volume_in_flight, volume_bios, u64, struct volume_bio)
{
	const struct volume_bio *row = value;

	return row ? volume_in_flight(row->by.request, row->disk, row->dim,
				      (u64)row->by.identity << 32 | row->by.gen, row->by.start_ns)
		   : 0;
}

#endif
