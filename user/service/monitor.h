/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process that watches a container for its runtime, conmon or a shim of containerd: it is above the container's processes
 * and tells where the container is described, wherever the runtime was told to keep that.
 */
#ifndef SERVICE_MONITOR_H
#define SERVICE_MONITOR_H

#include <limits.h>

#include "service/container_id.h"
#include "types.h"

struct monitor {
	char id[CONTAINER_ID_LEN + 1];
	char name[256];	       /* of the container, "": not told */
	char bundle[PATH_MAX]; /* the directory of its config.json, "": not told */
};

/*
 * Does it run as root? Anybody else may keep those waiting who read his memory; and a container's runtime that runs as a
 * user has its files where runtime_roots_find() looks.
 */
bool process_is_roots(const char *root, u32 pid);

/* Of the container with this id, above this process; false: there is none. Paths in /proc are below `root`. */
bool monitor_find(const char *root, u32 pid, const char *id, struct monitor *ret);

/* The id of the container that this process, which is conmon, watches; false: it has ended, or watches none. */
bool monitor_container(const char *root, u32 pid, char id[CONTAINER_ID_LEN + 1]);

/* Takes conmon's arguments, each with its NUL; false: they name no container. */
bool monitor_conmon(const char *args, size_t len, struct monitor *ret);

#endif
