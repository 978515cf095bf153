/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does I/O of a task's cgroup wait in an I/O limit (io.max, blkio.throttle.*) right now? What waits so completes never, or seldom: only
 * the kernel's own lists tell. They are read for tasks that hang.
 */
#ifndef IO_LIMIT_BPF_H
#define IO_LIMIT_BPF_H

#include "cgroup.bpf.h"

#define IO_LIMIT_LEVELS	  8 /* of cgroups */
#define IO_LIMIT_DISKS	  32
#define IO_LIMIT_POLICIES 8

#define TG_PENDING 1U /* THROTL_TG_PENDING: it is in the tree of those whose turn is to come */

/* Also in each function: before Linux 6.8 the verifier looks at those, too, that nobody calls. */
static __always_inline bool has_io_limits(void)
{
	return bpf_core_type_exists(struct throtl_grp) &&
	       bpf_core_field_exists(struct blkcg_gq, pd) &&
	       bpf_core_field_exists(struct request_queue, td) &&
	       bpf_core_enum_value_exists(enum cgroup_subsys_id, io_cgrp_id);
}

/* Of one disk. Of the policies the one of the limits has the disk's limits as its own. */
__noinline u64 io_waits_for_disk(u64 blkg_address)
{
	struct blkcg_gq *blkg = (void *)blkg_address;
	struct throtl_data *td;
	u64 at;

	if (!has_io_limits())
		return 0;
	td = BPF_CORE_READ(blkg, q, td);
	at = blkg_address + bpf_core_field_offset(struct blkcg_gq, pd);
	for (u32 i = 0; td && i < IO_LIMIT_POLICIES; i++) {
		struct throtl_grp *tg = NULL;

		if (i >= bpf_core_field_size(struct blkcg_gq, pd) / sizeof(void *))
			break;
		bpf_probe_read_kernel(&tg, sizeof(tg), (void *)at + i * sizeof(void *));
		if (tg && BPF_CORE_READ(tg, td) == td)
			return BPF_CORE_READ(tg, flags) & TG_PENDING;
	}
	return 0;
}

/* Of one cgroup. */
__noinline u64 io_waits_in(u64 blkcg)
{
	struct hlist_node *node;

	if (!has_io_limits())
		return 0;
	node = BPF_CORE_READ((struct blkcg *)blkcg, blkg_list.first);
	for (u32 i = 0; node && i < IO_LIMIT_DISKS; i++) {
		if (io_waits_for_disk((u64)container_of(node, struct blkcg_gq, blkcg_node)))
			return 1;
		node = BPF_CORE_READ(node, next);
	}
	return 0;
}

/*
 * Its own, or one above it, but for the root, which has no limit and passes on what waited below. In v1 limits are of one cgroup alone,
 * unless the kernel was told otherwise.
 */
static __always_inline bool io_is_limited(struct task_struct *task)
{
	struct cgroup_subsys_state *css, *above;
	struct css_set *set;
	bool is_v2;

	if (!has_io_limits())
		return false;
	set = BPF_CORE_READ(task, cgroups);
	css = css_of((u64)set, bpf_core_enum_value(enum cgroup_subsys_id, io_cgrp_id));
	is_v2 = BPF_CORE_READ(css, cgroup, root) == BPF_CORE_READ(set, dfl_cgrp, root);
	for (u32 i = 0; css && i < IO_LIMIT_LEVELS; i++) {
		above = BPF_CORE_READ(css, parent);
		if (above && io_waits_in((u64)container_of(css, struct blkcg, css)))
			return true;
		css = is_v2 ? above : NULL;
	}
	return false;
}

#endif
