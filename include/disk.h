/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Disks by number, as a dimension of metrics: the contract between kernel side and user side. */
#ifndef SEISMO_DISK_H
#define SEISMO_DISK_H

#include "types.h"

#define DISK_BITS  16
#define DISKS	   1024
#define DISK_OTHER 0 /* those that found no number left */

#define DISK_NAME 32 /* as long as the kernel's, with its NUL */

/* A cache line for each number: a name for good, and slots of the disk's series, which are the block family's. */
struct disk {
	char name[DISK_NAME];
	u32 slots[8];
};
_Static_assert(sizeof(struct disk) == 64, "a cache line");

#endif
