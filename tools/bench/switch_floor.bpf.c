// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that notices slow system calls at a switch, beside what a program there that counts for tasks does anyway: to find what it
 * knows of both. Which call the task is in that leaves, since when it first left the CPU in it, and when it comes back how long ago that was.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rq {
	unsigned long long clock;
};

struct cfs_rq {
	struct rq *rq;
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
};

struct task_struct {
	int pid;
	struct sched_entity se;
};

struct pt_regs {
	long orig_ax;  /* x86-64 */
	int syscallno; /* arm64 */
};

#pragma clang attribute pop

struct left {
	__u64 ns;
	long call;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct left);
} left SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} noticing SEC(".maps");

#define SLOW_NS 500000

__u64 slow;

static __always_inline long call_of(struct task_struct *task)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);

	return bpf_core_field_exists(regs->orig_ax) ? regs->orig_ax : regs->syscallno;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(floor_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 zero = 0;
	__u64 *on = bpf_map_lookup_elem(&noticing, &zero), now = 0;
	struct left *from, *to;

	if (!on)
		return 0;
	from = prev->pid ? bpf_task_storage_get(&left, prev, NULL, 0) : NULL;
	to = next->pid ? bpf_task_storage_get(&left, next, NULL, 0) : NULL;
	if (!*on)
		return 0;
	now = prev->se.cfs_rq->rq->clock;
	if (from) {
		from->call = call_of(prev);
		from->ns = now;
	}
	if (to && to->ns && now - to->ns > SLOW_NS)
		slow++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
