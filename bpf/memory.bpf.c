// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: resident memory, major faults, stalls in direct reclaim. No program runs on page faults: the kernel counts
 * them per task, and they are read by the task scan, at the end of the task and when its identity changes.
 */
#include "cgroup.bpf.h"
#include "hist.bpf.h"
#include "percpu.bpf.h"

METRIC(major_faults_total);
METRIC(memory_reclaim_stall_seconds);
METRIC(dirtied_bytes_total);

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

SEC("?tp/sched/sched_process_exit")
int exit_tp(unsigned long long *ctx)
{
	return on_exit(ctx, task_current());
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

SEC("?tp/sched/sched_process_exec")
int exec_tp(void *ctx)
{
	return on_change(task_current());
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

#define RECLAIM(event, name, edge)        \
	TRACEPOINT(event, name##_##edge)  \
	{                                 \
		return reclaim_##edge();  \
	}                                 \
	SEC("?tp/vmscan/" #event)         \
	int name##_##edge##_tp(void *ctx) \
	{                                 \
		return reclaim_##edge();  \
	}

/* Reclaim because the machine is short of memory. */
RECLAIM(mm_vmscan_direct_reclaim_begin, direct, begin)
RECLAIM(mm_vmscan_direct_reclaim_end, direct, end)
/* Reclaim because the task's cgroup is at its limit. */
RECLAIM(mm_vmscan_memcg_reclaim_begin, memcg, begin)
RECLAIM(mm_vmscan_memcg_reclaim_end, memcg, end)

/* Slots of the metric that every dirtied page updates, by identity. */
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, u32, 1, BPF_F_MMAPABLE) dirtied_slots SEC(".maps");

/* Runs with interrupts disabled, once for each clean page or folio that becomes dirty. */
static __always_inline int dirtied(u64 pages)
{
	u32 identity = identity_current();
	u32 *cache = bpf_map_lookup_elem(&dirtied_slots, &identity);

	if (cache)
		count_add_exclusive(SLOT_CACHED(cache, dirtied_bytes_total, identity, 0, false),
				    pages * page_size, false);
	return 0;
}

TRACEPOINT(writeback_dirty_folio, dirty_folio, struct folio *folio)
{
	return dirtied(folio_pages(folio));
}

TRACEPOINT(writeback_dirty_page, dirty_page)
{
	return dirtied(1);
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
	struct cgroup_subsys_state *css = memory_css(css_set);
	u64 tightest = MEMORY_NONE;

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
	if (task->pid == task->tgid &&
	    !row->memory_limit_bytes) /* all of an identity are in the same cgroups */
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
