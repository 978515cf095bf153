// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes: starts, exits with their reason, lifetimes. The core's programs on the same hooks were attached before
 * and have already updated the identity.
 */
#include "cgroup.bpf.h"
#include "hist.bpf.h"
#include "process.h"

METRIC(process_starts_total);
METRIC(process_exits_total);
METRIC(process_lifetime_seconds);
METRIC(oom_kills_total);

TRACEPOINT(sched_process_fork, fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_ctx *tc;

	if (READ(child, pid) != READ(child, tgid))
		return 0;
	/* without a context of its own, for which there was no memory or no turn, the child is still as its parent */
	tc = task_ctx_get(child) ?: task_ctx_get(parent);
	if (tc)
		count_add(process_starts_total, tc->identity, 0, 1);
	return 0;
}

TRACEPOINT(sched_wakeup_new, wakeup_new, struct task_struct *child)
{
	return on_fork(ctx, task_current(), child);
}

/* The dimension is the previous identity: only user space knows whether the two are different services. */
static __always_inline int on_change(struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get(task);

	if (tc && tc->before != tc->identity)
		count_add(process_starts_total, tc->identity, 1 + tc->before, 1);
	return 0;
}

TRACEPOINT(sched_process_exec, exec, struct task_struct *task)
{
	return on_change(task);
}

SEC("?tp/sched/sched_process_exec")
int exec_tp(void *ctx)
{
	return on_change(task_current());
}

TRACEPOINT(cgroup_attach_task, cgroup_attach, struct cgroup *dst, const char *path,
	   struct task_struct *task)
{
	return READ(task, pid) == READ(task, tgid) ? on_change(task) : 0;
}

#define SIGNAL_GROUP_EXIT 4
#define SIGKILL		  9

/* As wait(2) reports it. */
static __always_inline u32 exit_reason(struct task_struct *leader, struct signal_struct *signal)
{
	int code = READ(signal, flags) & SIGNAL_GROUP_EXIT ? READ(signal, group_exit_code)
							   : READ(leader, exit_code);
	int sig = code & 0x7f;

	if (sig == SIGKILL && READ(signal, oom_mm))
		return PROCESS_OOM;
	if (sig)
		return PROCESS_SIGNAL;
	return code >> 8 & 0xff ? PROCESS_ERROR : PROCESS_OK;
}

/*
 * A cgroup at its limit locks itself and all below it while it looks for a victim there: its own task, which wants memory.
 * Kernels that are built without cgroup v1 have no such lock since 6.11; there the cgroup that has no room is taken for the
 * reason.
 */
#define OOM_ROOM 64 /* pages */

__noinline u32 oom_scope_of(u64 css_set)
{
	struct cgroup_subsys_state *css = memory_css(css_set);

	if (!css)
		return OOM_UNKNOWN;
	for (int i = 0; i < CGROUP_LEVELS && css; i++) {
		struct mem_cgroup *memcg = container_of(css, struct mem_cgroup, css);

		if (bpf_core_field_exists(memcg->oom_lock)) {
			if (BPF_CORE_READ(memcg, oom_lock))
				return OOM_CGROUP;
		} else if ((u64)BPF_CORE_READ(memcg, memory.usage.counter) + OOM_ROOM >
			   BPF_CORE_READ(memcg, memory.max)) {
			return OOM_CGROUP;
		}
		css = BPF_CORE_READ(css, parent);
	}
	return OOM_HOST;
}

/* Of the last OOM kill: there is one at a time in the whole machine, under oom_lock. */
u32 oom_scope;

/*
 * Where mark_victim passes only a pid (before 72ba14deb40a "mm: update mark_victim tracepoints fields", 6.8), the
 * OOM kill is counted when the victim exits; its scope is that of the last one, which is another one only where the victim
 * takes long to die.
 */
const volatile u32 arity_mark_victim SEC(".rodata");

/* The last thread of a process has ended. */
static __always_inline int process_ended(struct task_struct *task)
{
	struct task_struct *leader = READ(task, group_leader);
	struct signal_struct *signal = READ(task, signal);
	struct task_ctx *tc = task_ctx_get(leader);
	u32 identity = identity_current(), reason;
	u64 now;

	if (tc) {
		if (tc->exit_counted)
			return 0;
		tc->exit_counted = 1;
	}
	now = bpf_ktime_get_ns();
	reason = exit_reason(leader, signal);
	identity_ended(identity, reason != PROCESS_OK, reason == PROCESS_OOM);
	count_add(process_exits_total, identity, reason, 1);
	if (reason == PROCESS_OOM && arity_mark_victim < 2)
		count_add(oom_kills_total, identity, oom_scope, 1);
	hist_add(process_lifetime_seconds, identity, 0, now - READ(leader, start_time));
	cgroups_note(task, identity);
	return 0;
}

/* Newer kernels tell whether it was the last thread; otherwise check that no live thread is left. */
const volatile u32 arity_sched_process_exit SEC(".rodata");

TRACEPOINT(sched_process_exit, exit, struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);

	if (arity_sched_process_exit > 1 ? !(bool)ARG(ctx, 1) : READ(signal, live.counter))
		return 0;
	return process_ended(task);
}

SEC("?tp/sched/sched_process_exit")
int exit_tp(struct trace_event_raw_sched_process_exit *event)
{
	struct task_struct *task = task_current();
	struct signal_struct *signal = READ(task, signal);

	if (bpf_core_field_exists(event->group_dead) ? !event->group_dead
						     : READ(signal, live.counter))
		return 0;
	return process_ended(task);
}

/* Runs in the context of the task that needed memory; the victim is the argument, or its pid. */
TRACEPOINT(mark_victim, oom, struct task_struct *victim)
{
	struct task_ctx *tc;

	oom_scope = oom_scope_of((u64)BPF_CORE_READ(task_current(), cgroups));
	if (arity_mark_victim < 2)
		return 0;
	tc = task_ctx_get(victim);
	count_add(oom_kills_total, tc ? tc->identity : IDENTITY_OTHER, oom_scope, 1);
	return 0;
}
