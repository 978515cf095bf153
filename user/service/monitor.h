/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process that watches a container for its runtime, conmon or a shim of containerd: it is above the container's processes
 * and tells where the container is described, wherever the runtime was told to keep that.
 */
#ifndef SERVICE_MONITOR_H
#define SERVICE_MONITOR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "types.h"

struct monitor {
	char name[256];	       /* of the container, "": not told */
	char bundle[PATH_MAX]; /* the directory of its config.json, "": not told */
};

/* Of the container with this id, above this process; false: there is none. Paths in /proc are below `root`. */
bool monitor_find(const char *root, u32 pid, const char *id, struct monitor *ret);

/* Takes conmon's arguments, each with its NUL, for a container with this id; false: it is about another one. */
bool monitor_conmon(const char *args, size_t len, const char *id, struct monitor *ret);

#endif
