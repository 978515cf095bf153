/* SPDX-License-Identifier: BSD-3-Clause */
/* The stack of a task that does not run, followed by its frame pointers. */
#ifndef STACK_WALK_H
#define STACK_WALK_H

#include "waits.h"

/* Reads the process's memory, which may block. Always has the first frame, where the task entered the kernel. */
void stack_walk(u32 tid, const struct wait_now *from, struct stack_trace *ret);
/* The key that the kernel side gives this stack. */
u64 stack_key(const struct stack_trace *trace);

#endif
