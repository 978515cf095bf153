/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel counts for each cgroup and nobody else: read from its files, on v1 and v2. */
#ifndef SERVICE_CGROUP_H
#define SERVICE_CGROUP_H

#include <limits.h>
#include <stddef.h>

#include "types.h"

enum cgroup_controller { CGROUP_CPU, CGROUP_MEMORY, CGROUP_CONTROLLERS };

/* Where hierarchies are mounted; "" while unknown. A controller is in v1's, if it has one, or in v2's. */
struct cgroup_mounts {
	char v1[CGROUP_CONTROLLERS][PATH_MAX];
	char v2[PATH_MAX];
};

struct cgroup_stats {
	u32 files;			/* that could be read; 0: no such cgroup */
	u64 inodes[CGROUP_CONTROLLERS]; /* of them: others when a cgroup was made anew */
	u64 periods, throttled_periods, throttled_ns;
	u64 page_cache_bytes;
};

/* Takes a line of /proc/self/mountinfo in; of several mounts of one hierarchy the first. */
void cgroup_mount_parse(const char *line, struct cgroup_mounts *mounts);
/* Takes in what it knows of the text, NUL-terminated, of cpu.stat or memory.stat. */
void cgroup_stats_parse(const char *text, struct cgroup_stats *stats);

void cgroup_mounts_read(struct cgroup_mounts *ret);
/* `path` is as in /proc/PID/cgroup, the first `len` bytes of it. */
void cgroup_stats_read(const struct cgroup_mounts *mounts, const char *path, size_t len,
		       struct cgroup_stats *ret);

#endif
