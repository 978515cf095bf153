/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics that only the cgroup itself has, read from its files in v1 and v2. */
#ifndef SERVICE_CGROUP_H
#define SERVICE_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "types.h"

/* Mount points, "": none. Without a v1 hierarchy of its own the memory controller is in v2. */
struct cgroup_mounts {
	char v1[PATH_MAX]; /* of the memory controller */
	char v2[PATH_MAX];
};

struct cgroup_stats {
	bool found;  /* its file was read */
	bool failed; /* it could not be read this time, for want of descriptors or memory */
	u64 inode;   /* of the file: it changes when a cgroup is created anew */
	u64 page_cache_bytes, swap_ins;
};

/* Parses a line of /proc/self/mountinfo; the first mount of each hierarchy counts. */
void cgroup_mount_parse(const char *line, struct cgroup_mounts *mounts);
/* Parses the NUL-terminated text of memory.stat; unknown keys are ignored. */
void cgroup_stats_parse(const char *text, struct cgroup_stats *stats);

void cgroup_mounts_read(struct cgroup_mounts *ret);
/* The path is as in /proc/PID/cgroup; only its first `len` bytes count. */
void cgroup_stats_read(const struct cgroup_mounts *mounts, const char *path, size_t len,
		       struct cgroup_stats *ret);

#endif
