/* SPDX-License-Identifier: BSD-3-Clause */
/* Landlock: a process gives up files, ports and signals for good. The library that Debian has not yet would be smaller than this. */
#ifndef LIB_LANDLOCK_H
#define LIB_LANDLOCK_H

#include <stdbool.h>

struct landlock_left {
	const char *const *readable; /* files and folders; ends with NULL. NULL: none */
	bool connects;		     /* over TCP */
};

/* What the running kernel offers, from 1 on; 0: nothing, as before Linux 5.13. */
int landlock_version(void);
/*
 * Gives up all but that: of this thread, and what it starts. PR_SET_NO_NEW_PRIVS has to be set. 0, also where the kernel has no
 * Landlock, or negative errno.
 */
int landlock_enter(const struct landlock_left *left);

#endif
