// SPDX-License-Identifier: GPL-2.0-only
/* Identities of tasks, from fork to exit. The object also contains the scheduler's programs and the task scan. */
#include "task.bpf.h"
#include "sched.bpf.h"
#include "task_scan.bpf.h"

/* Listening ports that a naming rule matches. */
struct TABLE(BPF_MAP_TYPE_HASH, u32, u32, 1024, BPF_F_NO_PREALLOC) listen_ports SEC(".maps");

TRACEPOINT(sched_process_fork, fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_ctx *from = task_ctx_get(parent);
	struct task_ctx *tc;

	if (!from && !typed) { /* perhaps without a task iterator */
		from = task_ctx_get_or_new(parent);
		if (from)
			task_discover(parent, from);
	}
	if (!from) /* the task scan will find both */
		return 0;
	tc = task_ctx_new(child);
	if (!tc)
		return 0;
	tc->program = from->program;
	tc->port = from->port;
	tc->identity = tc->before = from->identity;
	tc->gen = from->gen;
	tc->starting = preemptible;
	tc->watch = from->watch;
	if (READ(child, cgroups) != READ(parent, cgroups))
		task_move(child, tc);
	return 0;
}

/* Interrupts are disabled here. */
TRACEPOINT(sched_wakeup_new, wakeup_new, struct task_struct *child)
{
	return on_fork(ctx, task_current(), child);
}

TRACEPOINT(sched_process_exec, exec, struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get_or_new(task);

	if (!tc)
		return 0;
	tc->port = 0;
	tc->since_ns = bpf_ktime_get_ns();
	task_identify(task, tc, true);
	return 0;
}

SEC("?tp/sched/sched_process_exec")
int exec_tp(unsigned long long *ctx)
{
	return on_exec(ctx, task_current());
}

TRACEPOINT(cgroup_attach_task, cgroup_attach, struct cgroup *dst, const char *path,
	   struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get(task);

	if (tc)
		task_move(task, tc);
	return 0;
}

/*
 * A process that listens is no short command. If a rule matches the port, the process and its children get their own
 * identities. Only loaded for such a rule, or where the tcp family does not tell who listens.
 */
TRACEPOINT(inet_sock_set_state, listen, struct sock *sk, int oldstate, int newstate)
{
	struct task_struct *task = task_current();
	u32 port = READ(sk, __sk_common.skc_num);
	struct task_ctx *tc;

	if (newstate != 10 /* TCP_LISTEN */)
		return 0;
	tc = task_ctx_get(task);
	if (!tc)
		return 0;
	if (bpf_map_lookup_elem(&listen_ports, &port)) {
		tc->port = port;
		task_move(task, tc);
	}
	identity_serves(tc->identity);
	return 0;
}

/* Removes the entry of a task without storage. */
TRACEPOINT(sched_process_free, free, struct task_struct *task)
{
	u64 key = (u64)task;

	bpf_map_delete_elem(&tasks_by_address, &key);
	return 0;
}

/* Without a task iterator: each task is identified at its first return from a system call. */
TRACEPOINT(sys_exit, identify)
{
	struct task_struct *task = task_current();
	struct cpu *cpu = cpu_row();
	struct task_ctx *tc;

	if (!cpu || (cpu->identity != IDENTITY_UNKNOWN && cpu->identity != IDENTITY_OTHER))
		return 0;
	tc = task_ctx_get_or_new(task);
	if (tc && !tc->identity)
		task_discover(task, tc);
	return 0;
}
