/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a task, as sched_process_exit tells it. */
#ifndef EXIT_BPF_H
#define EXIT_BPF_H

#include "core.bpf.h"

#define SIGNAL_GROUP_EXIT 4

/* As wait(2) reports it. */
static __always_inline u32 exit_code(struct task_struct *leader, struct signal_struct *signal)
{
	return READ(signal, flags) & SIGNAL_GROUP_EXIT ? READ(signal, group_exit_code)
						       : READ(leader, exit_code);
}

/* Newer kernels tell whether it was the last thread; otherwise check that no live thread is left. */
const volatile u32 arity_sched_process_exit SEC(".rodata");

static __always_inline bool exit_is_last(unsigned long long *ctx, struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);

	return arity_sched_process_exit > 1 ? (bool)ARG(ctx, 1) : !READ(signal, live.counter);
}

/* The same for a classic program. */
static __always_inline bool exit_is_last_tp(struct trace_event_raw_sched_process_exit *event,
					    struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);

	return bpf_core_field_exists(event->group_dead) ? event->group_dead
							: !READ(signal, live.counter);
}

#endif
