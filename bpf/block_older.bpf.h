/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests that were under way when the daemon started, found once in what the kernel has: all block devices are inodes
 * of one superblock, the queue of a disk has sets of tags, and the driver has a request for each tag in use. Nothing of
 * this is locked: what is found is believed as far as in_flight() does, at each scan.
 */
#ifndef BLOCK_OLDER_BPF_H
#define BLOCK_OLDER_BPF_H

/* At most. Each is visited in two nested loops, since the verifier walks through each step of a loop. */
#define OLDER_TAGS   10240
#define OLDER_QUEUES 256
#define OLDER_DISKS  2048 /* with their partitions */
#define OLDER_STEPS  64	  /* of an inner loop */

u32 older_found;
u64 older_disk_seen; /* by a scan: the address of a disk */

/* A pointer as a number: the verifier loses track of the type once the value went through memory. */
u64 origin_address;

/* Who submitted it is not known, and found out when it matters. */
__noinline int older_request(u64 address, u64 queue)
{
	struct submitter now = { .request = address, .identity = IDENTITY_UNKNOWN }, *known;
	struct request_row *row;
	struct request *rq = (void *)address;
	u64 key = address;

	now.start_ns = BPF_CORE_READ(rq, start_time_ns);
	if ((u64)BPF_CORE_READ(rq, q) != queue || BPF_CORE_READ(rq, state) != MQ_RQ_IN_FLIGHT ||
	    !now.start_ns)
		return 0;
	row = request_row(request_number(address - *(volatile u64 *)&origin_address));
	known = row && row->by.request == address ? &row->by
						  : submitter_find(&block_submitters, rq);
	if (known && submitter_is_of(known, now.start_ns))
		return 0;
	bpf_map_update_elem(&block_submitters, &key, &now, BPF_ANY);
	submitters_used = 1;
	return 0;
}

__noinline int older_tags_some(u64 requests, u64 queue, u32 cnt)
{
	u64 rq = 0;

	for (u32 i = 0; i < OLDER_STEPS && i < cnt; i++)
		if (!bpf_probe_read_kernel(&rq, sizeof(rq), (void *)(requests + i * sizeof(rq))) &&
		    rq)
			older_request(rq, queue);
	return 0;
}

__noinline int older_tags(u64 address, u64 queue)
{
	struct blk_mq_tags *tags = (void *)address;
	u64 requests = (u64)BPF_CORE_READ(tags, rqs);
	u32 cnt = BPF_CORE_READ(tags, nr_tags);

	for (u32 i = 0; i < OLDER_TAGS && i < cnt; i += OLDER_STEPS)
		older_tags_some(requests + i * sizeof(u64), queue, cnt - i);
	return 0;
}

/* Hardware queues may share their tags. */
__noinline int older_queue(u64 address)
{
	struct request_queue *queue = (void *)address;
	u32 cnt = BPF_CORE_READ(queue, tag_set, nr_hw_queues);
	u64 list = (u64)BPF_CORE_READ(queue, tag_set, tags), tags = 0, before = 0;

	for (u32 i = 0; i < OLDER_QUEUES && i < cnt; i++) {
		bpf_probe_read_kernel(&tags, sizeof(tags), (void *)(list + i * sizeof(tags)));
		if (!tags || tags == before)
			break;
		before = tags;
		older_tags(tags, address);
	}
	return 0;
}

static __always_inline bool bdev_is_disk(struct block_device *bdev, struct gendisk *disk)
{
	if (bpf_core_field_exists(disk->part0))
		return BPF_CORE_READ(disk, part0) == bdev;
	return !BPF_CORE_READ(bdev, bd_partno);
}

#define OFFSET(type, field) ((u64) & ((type *)0)->field)

/* `at` is where the list of all block devices goes through one; returns where it goes on. */
__noinline u64 older_disk(u64 at)
{
	struct block_device *bdev = (void *)(at - OFFSET(struct inode, i_sb_list) -
					     OFFSET(struct bdev_inode, vfs_inode));
	struct gendisk *disk = BPF_CORE_READ(bdev, bd_disk);
	struct request_queue *queue = BPF_CORE_READ(disk, queue);

	if (queue && bdev_is_disk(bdev, disk) && BPF_CORE_READ(queue, tag_set))
		older_queue((u64)queue);
	return (u64)BPF_CORE_READ((struct list_head *)at, next);
}

__noinline u64 older_disks(u64 at, u64 end)
{
	for (u32 i = 0; i < OLDER_STEPS && at && at != end; i++)
		at = older_disk(at);
	return at;
}

/* From any block device to all of them. No function of its own: there may be eight frames. */
static __always_inline int older_find(u64 bdev)
{
	struct inode *inode = (void *)(bdev + OFFSET(struct bdev_inode, vfs_inode));
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);
	u64 end = (u64)&sb->s_inodes, at = (u64)BPF_CORE_READ(sb, s_inodes.next);

	older_found = 1;
	*(volatile u64 *)&origin_address = (u64)&origin;
	for (u32 i = 0; i < OLDER_DISKS && at && at != end; i += OLDER_STEPS)
		at = older_disks(at, end);
	return 0;
}

/* Starts with a disk that a request was seen for, or with that of a program which led to this one. */
__noinline int older_find_all(void)
{
	struct gendisk *disk = (void *)*(volatile u64 *)&older_disk_seen;
	struct task_struct *task = (void *)bpf_get_current_task();
	struct block_device *bdev = NULL;

	if (bpf_core_field_exists(disk->part0))
		bdev = BPF_CORE_READ(disk, part0);
	for (int i = 0; i < 16 && !bdev; i++) {
		bdev = BPF_CORE_READ(task, mm, exe_file, f_inode, i_sb, s_bdev);
		task = BPF_CORE_READ(task, real_parent);
	}
	return bdev ? older_find((u64)bdev) : 0;
}

#endif
