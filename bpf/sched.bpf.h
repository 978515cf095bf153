/* SPDX-License-Identifier: GPL-2.0-only */
/* The scheduler: which task runs on each CPU, CPU time, run-queue wait. */
#ifndef SCHED_BPF_H
#define SCHED_BPF_H

#include "hist.bpf.h"
#include "missed.bpf.h"

METRIC(cpu_seconds_total);
METRIC(run_queue_wait_seconds);

/* Slots of the metrics that every context switch updates, by identity. */
struct sched_slots {
	u32 cpu, wait;
};
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct sched_slots, 1, BPF_F_MMAPABLE) sched_slots
	SEC(".maps");

/* The part of the runtime not yet counted that the task used under its previous identity. */
static __always_inline u64 runtime_before(const struct task_ctx *tc)
{
	return tc->moved_ns > tc->runtime_ns ? tc->moved_ns - tc->runtime_ns : 0;
}

/*
 * The scheduler has just charged the task that leaves the CPU for its run time, and had charged it for its wait when
 * it came. Both are compared with the values at the end of its previous time slice, not at the start of this one: on
 * some machines the switch from the idle task cannot be seen on every CPU.
 */
static __always_inline void task_account(struct cpu *cpu, struct task_struct *prev,
					 struct task_ctx *tc)
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
	counter_add_local(cpu, SLOT_CACHED(&slots->cpu, cpu_seconds_total, identity, 0, false),
			  ran);
	hist_add_local(cpu, SLOT_CACHED(&slots->wait, run_queue_wait_seconds, identity, 0, true),
		       waited);
}

/*
 * The task leaves the CPU: remembers what is known of its system call. Stamps of another call are those of one whose end
 * was not seen. With stamps, a call that has its result was preempted right before its end.
 */
static __always_inline void call_leave(const struct cpu *cpu, struct task_struct *prev,
				       struct task_ctx *tc, u64 now)
{
	struct pt_regs *regs = task_registers(prev);
	int call = task_calls(prev) ? CALL_NUMBER(regs) : -1;

	if (cpu->identity != IDENTITY_UNKNOWN) {
		tc->enter_ns = cpu->enter_ns;
		tc->left_ns = cpu->left_ns;
		tc->call = cpu->call;
	}
	if (call < 0 || call != tc->call)
		tc->enter_ns = tc->left_ns = 0;
	if (call < 0 || (task_call_done(regs) && !tc->enter_ns && !tc->left_ns))
		return;
	tc->call = call;
	tc->left_ns = tc->left_ns ?: now;
}

TRACEPOINT(sched_switch, switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct cpu *cpu = cpu_row();
	struct task_ctx *tc;
	u64 now;

	if (!cpu)
		return 0;
	now = cpu->slow_ns ? switch_clock(prev) : 0;
	if (READ(prev, pid)) {
		tc = task_ctx_get(prev);
		if (preemptible && missed_count(cpu->identity, tc)) /* the stamps are stale */
			cpu->enter_ns = cpu->left_ns = 0;
		if (tc) {
			if (cpu->slow_ns)
				call_leave(cpu, prev, tc, now);
			task_account(cpu, prev, tc);
			if (task_is_blocked(task_state(prev)))
				tc->blocked_ns = bpf_ktime_get_ns();
		}
	}
	cpu->identity = IDENTITY_UNKNOWN;
	if (!READ(next, pid))
		return 0;
	tc = task_ctx_get(next);
	call_resume(cpu, tc, now);
	tc = tc ?: task_ctx_leader(next);
	if (tc) {
		cpu->identity = identity_valid(tc->identity, tc->gen);
		cpu->gen = cpu->identity ? tc->gen : identity_gen(IDENTITY_OTHER);
	}
	return 0;
}

#endif
