/* SPDX-License-Identifier: GPL-2.0-only */
/* Of an attachment: the state of its tasks, from switch to switch, and what they wait for. */
#ifndef ATTACH_TASK_BPF_H
#define ATTACH_TASK_BPF_H

#include "attach.bpf.h"

static __always_inline void usage_read(struct attach_usage *u, struct task_struct *task)
{
	u->minor_faults = BPF_CORE_READ(task, min_flt);
	u->major_faults = BPF_CORE_READ(task, maj_flt);
	u->voluntary = BPF_CORE_READ(task, nvcsw);
	u->involuntary = BPF_CORE_READ(task, nivcsw);
	u->user_ns = BPF_CORE_READ(task, utime);
	u->system_ns = BPF_CORE_READ(task, stime);
}

#define USAGES (sizeof(struct attach_usage) / sizeof(u64))

/* Not under the lock of a run queue: the kernel may wake somebody for the memory. */
static __always_inline struct attach_task *attach_task_new(struct attach_state *state,
							   struct task_struct *task)
{
	struct attach_task new = {
		.call = -1,
		.wait = ATTACH_WAIT_CPU,
		.runtime_ns = BPF_CORE_READ(task, se.sum_exec_runtime),
		.run_delay_ns = BPF_CORE_READ(task, sched_info.run_delay),
	};
	struct attach_task *t;
	u64 key = (u64)task;

	usage_read(&new.usage, task);
	if (storage) {
		t = bpf_task_storage_get(&attach_tasks, task, &new, BPF_LOCAL_STORAGE_GET_F_CREATE);
		t = t
			    ?: bpf_task_storage_get(&attach_tasks, task, &new,
						    BPF_LOCAL_STORAGE_GET_F_CREATE);
	} else {
		bpf_map_update_elem(&attach_tasks_by_address, &key, &new, BPF_ANY);
		t = bpf_map_lookup_elem(&attach_tasks_by_address, &key);
	}
	if (!t)
		__sync_fetch_and_add(&state->tasks_lost, 1);
	return t;
}

static __always_inline struct attach_task *attach_task_get_or_new(struct attach_state *state,
								  struct task_struct *task)
{
	struct attach_task *t = attach_task_get(task);

	return t ?: attach_task_new(state, task);
}

static __always_inline bool task_in_iowait(struct task_struct *task)
{
	return typed ? BPF_CORE_READ_BITFIELD(task, in_iowait)
		     : BPF_CORE_READ_BITFIELD_PROBED(task, in_iowait);
}

static __always_inline u32 wait_by_state(u32 state)
{
	return state & TASK_UNINTERRUPTIBLE ? ATTACH_WAIT_DISK : ATTACH_WAIT_OTHER;
}

static __always_inline u32 wait_by_file(struct task_struct *task, u32 state)
{
	struct pt_regs *regs = task_registers(task);

	switch (file_type(task_descriptor_file((u64)task, CALL_ARG0(regs)))) {
	case S_IFSOCK:
		return ATTACH_WAIT_NETWORK;
	case S_IFIFO:
	case S_IFCHR:
		return ATTACH_WAIT_PIPE;
	case 0: /* of no file system: eventfd, timerfd, inotify */
		return ATTACH_WAIT_EVENT;
	}
	return wait_by_state(state);
}

/* What the task, which is not on a CPU, waits for. Outside of a call it is in a page fault. */
static __always_inline u32 wait_of(struct task_struct *task, s32 call)
{
	u32 state = task_state(task), flags;

	if (!state)
		return ATTACH_WAIT_CPU;
	if (task_in_iowait(task))
		return ATTACH_WAIT_DISK;
	if (call < 0)
		return wait_by_state(state);
	flags = call_flags[call & (SYSCALLS - 1)];
	if (flags & ATTACH_BY_FILE)
		return wait_by_file(task, state);
	return flags & ATTACH_BY_STATE ? wait_by_state(state) : flags & ATTACH_WAIT_MASK;
}

/* Counts what is known by now of its last wait: the wait for the CPU is, since it has come there. */
static __always_inline void wait_count(struct attach_sums *sums, struct attach_task *t,
				       u64 run_delay)
{
	u64 waited = run_delay - t->run_delay_ns, slept = t->slept_ns;
	u32 wait = t->wait;

	if (waited)
		__sync_fetch_and_add(&sums->run_queue_ns, waited);
	if (slept > waited && wait < ATTACH_WAITS)
		__sync_fetch_and_add(&sums->wait_ns[wait], slept - waited);
}

static __always_inline void usage_count(struct attach_usage *sums, struct attach_task *t,
					struct task_struct *task)
{
	struct attach_usage now;
	u64 *sum = (u64 *)sums, *counted = (u64 *)&t->usage, *value = (u64 *)&now;

	usage_read(&now, task);
	for (u32 i = 0; i < USAGES; i++)
		__sync_fetch_and_add(&sum[i], value[i] - counted[i]);
	t->usage = now;
}

static __always_inline u64 sched_arrival(struct task_struct *task)
{
	return has_run_queue() ? READ(task, sched_info.last_arrival) : 0;
}

/*
 * The task runs: how long was it away from the CPU? The scheduler tells when it came: not every switch is seen. One that was away
 * when it was marked was so at least from then on.
 */
static __always_inline void task_came(struct attach_task *t, struct task_struct *task,
				      u64 arrival_clock, u64 now)
{
	u64 away, ran;

	if (!t->left_ns)
		return;
	if (!t->left_clock || !arrival_clock) {
		away = now - t->left_ns;
		ran = BPF_CORE_READ(task, se.sum_exec_runtime) - t->runtime_ns;
		away -= ran < away ? ran : away;
	} else
		away = arrival_clock > t->left_clock ? arrival_clock - t->left_clock : 0;
	t->left_ns = 0;
	t->away_ns += away;
	t->slept_ns = t->wait < ATTACH_WAITS ? away : 0;
	if (away <= t->longest_ns)
		return;
	t->longest_ns = away;
	t->longest_wait = t->wait;
	t->longest_waker = t->waker;
}

/* The scheduler has just charged the task for its run time, and had for its wait when it came. */
static __always_inline void task_leaves(struct attach_state *state, struct attach_task *t,
					struct task_struct *task, bool preempt, u64 now)
{
	u64 runtime = READ(task, se.sum_exec_runtime), delay = READ(task, sched_info.run_delay);

	task_came(t, task, sched_arrival(task), now);
	__sync_fetch_and_add(&state->sums.cpu_ns, runtime - t->runtime_ns);
	wait_count(&state->sums, t, delay);
	t->runtime_ns = runtime;
	t->run_delay_ns = delay;
	t->slept_ns = 0;
	t->left_ns = task_state(task) & TASK_DEAD ? 0 : now;
	t->left_clock = switch_clock(task);
	t->waker.kind = WAKER_UNKNOWN;
	t->wait = preempt ? ATTACH_WAIT_CPU : wait_of(task, t->call);
}

static __always_inline void underway_look(struct attach_state *state, struct attach_task *t,
					  struct task_struct *task)
{
	struct pt_regs *regs = task_registers(task);
	struct attach_underway *u;
	u32 i = state->underway_cnt;

	if (t->call < 0 || call_flags[t->call & (SYSCALLS - 1)] & ATTACH_ON_PURPOSE)
		return;
	state->underway_cnt++;
	if (i >= ATTACH_UNDERWAY)
		return;
	u = &state->underway[i];
	u->pid = task->tgid;
	u->tid = task->pid;
	u->call = t->call;
	u->wait = t->left_ns && !task->on_cpu ? t->wait : ATTACH_WAIT_CPU;
	u->since_ns = t->enter_ns;
	u->args[0] = CALL_ARG0(regs);
	u->args[1] = CALL_ARG1(regs);
	u->args[2] = CALL_ARG2(regs);
	bpf_probe_read_kernel(u->comm, sizeof(u->comm), task->comm);
}

/* What the task has not told yet. It may be switched meanwhile, and has told some of it then: user space clamps. */
static __always_inline void task_look(struct attach_state *state, struct attach_task *t,
				      struct task_struct *task)
{
	struct attach_usage *sums = &state->now.usage, usage;
	struct attach_sums *now = &state->now;
	u64 left_ns = t->left_ns, runtime = task->se.sum_exec_runtime, counted = t->runtime_ns;
	u64 time = bpf_ktime_get_ns();
	u32 wait = t->wait;

	now->cpu_ns += runtime > counted ? runtime - counted : 0;
	usage_read(&usage, task);
	for (u32 i = 0; i < USAGES; i++)
		((u64 *)sums)[i] += ((u64 *)&usage)[i] - ((u64 *)&t->usage)[i];
	if (!left_ns || task->on_cpu)
		wait_count(now, t, task->sched_info.run_delay);
	else if (time > left_ns && wait < ATTACH_WAITS)
		now->wait_ns[wait] += time - left_ns;
	else if (time > left_ns)
		now->run_queue_ns += time - left_ns;
	underway_look(state, t, task);
}

#endif
