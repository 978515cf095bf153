/* SPDX-License-Identifier: BSD-3-Clause */
/* Which process a number means. */
#ifndef ATTACH_TARGET_H
#define ATTACH_TARGET_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "types.h"

struct target {
	pid_t pid;    /* of the process, where the number was that of one of its threads */
	pid_t inside; /* its number in a PID namespace of its own, 0: it has none */
	u64 resident_pages;
	char comm[32];
};

/* 0, or -ESRCH, -EINVAL with what is wrong in `error`. */
int target_find(pid_t pid, struct target *ret, struct buf *error);

/* Whom the number may mean: who has it in a PID namespace of its own. Looks at all processes: not for the event loop. */
void target_namesakes(pid_t pid, struct buf *text);

/* Resident pages, 0: it has ended. */
u64 target_resident(pid_t pid);

#endif
