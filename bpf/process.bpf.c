// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes: what started, how it ended, how long it lived. The core's programs on the same hooks were
 * attached before and have already changed the identity.
 */
#include "core.bpf.h"
#include "process.h"

METRIC(process_starts_total);
METRIC(process_exits_total);
METRIC(process_lifetime_seconds);
METRIC(oom_kills_total);

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fork_btf, struct task_struct *parent, struct task_struct *child)
{
	struct task_ctx *tc;

	if (child->pid != child->tgid)
		return 0;
	tc = bpf_task_storage_get(&tasks, child, NULL, 0);
	if (tc)
		count_add(process_starts_total, tc->identity, 0, 1);
	return 0;
}

/* Whether the new identity is another service, user space knows: the dimension says what it was before. */
static __always_inline int on_change(struct task_struct *task)
{
	struct task_ctx *tc = bpf_task_storage_get(&tasks, task, NULL, 0);

	if (tc && tc->before != tc->identity)
		count_add(process_starts_total, tc->identity, 1 + tc->before, 1);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_btf, struct task_struct *task)
{
	return on_change(task);
}

SEC("?tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach_btf, struct cgroup *dst, const char *path, struct task_struct *task)
{
	return task->pid == task->tgid ? on_change(task) : 0;
}

#define SIGNAL_GROUP_EXIT 4
#define SIGKILL		  9

/* What wait(2) would say. */
static __always_inline u32 exit_reason(struct task_struct *leader, struct signal_struct *signal)
{
	int code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
	int sig = code & 0x7f;

	if (sig == SIGKILL && signal->oom_mm)
		return PROCESS_OOM;
	if (sig)
		return PROCESS_SIGNAL;
	return code >> 8 & 0xff ? PROCESS_ERROR : PROCESS_OK;
}

/* Newer kernels say whether it was the last thread; otherwise none must be left. */
const volatile u32 arity_sched_process_exit SEC(".rodata");

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(exit_btf, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	struct signal_struct *signal = task->signal;
	struct task_ctx *tc;
	u32 identity = identity_current();
	u64 now;

	if (arity_sched_process_exit > 1 ? !(bool)ctx[1] : signal->live.counter)
		return 0;
	tc = bpf_task_storage_get(&tasks, leader, NULL, 0);
	if (tc) {
		if (tc->gone)
			return 0;
		tc->gone = 1;
	}
	now = bpf_ktime_get_ns();
	count_add(process_exits_total, identity, exit_reason(leader, signal), 1);
	hist_add(process_lifetime_seconds, identity, 0, now - leader->start_time);
	return 0;
}

/* Runs in the context of who needed the memory: the victim is the argument. */
SEC("?tp_btf/mark_victim")
int BPF_PROG(oom_btf, struct task_struct *victim)
{
	struct task_ctx *tc = bpf_task_storage_get(&tasks, victim, NULL, 0);

	count_add(oom_kills_total, tc ? tc->identity : IDENTITY_OTHER, 0, 1);
	return 0;
}
