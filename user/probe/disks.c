// SPDX-License-Identifier: BSD-3-Clause
#include "probe/disks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "probe/probe.h"

#define DISKS_BYTES (DISKS * sizeof(struct disk))

/* The families share one table. */
static const struct disk *disks; /* by number */

/* In ranges of one: while a CPU has popped a range, another one must not find the stack empty. */
static int numbers_fill(int stack)
{
	for (u32 number = DISKS - 1; number > DISK_OTHER; number--) {
		const struct id_range range = { number, 1 };

		if (bpf_map_update_elem(stack, NULL, &range, BPF_ANY))
			return -errno;
	}
	return 0;
}

int disks_init(struct probe_run *run)
{
	int table = bpf_object__find_map_fd_by_name(run->object, "disks");
	int stack = bpf_object__find_map_fd_by_name(run->object, "free_disks");
	void *rows = mmap(NULL, DISKS_BYTES, PROT_READ, MAP_SHARED, table, 0);
	struct id_range first;

	if (rows == MAP_FAILED)
		return -errno;
	if (disks)
		munmap((void *)disks, DISKS_BYTES);
	disks = rows;
	/* an earlier family may have filled it, and given some of them away */
	return bpf_map_lookup_elem(stack, NULL, &first) ? numbers_fill(stack) : 0;
}

/*
 * A path of NVMe's own multipath, nvme0c1n2, is a hidden disk; the one that people know, and that has a node in /dev, is
 * nvme0n2 (drivers/nvme/host/multipath.c: nvme_mpath_set_disk_name).
 */
static bool nvme_path(const char *name, unsigned *subsystem, unsigned *ns)
{
	unsigned controller;
	int end = 0;

	return sscanf(name, "nvme%uc%un%u%n", subsystem, &controller, ns, &end) == 3 && !name[end];
}

void disk_label(const char *name, char *buf, size_t size)
{
	char text[DISK_NAME + 1];
	unsigned subsystem, ns;

	snprintf(text, sizeof(text), "%.*s", DISK_NAME, name);
	if (nvme_path(text, &subsystem, &ns))
		snprintf(buf, size, "nvme%un%u", subsystem, ns);
	else
		snprintf(buf, size, "%s", *text ? text : "other");
}

void label_device(u64 number, char *buf, size_t size)
{
	disk_label(disks && number < DISKS ? disks[number].name : "", buf, size);
}
