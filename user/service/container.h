/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of containers and pods, from the metadata that docker, containerd, cri-o, podman and the kubelet keep on
 * disk. All paths are below `root`, which is "" except in tests.
 */
#ifndef SERVICE_CONTAINER_H
#define SERVICE_CONTAINER_H

#include "service/container_id.h"
#include "types.h"

/* Fields are "" while unknown. */
struct pod {
	char space[64]; /* namespace */
	char name[256];
};

struct container {
	char name[256];
	struct pod pod; /* of the container */
};

/* What else may help to find it, 0: not known. */
struct container_hint {
	u32 user;	 /* whose container it is */
	u32 pid, parent; /* a process in it, and the one above that */
};

/* Each fills in what it finds; id and uid must be valid. */
void container_lookup(const char *root, const char *id, const struct container_hint *hint,
		      struct container *c);
void pod_lookup(const char *root, const char *uid, struct pod *p);

#endif
