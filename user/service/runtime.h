/* SPDX-License-Identifier: BSD-3-Clause */
/* In which directories container runtimes keep what they know, from their configuration and their defaults. */
#ifndef SERVICE_RUNTIME_H
#define SERVICE_RUNTIME_H

#include <limits.h>

#include "types.h"

enum runtime_kind {
	RUNTIME_DOCKER,	    /* the data root: containers/ID/config.v2.json */
	RUNTIME_CONTAINERD, /* the state: io.containerd.runtime.v2.task/NAMESPACE/ID/config.json */
	RUNTIME_STORAGE,    /* graph or run root of podman and cri-o: DRIVER-containers/... */
};

#define RUNTIME_ROOTS 32

struct runtime_roots {
	struct runtime_root {
		enum runtime_kind kind;
		char path[PATH_MAX];
	} at[RUNTIME_ROOTS];
	unsigned cnt;
};

/* What is configured comes first. All paths are below `root`; those of the user with this number are among them, 0: none. */
void runtime_roots_find(struct runtime_roots *ret, const char *root, u32 uid);

#endif
