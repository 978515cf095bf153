/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a process gives up for good before it reads what strangers send: its user, every capability, files, and all system calls
 * but those that its work takes.
 */
#ifndef LIB_SANDBOX_H
#define LIB_SANDBOX_H

#include <sys/types.h>

#include "lib/buf.h"
#include "lib/landlock.h"

/* The user that root becomes; "nobody" where there is no such user. */
#define SANDBOX_USER "seismo"

/*
 * For a process without other threads, which ends with the thread that has started it. What is open stays open. What it may do
 * afterwards: read and write that, accept connections, start threads; with `connects` also look up names and connect over TCP and UDP, and read
 * what is left of the files: without Landlock, what its user can. Everything else fails with EPERM, and files with EACCES where
 * the kernel has Landlock. 0, or negative errno and *what: what went wrong.
 */
int sandbox_enter(const struct landlock_left *left, const char **what);
/* The same as a sentence for people: as whom, and what of it this kernel has. */
void sandbox_write(struct buf *out);

/* Is this the user that it becomes, and there is one of the name? The unit makes the daemon this user. */
bool sandbox_user_is(uid_t uid);

/*
 * What the privileged process keeps: a capability only if it is in this list (<sys/capability.h>), and no system call that changes
 * the machine. To be called before there are threads. 0, or negative errno and *what.
 */
int privileges_reduce(const int *capabilities, unsigned cnt, const char **what);

#endif
