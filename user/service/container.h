/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of containers and pods, from the metadata that docker, containerd, cri-o, podman and the kubelet keep on
 * disk. All paths are below `root`, which is "" except in tests.
 */
#ifndef SERVICE_CONTAINER_H
#define SERVICE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

#define CONTAINER_ID_LEN 64
#define POD_UID_MAX	 36

/* Fields are "" while unknown. */
struct pod {
	char space[64]; /* namespace */
	char name[256];
};

struct container {
	char name[256];
	struct pod pod; /* of the container */
};

/* Only full ids, 64 lower-case hex digits, are valid and may become part of a path. */
bool container_id_valid(const char *id, size_t len);
/* A UUID, or 32 hex digits. */
bool pod_uid_valid(const char *uid);

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
