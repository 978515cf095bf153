// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes: starts, exits with their reason, lifetimes. The core's programs on the same hooks were attached before
 * and have already updated the identity.
 */
#include "cgroup.bpf.h"
#include "exit.bpf.h"
#include "hist.bpf.h"
#include "process.h"
#include "process_event.bpf.h"

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
	if (!tc)
		return 0;
	count_add(process_starts_total, tc->identity, 0, 1);
	if (!(READ(child, flags) & PF_KTHREAD))
		fork_tell(child, tc->identity);
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
	exec_tell(task, identity_current());
	return on_change(task);
}

SEC("?tp/sched/sched_process_exec")
int exec_tp(unsigned long long *ctx)
{
	return on_exec(ctx, task_current());
}

TRACEPOINT(cgroup_attach_task, cgroup_attach, struct cgroup *dst, const char *path,
	   struct task_struct *task)
{
	return READ(task, pid) == READ(task, tgid) ? on_change(task) : 0;
}

#define SIGKILL 9

static __always_inline u32 exit_reason(u32 code, struct signal_struct *signal)
{
	u32 sig = code & 0x7f;

	if (sig == SIGKILL && READ(signal, oom_mm))
		return PROCESS_OOM;
	if (sig)
		return PROCESS_SIGNAL;
	return code >> 8 & 0xff ? PROCESS_ERROR : PROCESS_OK;
}

/*
 * Where mark_victim passes only a pid (before 72ba14deb40a "mm: update mark_victim tracepoints fields", 6.8), the
 * OOM kill is counted when the victim exits.
 */
const volatile u32 arity_mark_victim SEC(".rodata");

/* The last thread of a process has ended. */
static __always_inline int process_ended(struct task_struct *task)
{
	struct task_struct *leader = READ(task, group_leader);
	struct signal_struct *signal = READ(task, signal);
	struct task_ctx *tc = task_ctx_get(leader);
	u32 identity = identity_current(), code, reason;
	u64 now;

	if (tc) {
		if (tc->exit_counted)
			return 0;
		tc->exit_counted = 1;
	}
	now = bpf_ktime_get_ns();
	code = exit_code(leader, signal);
	reason = exit_reason(code, signal);
	identity_ended(identity, reason != PROCESS_OK, reason == PROCESS_OOM);
	count_add(process_exits_total, identity, reason, 1);
	if (reason == PROCESS_OOM && arity_mark_victim < 2)
		count_add(oom_kills_total, identity, oom_tell_late(leader, identity), 1);
	hist_add(process_lifetime_seconds, identity, 0, now - READ(leader, start_time));
	cgroups_note(task, identity);
	if (!(READ(leader, flags) & PF_KTHREAD))
		exit_tell(leader, identity, code, reason);
	return 0;
}

TRACEPOINT(sched_process_exit, exit, struct task_struct *task)
{
	return exit_is_last(ctx, task) ? process_ended(task) : 0;
}

SEC("?tp/sched/sched_process_exit")
int exit_tp(struct trace_event_raw_sched_process_exit *event)
{
	struct task_struct *task = task_current();

	return exit_is_last_tp(event, task) ? process_ended(task) : 0;
}

/* Runs in the context of the task that needed memory; the victim is the argument, or its process id. */
TRACEPOINT(mark_victim, oom, struct task_struct *victim)
{
	struct task_ctx *tc;
	u32 identity;

	if (arity_mark_victim < 2)
		return oom_remember((u64)victim);
	tc = task_ctx_get(victim);
	identity = tc ? tc->identity : IDENTITY_OTHER;
	count_add(oom_kills_total, identity, oom_tell(victim, identity), 1);
	return 0;
}
