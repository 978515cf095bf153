/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RULE_DISK_IDENTITY_H
#define RULE_DISK_IDENTITY_H

#include <stddef.h>

#include "types.h"

/*
 * A hash of what tells a disk from another one that has its name later: its WWID, serial number or UUID, or the file behind a
 * loop device; its size where it has none of these. `sys` is /sys/block. Only what the kernel has in memory is read, so it
 * does not wait for the disk. 0: there is no such disk.
 */
u64 disk_identity(const char *sys, const char *device);

/* FNV-1a. Begins with HASH_BEGIN; texts are hashed with their NUL. */
#define HASH_BEGIN 0xcbf29ce484222325ULL
u64 hash_bytes(u64 hash, const void *data, size_t len);

#endif
