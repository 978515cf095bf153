// SPDX-License-Identifier: GPL-2.0-only
/*
 * Identities of tasks from birth to death, who runs on each CPU, and what the scheduler tells for free:
 * time on the CPU and time waiting for it.
 */
#include "task.bpf.h"

METRIC(cpu_seconds_total);
METRIC(run_queue_wait_seconds);

/* Slots of the metrics that every context switch counts, by identity. */
struct sched_slots {
	u32 cpu, wait;
};
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct sched_slots, 1, BPF_F_MMAPABLE) sched_slots
	SEC(".maps");

/* Listening ports that a naming rule asks for. */
struct TABLE(BPF_MAP_TYPE_HASH, u32, u32, 1024, BPF_F_NO_PREALLOC) listen_ports SEC(".maps");

static __always_inline struct task_ctx *task_ctx_new(struct task_struct *task)
{
	/* What it has used so far was used before we came; complete at once, for it may be running. */
	struct task_ctx new = {
		.runtime_ns = BPF_CORE_READ(task, se.sum_exec_runtime),
		.run_delay_ns = BPF_CORE_READ(task, sched_info.run_delay),
		.major_faults = BPF_CORE_READ(task, maj_flt),
	};
	u64 key = (u64)task;

	if (storage)
		return bpf_task_storage_get(&tasks, task, &new, BPF_LOCAL_STORAGE_GET_F_CREATE);
	new.tid = BPF_CORE_READ(task, pid);
	new.tgid = BPF_CORE_READ(task, tgid);
	bpf_map_update_elem(&tasks_by_address, &key, &new, BPF_ANY);
	return bpf_map_lookup_elem(&tasks_by_address, &key);
}

static __always_inline struct task_ctx *task_ctx_make(struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get(task);

	return tc ?: task_ctx_new(task);
}

static __always_inline void task_ctx_set(struct task_struct *task, struct task_ctx *tc,
					 u32 identity)
{
	if (tc->identity)
		tc->moved_ns = BPF_CORE_READ(task, se.sum_exec_runtime);
	tc->before = tc->identity;
	tc->identity = identity;
	tc->gen = identity_gen(identity);
}

/* Whoever runs here may have become another. */
static __always_inline void cpu_note(struct task_struct *task, const struct task_ctx *tc)
{
	struct cpu *cpu = cpu_row();

	if (!cpu || (u64)task != bpf_get_current_task())
		return;
	cpu->gen = tc->gen;
	cpu->identity = tc->identity;
}

static __always_inline void task_identify(struct task_struct *task, struct task_ctx *tc, bool exec)
{
	task_ctx_set(task, tc, identity_find(task, tc, exec));
	cpu_note(task, tc);
}

static __always_inline void task_move(struct task_struct *task, struct task_ctx *tc)
{
	task_ctx_set(task, tc, identity_move(task, tc));
	cpu_note(task, tc);
}

/* A task that came before us is identified. */
static __always_inline void task_first(struct task_struct *task, struct task_ctx *tc)
{
	u32 tgid = BPF_CORE_READ(task, tgid);
	struct proc_snapshot *snapshot = bpf_map_lookup_elem(&proc_snapshots, &tgid);

	if (snapshot)
		tc->port = snapshot->port;
	task_identify(task, tc, false);
}

TRACEPOINT(sched_process_fork, fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_ctx *from = task_ctx_get(parent);
	struct task_ctx *tc;

	if (!from && !typed) { /* there may be no iterator */
		from = task_ctx_make(parent);
		if (from)
			task_first(parent, from);
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
	if (READ(child, cgroups) != READ(parent, cgroups))
		task_move(child, tc);
	return 0;
}

TRACEPOINT(sched_process_exec, exec, struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_make(task);

	if (!tc)
		return 0;
	tc->port = 0;
	task_identify(task, tc, true);
	return 0;
}

TRACEPOINT(cgroup_attach_task, cgroup_attach, struct cgroup *dst, const char *path,
	   struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get(task);

	if (tc)
		task_move(task, tc);
	return 0;
}

/* Only loaded when a rule names a port: the process that listens there, and its children, differ. */
TRACEPOINT(inet_sock_set_state, listen, struct sock *sk, int oldstate, int newstate)
{
	struct task_struct *task = task_current();
	u32 port = READ(sk, __sk_common.skc_num);
	struct task_ctx *tc;

	if (newstate != 10 /* TCP_LISTEN */ || !bpf_map_lookup_elem(&listen_ports, &port))
		return 0;
	tc = task_ctx_get(task);
	if (!tc)
		return 0;
	tc->port = port;
	task_move(task, tc);
	return 0;
}

/* Of the runtime that has not been counted, what the task used as the identity that it was before. */
static __always_inline u64 runtime_before(const struct task_ctx *tc)
{
	return tc->moved_ns > tc->runtime_ns ? tc->moved_ns - tc->runtime_ns : 0;
}

/*
 * Who leaves the CPU has just been charged for its time, and for its wait when it came. Both are compared
 * with what the task had at the end of its last turn, not at the start of this one: there are machines
 * where the switch from the idle task is not to be seen on every CPU.
 */
static __always_inline void account(struct cpu *cpu, struct task_struct *prev, struct task_ctx *tc)
{
	u64 runtime = READ(prev, se.sum_exec_runtime), ran = runtime - tc->runtime_ns;
	u64 run_delay = READ(prev, sched_info.run_delay), waited = run_delay - tc->run_delay_ns;
	u32 identity = identity_valid(tc->identity, tc->gen);
	struct sched_slots *slots = bpf_map_lookup_elem(&sched_slots, &identity);
	u64 before = runtime_before(tc);

	tc->runtime_ns = runtime;
	tc->run_delay_ns = run_delay;
	if (before) {
		ran -= before;
		counter_add_local(cpu, series_slot(cpu_seconds_total, tc->before, 0, false),
				  before);
	}
	if (!slots)
		return;
	if (!slots->cpu)
		slots->cpu = series_slot(cpu_seconds_total, identity, 0, false);
	counter_add_local(cpu, slots->cpu, ran);
	if (!slots->wait)
		slots->wait = series_slot(run_queue_wait_seconds, identity, 0, true);
	hist_add_local(slots->wait, waited);
}

TRACEPOINT(sched_switch, switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct cpu *cpu = cpu_row();
	struct task_ctx *tc;

	if (!cpu)
		return 0;
	if (READ(prev, pid)) {
		tc = task_ctx_get(prev);
		if (tc) {
			if (cpu->identity != IDENTITY_UNKNOWN)
				tc->enter_ns = cpu->enter_ns;
			account(cpu, prev, tc);
		}
	}
	cpu->identity = IDENTITY_UNKNOWN;
	if (!READ(next, pid))
		return 0;
	tc = task_ctx_find(next);
	if (tc) {
		cpu->enter_ns = tc->enter_ns;
		cpu->identity = identity_valid(tc->identity, tc->gen);
		cpu->gen = cpu->identity ? tc->gen : identity_gen(IDENTITY_OTHER);
	}
	return 0;
}

/* Without storage: the task is gone for good. */
TRACEPOINT(sched_process_free, free, struct task_struct *task)
{
	u64 key = (u64)task;

	bpf_map_delete_elem(&tasks_by_address, &key);
	return 0;
}

/* Where no iterator can go through the tasks, each is identified at the end of a system call. */
TRACEPOINT(sys_exit, identify)
{
	struct task_struct *task = task_current();
	struct cpu *cpu = cpu_row();
	struct task_ctx *tc;

	if (!cpu || (cpu->identity != IDENTITY_UNKNOWN && cpu->identity != IDENTITY_OTHER))
		return 0;
	tc = task_ctx_make(task);
	if (tc && !tc->identity)
		task_first(task, tc);
	return 0;
}

/*
 * What a task that runs has used since its last switch: the program above counts it at the next one, and
 * may do so now, on another CPU. User space sees to it that nothing is counted twice.
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

/* The task scan: every live task. Identifies those that started before the daemon. */
SEC("?iter/task")
int task_scan_iter(struct bpf_iter__task *it)
{
	struct task_struct *task = it->task;
	struct task_totals *row;
	struct task_ctx *tc;

	if (!task)
		return 0;
	tc = task_ctx_make(task);
	if (!tc)
		return 0;
	if (!tc->identity || identity_valid(tc->identity, tc->gen) != tc->identity)
		task_first(task, tc);
	row = task_totals_row(tc->identity, tc->gen);
	if (!row)
		return 0;
	row->tasks++;
	if (task->pid == task->tgid && task->signal->live.counter > 0)
		row->processes++;
	task_scan_runtime(task, tc, row);
	return 0;
}
