/* SPDX-License-Identifier: GPL-2.0-only */
/* The task scan: totals over live tasks per identity, recomputed by an iterator. */
#ifndef TASK_SCAN_BPF_H
#define TASK_SCAN_BPF_H

#include "io_limit.bpf.h"
#include "sched.bpf.h"
#include "task.bpf.h"

/*
 * CPU time that a running task has used since its last switch. The program on sched_switch counts it at the next
 * switch, perhaps right now on another CPU; user space makes sure that nothing is counted twice.
 */
static __always_inline void task_scan_runtime(struct task_struct *task, struct task_ctx *tc,
					      struct task_totals *row)
{
	u64 counted = tc->runtime_ns, before = runtime_before(tc);
	u64 runtime = task->se.sum_exec_runtime;
	struct task_totals *old;
	u32 id = tc->before;

	if (runtime <= counted)
		return;
	if (before && before <= runtime - counted) {
		old = bpf_map_lookup_elem(&task_totals, &id);
		if (old)
			old->cpu_ns += before;
		counted += before;
	}
	row->cpu_ns += runtime - counted;
}

#define IO_LIMIT_SEEN_NS 20000000ULL /* who hangs for less long is not asked why */

enum { IO_NOT_LIMITED = 1, IO_LIMITED }; /* 0: not looked at in this scan */

/* A task that has not left its CPU yet has the stamp of an earlier sleep. */
static __always_inline void task_scan_state(struct task_struct *task, struct task_ctx *tc,
					    struct task_totals *row)
{
	u32 state = task_state(task);
	u64 now = bpf_ktime_get_ns(), age;

	if (task_is_stopped(task, state)) {
		row->stopped++;
		return;
	}
	if (!task_is_blocked(state) || task->on_cpu)
		return;
	row->blocked++;
	if (!tc->blocked_ns) /* since before the daemon: at least from now on */
		tc->blocked_ns = now;
	age = now > tc->blocked_ns ? now - tc->blocked_ns : 0;
	if (age > row->blocked_oldest_ns)
		row->blocked_oldest_ns = age;
	if (age <= IO_LIMIT_SEEN_NS)
		return;
	if (!row->io_limit) /* all of an identity are in the same cgroups */
		row->io_limit = io_is_limited(task) ? IO_LIMITED : IO_NOT_LIMITED;
	if (row->io_limit == IO_LIMITED && age > row->io_limited_oldest_ns)
		row->io_limited_oldest_ns = age;
}

/* Visits every live task. Identifies those that started before the daemon. */
SEC("?iter/task")
int task_scan_iter(struct bpf_iter__task *it)
{
	struct task_struct *task = it->task;
	struct task_totals *row;
	struct task_ctx *tc;

	if (!task)
		return 0;
	tc = task_ctx_get_or_new(task);
	if (!tc)
		return 0;
	if (!tc->identity || identity_valid(tc->identity, tc->gen) != tc->identity)
		task_discover(task, tc);
	row = task_totals_row(tc->identity, tc->gen);
	if (!row)
		return 0;
	row->tasks++;
	if (task->pid == task->tgid && task->signal->live.counter > 0) {
		if (!row->processes++) /* all of an identity are in the same cgroups */
			row->cpu_quota = cgroups_note(task, tc->identity);
		/* ids begin anew at times: the last one need not have the highest */
		if (tc->since_ns >= row->youngest_ns) {
			row->youngest_ns = tc->since_ns;
			row->pid = task->pid;
		}
		if (!row->since_ns || tc->since_ns < row->since_ns)
			row->since_ns = tc->since_ns;
	}
	task_scan_runtime(task, tc, row);
	task_scan_state(task, tc, row);
	return 0;
}

#endif
