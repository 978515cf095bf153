/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks by number. A number stands for a name, which the kernel is asked for at each event: device numbers and
 * addresses are given to the next disk as soon as one is unplugged, and some disks (paths of NVMe's own multipath) have
 * no device number at all.
 */
#ifndef DISK_BPF_H
#define DISK_BPF_H

#include "core.bpf.h"
#include "disk.h"

struct disk_name {
	char text[DISK_NAME];
};

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct disk, DISKS, BPF_F_MMAPABLE) disks SEC(".maps");
struct TABLE(BPF_MAP_TYPE_HASH, struct disk_name, u32, DISKS, 0) disk_numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__type(value, struct id_range);
	__uint(max_entries, DISKS);
} free_disks SEC(".maps");

/* The number of the disk that last had a device number with this hash: a guess. */
#define DISK_GUESSES 256
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, u32, DISK_GUESSES, 0) disk_guesses SEC(".maps");

static __always_inline struct disk *disk_row(u32 number)
{
	return bpf_map_lookup_elem(&disks, &number);
}

/* Numbers a name. Whoever is first with it publishes the number, after its row is complete. */
static __always_inline u32 disk_new(struct disk_name *name)
{
	u32 number, *found;
	struct disk *row;

	if (!id_alloc(&free_disks, &number))
		return DISK_OTHER;
	row = disk_row(number);
	if (row)
		__builtin_memcpy(row->name, name->text, sizeof(row->name));
	barrier();
	if (row && !bpf_map_update_elem(&disk_numbers, name, &number, BPF_NOEXIST))
		return number;
	id_free(&free_disks, number);
	found = bpf_map_lookup_elem(&disk_numbers, name);
	return found ? *found : DISK_OTHER;
}

/* The number of the disk at this address. Not inlined: hot paths find the number in the cache. */
__noinline u32 disk_find(u64 address)
{
	struct gendisk *disk = (void *)address;
	struct disk_name name = {};
	u32 *found;

	if (bpf_probe_read_kernel_str(name.text, sizeof(name.text), disk->disk_name) <= 1)
		return DISK_OTHER;
	found = bpf_map_lookup_elem(&disk_numbers, &name);
	return found ? *found : disk_new(&name);
}

#define NAME_WORD(name, i) (*(u64 *)((name) + (i) * sizeof(u64)))

/* The kernel pads names with zeros, too. */
static __always_inline bool disk_has_name(struct gendisk *disk, const char *name)
{
	struct disk_name copy;
	u64 diff = 0;

	if (!typed)
		bpf_probe_read_kernel(&copy, sizeof(copy), disk->disk_name);
#pragma unroll
	for (int i = 0; i < DISK_NAME / 8; i++)
		diff |= (typed ? NAME_WORD(disk->disk_name, i) : NAME_WORD(copy.text, i)) ^
			NAME_WORD(name, i);
	return !diff;
}

/*
 * Stands for the name of a disk, and is never 0. Names that differ in eight aligned bytes have different ones, others as good as
 * always.
 */
static __always_inline u64 disk_hash(struct gendisk *disk)
{
	struct disk_name copy;
	u64 hash = 0;

	if (!typed)
		bpf_probe_read_kernel(&copy, sizeof(copy), disk->disk_name);
#pragma unroll
	for (int i = 0; i < DISK_NAME / 8; i++)
		hash ^= (typed ? NAME_WORD(disk->disk_name, i) : NAME_WORD(copy.text, i)) *
			(0x9e3779b97f4a7c15ULL * (2 * i + 1));
	return hash ?: 1;
}

/* The number of a disk; DISK_OTHER: there is none. */
static __always_inline u32 disk_number(struct gendisk *disk)
{
	u32 minor = READ(disk, first_minor);
	u32 entry = (minor ^ minor >> 4 ^ READ(disk, major)) & (DISK_GUESSES - 1);
	u32 *guess = bpf_map_lookup_elem(&disk_guesses, &entry);
	u32 number = guess ? *(volatile u32 *)guess : DISK_OTHER;
	struct disk *row = disk_row(number);

	if (number && row && disk_has_name(disk, row->name))
		return number;
	number = disk_find(pointer_address(disk));
	if (guess)
		*(volatile u32 *)guess = number;
	return number;
}

#endif
