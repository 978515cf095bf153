/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What containers and pods are called, from the metadata that docker, containerd, cri-o, podman and the
 * kubelet keep on disk. All paths are below `root`, "" on a living system.
 */
#ifndef SERVICE_CONTAINER_H
#define SERVICE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_ID_LEN 64
#define POD_UID_MAX	 36

/* Fields are "" while unknown. */
struct pod {
	char space[64]; /* namespace */
	char name[256];
};

struct container {
	char name[256];
	struct pod pod; /* that it belongs to */
};

/* Full ids only, 64 lower-case hex digits; no other becomes part of a path. */
bool container_id_valid(const char *id, size_t len);
/* A UUID, or 32 hex digits. */
bool pod_uid_valid(const char *uid);

/* Both fill in what is found; the id and the uid must be valid. */
void container_lookup(const char *root, const char *id, struct container *c);
void pod_lookup(const char *root, const char *uid, struct pod *p);

#endif
