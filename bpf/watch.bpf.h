/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watched tasks: of the processes that somebody has attached to, with all of their children. The mark is a number in the
 * task's context, inherited at fork (core.bpf.c); 0: nobody watches the task.
 */
#ifndef WATCH_BPF_H
#define WATCH_BPF_H

#include "core.bpf.h"

static __always_inline u32 task_watch(struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get(task);

	return tc ? tc->watch : 0;
}

#endif
