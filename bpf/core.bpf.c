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

static __always_inline struct task_ctx *task_ctx_make(struct task_struct *task)
{
	return bpf_task_storage_get(&tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void task_ctx_set(struct task_ctx *tc, u32 identity)
{
	tc->before = tc->identity;
	tc->identity = identity;
	tc->gen = identity_gen(identity);
}

/* Whoever runs here may have become another. */
static __always_inline void cpu_note(struct task_struct *task, u32 identity)
{
	struct cpu *cpu = cpu_row();

	if (cpu && task == (void *)bpf_get_current_task_btf())
		cpu->identity = identity;
}

static __always_inline void task_identify(struct task_struct *task, struct task_ctx *tc, bool exec)
{
	task_ctx_set(tc, identity_find(task, tc, exec));
	cpu_note(task, tc->identity);
}

static __always_inline void task_move(struct task_struct *task, struct task_ctx *tc)
{
	task_ctx_set(tc, identity_move(task, tc));
	cpu_note(task, tc->identity);
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fork_btf, struct task_struct *parent, struct task_struct *child)
{
	struct task_ctx *from = bpf_task_storage_get(&tasks, parent, NULL, 0);
	struct task_ctx *tc;

	if (!from) /* the census will find both */
		return 0;
	tc = task_ctx_make(child);
	if (!tc)
		return 0;
	tc->program = from->program;
	tc->port = from->port;
	tc->identity = tc->before = from->identity;
	tc->gen = from->gen;
	if (child->cgroups != parent->cgroups)
		task_move(child, tc);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_btf, struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_make(task);

	if (!tc)
		return 0;
	tc->port = 0;
	task_identify(task, tc, true);
	return 0;
}

SEC("?tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach_btf, struct cgroup *dst, const char *path, struct task_struct *task)
{
	struct task_ctx *tc = bpf_task_storage_get(&tasks, task, NULL, 0);

	if (tc)
		task_move(task, tc);
	return 0;
}

/* Only loaded when a rule names a port: the process that listens there, and its children, differ. */
SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(listen_btf, struct sock *sk, int oldstate, int newstate)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 port = sk->__sk_common.skc_num;
	struct task_ctx *tc;

	if (newstate != 10 /* TCP_LISTEN */ || !bpf_map_lookup_elem(&listen_ports, &port))
		return 0;
	tc = bpf_task_storage_get(&tasks, task, NULL, 0);
	if (!tc)
		return 0;
	tc->port = port;
	task_move(task, tc);
	return 0;
}

/* What the task has used so far has been counted, or was used before we came. */
static __always_inline void account_start(struct task_struct *task, struct task_ctx *tc)
{
	tc->runtime_ns = task->se.sum_exec_runtime;
	tc->run_delay_ns = task->sched_info.run_delay;
}

/*
 * Who leaves the CPU has just been charged for its time, and for its wait when it came. Both are compared
 * with what the task had at the end of its last turn, not at the start of this one: there are machines
 * where the switch from the idle task is not to be seen on every CPU.
 */
static __always_inline void account(struct cpu *cpu, struct task_struct *prev, struct task_ctx *tc)
{
	u64 ran = prev->se.sum_exec_runtime - tc->runtime_ns;
	u64 waited = prev->sched_info.run_delay - tc->run_delay_ns;
	u32 identity = identity_valid(tc->identity, tc->gen);
	struct sched_slots *slots = bpf_map_lookup_elem(&sched_slots, &identity);

	account_start(prev, tc);
	if (!slots)
		return;
	if (!slots->cpu)
		slots->cpu = series_slot(cpu_seconds_total, identity, 0, false);
	counter_add_local(cpu, slots->cpu, ran);
	if (!slots->wait)
		slots->wait = series_slot(run_queue_wait_seconds, identity, 0, true);
	hist_add_local(slots->wait, waited);
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(switch_btf, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct cpu *cpu = cpu_row();
	struct task_ctx *tc;

	if (!cpu)
		return 0;
	if (prev->pid) {
		tc = bpf_task_storage_get(&tasks, prev, NULL, 0);
		if (tc) {
			if (cpu->identity != IDENTITY_UNKNOWN)
				tc->enter_ns = cpu->enter_ns;
			account(cpu, prev, tc);
		}
	}
	cpu->identity = IDENTITY_UNKNOWN;
	if (!next->pid)
		return 0;
	tc = task_ctx_find(next);
	if (tc) {
		cpu->enter_ns = tc->enter_ns;
		cpu->identity = identity_valid(tc->identity, tc->gen);
	}
	return 0;
}

/* The census, of each task that is alive. Identifies those that came before us. */
SEC("?iter/task")
int census_iter(struct bpf_iter__task *it)
{
	struct task_struct *task = it->task;
	struct identity_state *state;
	struct task_ctx *tc;
	struct seed *seed;
	u32 identity, tgid;

	if (!task)
		return 0;
	tc = task_ctx_make(task);
	if (!tc)
		return 0;
	if (!tc->identity || identity_valid(tc->identity, tc->gen) != tc->identity) {
		tgid = task->tgid;
		seed = bpf_map_lookup_elem(&seeds, &tgid);
		if (seed)
			tc->port = seed->port;
		if (!tc->identity)
			account_start(task, tc);
		task_identify(task, tc, false);
	}
	identity = tc->identity;
	state = bpf_map_lookup_elem(&identity_states, &identity);
	if (!state)
		return 0;
	state->tasks++;
	if (task->pid == task->tgid && task->signal->live.counter > 0)
		state->processes++;
	return 0;
}
