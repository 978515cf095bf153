/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of the daemon that are processes of their own: the same program again, with nothing of this one's memory. */
#ifndef LIB_PART_H
#define LIB_PART_H

#include <sys/types.h>

/*
 * Starts the program with this argument. Its standard input and output are these descriptors; messages go where ours go, and nothing
 * else is open that has FD_CLOEXEC. 0 or negative errno.
 */
int part_start(pid_t *pid, const char *name, int input, int output);

#endif
