/* SPDX-License-Identifier: BSD-3-Clause */
/* What is executable in the memory of a process: /proc/PID/maps. Its paths and what they name are the process's to choose. */
#ifndef STACK_MAPPINGS_H
#define STACK_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

#define MAPPINGS_MAX 4096 /* executable ones of a process */

struct mapping {
	u64 start, end;
	u64 file_at; /* offset of its start in the file */
	u64 device;  /* as the kernel writes it there; stat() may say another one */
	u64 inode;   /* 0: no file */
	char *path;  /* as the process sees it, "" without a name; never NULL */
};

struct mappings {
	struct mapping *list; /* by address */
	size_t cnt;
};

void mappings_release(struct mappings *m);
/* Adds what a line of the file says, if that is executable; false if it is no such line, or there is no memory. */
bool mappings_add(struct mappings *m, const char *line);
/* The mapping that an address is in, NULL: none. */
const struct mapping *mappings_find(const struct mappings *m, u64 address);
/* Reads /proc/PID/maps; may block as long as the process holds its memory. 0 or negative errno. */
int mappings_read(struct mappings *m, u32 pid);

/* What tells a process, and what it executes, from another one with its number, and from what it executes later. */
struct image {
	u64 start_ticks; /* of the process */
	u64 code, code_end, stack;
};

/* Does not block. 0 or negative errno: it has ended. */
int image_read(struct image *ret, u32 pid);

/*
 * Opens the file of a mapping while the process has it, by /proc/PID/map_files; after its end, or without permission for
 * that, the file of this path and inode below the process's or our own root. Regular files only. Negative errno.
 */
int mapping_open(const struct mapping *m, u32 pid);
/*
 * Opens a regular file of up to so many bytes inside the root of a process: links of its lead nowhere else. If `owned` it must
 * be owned by the user of the process, or by root. Negative errno.
 */
int process_file_open(u32 pid, const char *path, u64 max_bytes, bool owned);
/* The process's number in its own PID namespace; 0: not known. */
u32 process_own_pid(u32 pid);

#endif
