/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths as the kernel side stores them, see struct identity in include/types.h. */
#ifndef SERVICE_PATH_H
#define SERVICE_PATH_H

#include <stddef.h>

#include "types.h"

#define PATH_COMPONENTS 128
/* Room for the longest of an identity. */
#define REVERSED_PATH_SIZE (IDENTITY_CGROUPS + IDENTITY_NAME + PATH_COMPONENTS)

/*
 * Turns a reversed path of at most `len` bytes into an absolute one and returns how many bytes of the reversed path it took,
 * its empty end included. The result is cut to size.
 */
size_t path_reverse(const char *reversed, size_t len, char *path, size_t size);

#endif
