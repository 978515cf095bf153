/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a task's cgroups do to it: CPU quotas, its own and those above, and how long it was short of something (PSI). Read
 * from the kernel's own structures, when an identity comes, for the tasks of each scan and at the end of each process: a
 * cgroup may have gone before user space could open its files.
 */
#ifndef CGROUP_BPF_H
#define CGROUP_BPF_H

#include "core.bpf.h"

#define CGROUP_LEVELS 32

/* What a controller has of the cgroup that a task is in. */
static __always_inline struct cgroup_subsys_state *css_of(u64 css_set, u32 controller)
{
	u64 at = css_set + bpf_core_field_offset(struct css_set, subsys);
	struct cgroup_subsys_state *css = NULL;

	bpf_probe_read_kernel(&css, sizeof(css), (void *)at + controller * sizeof(void *));
	return css;
}

/* The memory cgroup of a task; NULL: the kernel has none. */
static __always_inline struct cgroup_subsys_state *memory_css(u64 css_set)
{
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return NULL;
	return css_of(css_set, bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
}

/* All tasks with an identity are in the same cgroups. */
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct cgroup_usages, 1, BPF_F_MMAPABLE) cgroup_usages
	SEC(".maps");

/* The row's values of a cgroup; what it had before the identity came does not concern that. */
static __always_inline void usage_note(struct cgroup_usage *usage, u64 serial,
				       const struct cgroup_usage *now)
{
	if (usage->serial != serial) {
		usage->serial = 0;
		barrier();
		__builtin_memcpy(usage->counted, now->now, sizeof(now->now));
	}
	__builtin_memcpy(usage->now, now->now, sizeof(now->now));
	barrier();
	usage->serial = serial; /* last: user space checks this field */
}

/* Returns the number of the next one: the verifier, which would tell apart all that it may be, does not know it. */
__noinline u32 quota_note(u32 identity, u32 n, u64 task_group)
{
	struct cgroup_usages *row = bpf_map_lookup_elem(&cgroup_usages, &identity);
	struct task_group *tg = (void *)task_group;
	struct cgroup_usage now = {};

	if (!row || n >= CGROUP_QUOTAS || !has_quotas())
		return n;
	now.now[0] = (u32)BPF_CORE_READ(tg, cfs_bandwidth.nr_periods);
	now.now[1] = (u32)BPF_CORE_READ(tg, cfs_bandwidth.nr_throttled);
	now.now[2] = BPF_CORE_READ(tg, cfs_bandwidth.throttled_time);
	barrier_var(n); /* the compiler would drop the mask that the verifier needs */
	usage_note(&row->quota[n & (CGROUP_QUOTAS - 1)], BPF_CORE_READ(tg, css.serial_nr), &now);
	return n + 1;
}

#define QUOTA_NONE (~0ULL)

/* The tighter of this quota, in billionths of a CPU, and the task group's. */
__noinline u64 quota_tighter(u64 quota, u64 task_group)
{
	struct task_group *tg = (void *)task_group;
	u64 period_us, own;

	if (!has_quotas())
		return quota;
	period_us = (u64)BPF_CORE_READ(tg, cfs_bandwidth.period) / 1000;
	own = BPF_CORE_READ(tg, cfs_bandwidth.quota) * 1000000;
	return period_us && own / period_us < quota ? own / period_us : quota;
}

/*
 * Notes the quotas of the task group and of those above, the nearest CGROUP_QUOTAS that have one. Returns the tightest, in
 * billionths of a CPU, 0: there is none.
 */
__noinline u64 quotas_note(u32 identity, u64 task_group)
{
	struct task_group *tg = (void *)task_group;
	u64 tightest = QUOTA_NONE;
	u32 n = 0;

	if (!has_quotas())
		return 0;
	for (int i = 0; i < CGROUP_LEVELS && tg; i++) {
		if (BPF_CORE_READ(tg, cfs_bandwidth.quota) != QUOTA_NONE) {
			n = quota_note(identity, n, (u64)tg);
			tightest = quota_tighter(tightest, (u64)tg);
		}
		tg = BPF_CORE_READ(tg, parent);
	}
	return tightest == QUOTA_NONE ? 0 : tightest;
}

/* The kernel brings these totals up to date every two seconds, and for whoever reads the cgroup's files. */
__noinline int pressure_note(u32 identity, u64 cgroup)
{
	struct cgroup_usages *row = bpf_map_lookup_elem(&cgroup_usages, &identity);
	struct cgroup *cgrp = (void *)cgroup;
	u64 group = cgroup_pressure(cgrp);
	struct cgroup_usage now = {};

	if (!has_pressure() || !row || !group ||
	    !BPF_CORE_READ(cgrp, level)) /* the root's is the machine's */
		return 0;
	bpf_probe_read_kernel(now.now, pressure_cnt() * sizeof(u64),
			      (void *)group + bpf_core_field_offset(struct psi_group, total));
	usage_note(&row->pressure, BPF_CORE_READ(cgrp, self.serial_nr), &now);
	return 0;
}

/* Returns as quotas_note(). */
static __always_inline u64 cgroups_note(struct task_struct *task, u32 identity)
{
	if (!identity)
		return 0;
	pressure_note(identity, (u64)BPF_CORE_READ(task, cgroups, dfl_cgrp));
	if (!bpf_core_field_exists(task->sched_task_group))
		return 0;
	return quotas_note(identity, (u64)BPF_CORE_READ(task, sched_task_group));
}

#endif
