/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics that only the cgroup itself has, read from its files in v1 and v2. */
#ifndef SERVICE_CGROUP_H
#define SERVICE_CGROUP_H

#include <limits.h>
#include <stddef.h>

#include "types.h"

enum cgroup_controller { CGROUP_CPU, CGROUP_MEMORY, CGROUP_CONTROLLERS };

/* Mount points; "": none. A controller without a v1 hierarchy of its own is in v2. */
struct cgroup_mounts {
	char v1[CGROUP_CONTROLLERS][PATH_MAX];
	char v2[PATH_MAX];
};

struct cgroup_stats {
	u32 files; /* number of files read; 0: no such cgroup */
	u32 failed; /* number of files that could not be read this time, for want of descriptors or memory */
	u64 inodes
		[CGROUP_CONTROLLERS]; /* of these files: they change when a cgroup is created anew */
	u64 periods, throttled_periods, throttled_ns;
	u64 page_cache_bytes;
};

/* Parses a line of /proc/self/mountinfo; the first mount of each hierarchy counts. */
void cgroup_mount_parse(const char *line, struct cgroup_mounts *mounts);
/* Parses the NUL-terminated text of cpu.stat or memory.stat; unknown keys are ignored. */
void cgroup_stats_parse(const char *text, struct cgroup_stats *stats);

void cgroup_mounts_read(struct cgroup_mounts *ret);
/* The path is as in /proc/PID/cgroup; only its first `len` bytes count. */
void cgroup_stats_read(const struct cgroup_mounts *mounts, const char *path, size_t len,
		       struct cgroup_stats *ret);

#endif
