/* SPDX-License-Identifier: BSD-3-Clause */
/* That a program runs only once: a lock on a file in a directory that nobody else may write to. */
#ifndef LIB_LOCK_H
#define LIB_LOCK_H

#include <sys/types.h>

/*
 * Takes the lock of a directory, which is made (0755) when it is missing; the kernel lets go of it when the
 * process ends. Returns its descriptor, or negative errno:
 *   -EWOULDBLOCK  another process holds it; *holder is its number, 0 when that is not known
 *   -EPERM        somebody else owns the directory or the lock, or may write there
 */
int lock_take(const char *directory, pid_t *holder);

#endif
