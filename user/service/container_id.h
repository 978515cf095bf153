/* SPDX-License-Identifier: BSD-3-Clause */
/* Ids of containers and pods, as they are in cgroup paths. */
#ifndef SERVICE_CONTAINER_ID_H
#define SERVICE_CONTAINER_ID_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_ID_LEN 64
#define POD_UID_MAX	 36

/* Only full ids, 64 lower-case hex digits, are valid and may become part of a path. */
bool container_id_valid(const char *id, size_t len);
/* A UUID, or 32 hex digits. */
bool pod_uid_valid(const char *uid);

#endif
