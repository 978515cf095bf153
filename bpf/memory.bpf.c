// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: resident memory, major faults, stalls in direct reclaim. No program runs on page faults: the kernel counts
 * them per task, and they are read by the task scan, at the end of the task and when its identity changes.
 */
#include "cgroup.bpf.h"
#include "hist.bpf.h"

METRIC(major_faults_total);
METRIC(memory_reclaim_stall_seconds);

const volatile u32 page_size SEC(".rodata");

/* Marks the faults as counted before counting them: a task scan on another CPU must not count them twice. */
static __always_inline void faults_count(struct task_struct *task, struct task_ctx *tc,
					 u32 identity)
{
	u64 faults = READ(task, maj_flt), more = faults - tc->major_faults;

	if (!more)
		return;
	*(volatile u64 *)&tc->major_faults = faults;
	count_add(major_faults_total, identity, 0, more);
}

TRACEPOINT(sched_process_exit, exit, struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get(task);

	if (tc)
		faults_count(task, tc, identity_valid(tc->identity, tc->gen));
	return 0;
}

/* The core's programs on these hooks run first and leave the previous identity in `before`. */
static __always_inline int on_change(struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get(task);

	if (tc)
		faults_count(task, tc, tc->before);
	return 0;
}

TRACEPOINT(sched_process_exec, exec, struct task_struct *task)
{
	return on_change(task);
}

TRACEPOINT(cgroup_attach_task, cgroup_attach, struct cgroup *dst, const char *path,
	   struct task_struct *task)
{
	return on_change(task);
}

static __always_inline int reclaim_begin(void)
{
	struct task_ctx *tc = task_ctx_get(task_current());

	if (tc)
		tc->reclaim_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int reclaim_end(void)
{
	struct task_ctx *tc = task_ctx_get(task_current());

	if (!tc || !tc->reclaim_ns)
		return 0;
	hist_add(memory_reclaim_stall_seconds, identity_current(), 0,
		 bpf_ktime_get_ns() - tc->reclaim_ns);
	tc->reclaim_ns = 0;
	return 0;
}

/* Reclaim because the machine is short of memory. */
TRACEPOINT(mm_vmscan_direct_reclaim_begin, direct_begin)
{
	return reclaim_begin();
}

TRACEPOINT(mm_vmscan_direct_reclaim_end, direct_end)
{
	return reclaim_end();
}

/* Reclaim because the task's cgroup is at its limit. */
TRACEPOINT(mm_vmscan_memcg_reclaim_begin, memcg_begin)
{
	return reclaim_begin();
}

TRACEPOINT(mm_vmscan_memcg_reclaim_end, memcg_end)
{
	return reclaim_end();
}

/*
 * Each CPU's per-CPU offset: the distance from the address of a per-CPU variable to the CPU's own copy. Programs
 * cannot read __per_cpu_offset, but they get the address of each CPU's value of a table, and the table contains the
 * address that this is relative to.
 */
#define CPUS_MAX 1024

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, u64, CPUS_MAX, 0) percpu_offsets SEC(".maps");
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, u64, 1, 0) percpu_anchor SEC(".maps");

/* A pointer as a number: the verifier loses track of the type once the value went through a table. */
static __always_inline u64 address_of(void *volatile *room, void *pointer)
{
	*room = pointer;
	return *(volatile u64 *)room;
}

__noinline int percpu_offsets_find(void)
{
	u32 zero = 0;
	u64 *first = bpf_map_lookup_elem(&percpu_offsets, &zero), anchor;

	if (!mm_counts_by_cpu() || !first)
		return 0;
	anchor = map_percpu_address(address_of((void *volatile *)first, &percpu_anchor));
	for (u32 i = 0; i < CPUS_MAX && i < cpu_cnt; i++) {
		u32 cpu = i; /* its address is taken: the verifier keeps the bounds of i */
		u64 *offset = bpf_map_lookup_elem(&percpu_offsets, &cpu);
		void *value = bpf_map_lookup_percpu_elem(&percpu_anchor, &zero, cpu);

		if (offset && value)
			*offset = address_of((void *volatile *)offset, value) - anchor;
	}
	return 0;
}

/* The same as percpu_counter_sum(). */
__noinline u64 counter_sum(u64 counter)
{
	u64 sum, shares;

	if (!mm_counts_by_cpu())
		return 0;
	sum = BPF_CORE_READ((struct percpu_counter *)counter, count);
	shares = (u64)BPF_CORE_READ((struct percpu_counter *)counter, counters);
	for (u32 i = 0; i < CPUS_MAX && i < cpu_cnt; i++) {
		u32 cpu = i;
		u64 *offset = bpf_map_lookup_elem(&percpu_offsets, &cpu);
		s32 share = 0;

		if (offset)
			bpf_probe_read_kernel(&share, sizeof(share), (void *)(shares + *offset));
		sum += share;
	}
	return sum;
}

/* File, anonymous and shared pages; swapped-out pages (2) are not resident. */
static __always_inline s64 mm_resident(struct mm_struct *mm)
{
	if (!mm_counts_by_cpu())
		return mm_pages(mm);
	return counter_sum((u64)&mm->rss_stat[0]) + counter_sum((u64)&mm->rss_stat[1]) +
	       counter_sum((u64)&mm->rss_stat[3]);
}

#define MEMORY_NONE \
	(1ULL << 40) /* pages: the kernel's own value for none depends on the size of a page */

/* The tightest limit of the memory cgroup and those above, in pages, 0: there is none. */
__noinline u64 memory_limit(u64 css_set)
{
	u64 at = css_set + bpf_core_field_offset(struct css_set, subsys), tightest = MEMORY_NONE;
	struct cgroup_subsys_state *css = NULL;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return 0;
	at += bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(void *);
	bpf_probe_read_kernel(&css, sizeof(css), (void *)at);
	for (int i = 0; i < CGROUP_LEVELS && css; i++) {
		struct mem_cgroup *memcg = container_of(css, struct mem_cgroup, css);
		u64 max = BPF_CORE_READ(memcg, memory.max);

		if (max < tightest)
			tightest = max;
		css = BPF_CORE_READ(css, parent);
	}
	return tightest == MEMORY_NONE ? 0 : tightest;
}

/* The memory part of the task scan. */
SEC("?iter/task")
int memory_iter(struct bpf_iter__task *it)
{
	struct task_struct *task = it->task;
	struct task_totals *row;
	struct mm_struct *mm;
	struct task_ctx *tc;
	s64 pages = 0;

	if (!it->meta->seq_num)
		percpu_offsets_find();
	if (!task)
		return 0;
	tc = task_ctx_get(task);
	if (!tc)
		return 0;
	row = task_totals_row(tc->identity, tc->gen);
	if (!row)
		return 0;
	row->major_faults += task->maj_flt - tc->major_faults;
	if (task->pid == task->tgid)
		row->memory_limit_bytes =
			memory_limit((u64)BPF_CORE_READ(task, cgroups)) * page_size;
	mm = BPF_CORE_READ(task, mm); /* untyped: global functions take numbers */
	if (!mm || task->flags & PF_KTHREAD)
		return 0;
	if (mm_is_of(mm, task))
		pages = mm_resident(mm);
	row->resident_bytes += (pages + task_pages(task)) * page_size;
	return 0;
}
