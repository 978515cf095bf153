/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The identity of a task: computes its key and, for a new key, fills in the row from which user space derives the
 * name. Everything is read here, at the time of the event: a process that lives for a millisecond has exited before
 * user space could look.
 *
 * Process context; on kernels that preempt programs on tracepoints a fork is seen under the run-queue lock of the child.
 */
#ifndef TASK_BPF_H
#define TASK_BPF_H

#include "cgroup.bpf.h"
#include "identity.bpf.h"
#include "missed.bpf.h"
#include "program.bpf.h"

#define HIERARCHIES 16

/* Appends the path, unless it equals the previous hierarchy's: on cgroup v1 a dozen hierarchies repeat it. */
static __always_inline void cgroup_path_append_new(u32 id, struct cgroup *cgrp, int level,
						   u64 *last)
{
	u64 leaf[4] = {}, same;

	bpf_probe_read_kernel_str(leaf, sizeof(leaf), BPF_CORE_READ(cgrp, kn, name));
	same = hash_mix(hash_mix(hash_mix(hash_mix(level, leaf[0]), leaf[1]), leaf[2]), leaf[3]);
	if (same != *last)
		cgroup_path_append(id, (u64)BPF_CORE_READ(cgrp, kn));
	*last = same;
}

/*
 * Visits the cgroups of a css_set, one per hierarchy (named hierarchies and v2 included). Returns the hash of their
 * ids; given the id of a row, also appends the paths to it.
 */
__noinline u64 cgroups_walk(u64 css_set, u32 id)
{
	struct css_set *set = (void *)css_set;
	struct list_head *head = &set->cgrp_links, *pos = BPF_CORE_READ(set, cgrp_links.next);
	u64 hash = 0, last = 0;

	for (int i = 0; i < HIERARCHIES && pos && pos != head; i++) {
		struct cgrp_cset_link *link = container_of(pos, struct cgrp_cset_link, cgrp_link);
		struct cgroup *cgrp = BPF_CORE_READ(link, cgrp);
		int level = BPF_CORE_READ(cgrp, level);

		pos = BPF_CORE_READ(link, cgrp_link.next);
		if (level <= 0)
			continue;
		hash = hash_mix(hash, BPF_CORE_READ(cgrp, kn, id)) ^ level;
		if (id)
			cgroup_path_append_new(id, cgrp, level, &last);
	}
	return hash;
}

/* The program has not changed: copies what is known about it. */
static __always_inline void program_copy(struct identity *row, u32 from)
{
	struct identity *old = identity_row(from);

	if (!old)
		return;
	row->kernel = old->kernel;
	row->exe_len = old->exe_len;
	row->name_len = old->name_len;
	row->args_len = old->args_len;
	bpf_probe_read_kernel(row->exe, sizeof(row->exe), old->exe);
	bpf_probe_read_kernel(row->name, sizeof(row->name), old->name);
	bpf_probe_read_kernel(row->args, sizeof(row->args), old->args);
}

/* The identity that already has this key, if any; the row is freed then. */
static __always_inline u32 *identity_known(struct task_struct *task, struct task_ctx *tc, u32 id,
					   struct identity *row)
{
	u32 *found;

	row->key.cgroups = cgroups_walk((u64)BPF_CORE_READ(task, cgroups), 0);
	row->key.program = tc->program;
	row->key.port = tc->port | (u64)tc->watch << IDENTITY_WATCH_SHIFT;
	found = bpf_map_lookup_elem(&identity_ids, &row->key);
	if (found)
		id_free(&free_identities, id);
	return found;
}

static __always_inline u32 identity_make(struct task_struct *task, u32 id, struct identity *row)
{
	row->pid = BPF_CORE_READ(task, tgid);
	row->parent = BPF_CORE_READ(task, real_parent, tgid);
	row->cgroups_len = 0;
	cgroups_walk((u64)BPF_CORE_READ(task, cgroups), id);
	return identity_publish(id, row);
}

/*
 * Finds or creates the identity of a task whose program is new (exec, or the task is seen for the first time). A row
 * is allocated first: it is the only space for names that nobody else writes.
 */
static __always_inline u32 identity_find(struct task_struct *task, struct task_ctx *tc, bool exec)
{
	u32 id, *found;
	struct identity *row = identity_alloc(&id);

	if (!row)
		return IDENTITY_OTHER;
	tc->program = program_hash(task, id, row, exec);
	found = identity_known(task, tc, id, row);
	if (found)
		return *found;
	if (!row->kernel)
		exe_path_store(id, (u64)BPF_CORE_READ(task, mm, exe_file, f_path.dentry));
	return identity_make(task, id, row);
}

/* What was known of the program goes on to be. */
static __always_inline u32 identity_inherit(u32 id, u32 from)
{
	struct identity_state *state = bpf_map_lookup_elem(&identity_states, &id);
	struct identity_state *before = bpf_map_lookup_elem(&identity_states, &from);

	if (state && before && before->matters)
		state->matters = 1;
	return id;
}

/* The same for a task that changed its cgroup, its port or who watches it, with the same program. */
static __always_inline u32 identity_move(struct task_struct *task, struct task_ctx *tc)
{
	u32 id, *found;
	struct identity *row = identity_alloc(&id);

	if (!row)
		return IDENTITY_OTHER;
	found = identity_known(task, tc, id, row);
	if (found)
		return *found;
	program_copy(row, tc->identity);
	return identity_inherit(identity_make(task, id, row), tc->identity);
}

/* The kernel allocates without waiting for locks that others hold: what it has not got at once it may get now. */
static __always_inline struct task_ctx *storage_create(struct task_struct *task,
						       struct task_ctx *new)
{
	struct task_ctx *tc =
		bpf_task_storage_get(&tasks, task, new, BPF_LOCAL_STORAGE_GET_F_CREATE);

	tc = tc ?: bpf_task_storage_get(&tasks, task, new, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return tc ?: bpf_task_storage_get(&tasks, task, new, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline struct task_ctx *task_ctx_new(struct task_struct *task)
{
	/* What it has used so far predates the daemon. Set all fields at once: the task may be running. */
	struct task_ctx new = {
		.runtime_ns = BPF_CORE_READ(task, se.sum_exec_runtime),
		.run_delay_ns = BPF_CORE_READ(task, sched_info.run_delay),
		.major_faults = BPF_CORE_READ(task, maj_flt),
		/* it may have been in its system call for long */
		.call = task_syscall(task),
		.left_ns = LEFT_LONG_AGO,
		.since_ns = BPF_CORE_READ(task, start_time),
		.tid = BPF_CORE_READ(task, pid),
		.tgid = BPF_CORE_READ(task, tgid),
	};
	u64 key = (u64)task;
	struct task_ctx *tc;

	tc = storage ? storage_create(task, &new) : NULL;
	if (tc)
		return tc;
	bpf_map_update_elem(&tasks_by_address, &key, &new, BPF_ANY);
	tc = bpf_map_lookup_elem(&tasks_by_address, &key);
	if (!tc) /* until the next scan it has no service: told as an event of the first family, core */
		count_add(service_events_lost_total, IDENTITY_OTHER, 0, 1);
	return tc;
}

static __always_inline struct task_ctx *task_ctx_get_or_new(struct task_struct *task)
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

/* The running task may have a new identity: updates the CPU's row. */
static __always_inline void cpu_update(struct task_struct *task, const struct task_ctx *tc)
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
	cpu_update(task, tc);
	cgroups_note(task, tc->identity);
}

static __always_inline void task_move(struct task_struct *task, struct task_ctx *tc)
{
	task_ctx_set(task, tc, identity_move(task, tc));
	cpu_update(task, tc);
	cgroups_note(task, tc->identity);
}

/* Identifies a task that started before the daemon. */
static __always_inline void task_discover(struct task_struct *task, struct task_ctx *tc)
{
	u32 tgid = BPF_CORE_READ(task, tgid);
	struct proc_snapshot *snapshot = bpf_map_lookup_elem(&proc_snapshots, &tgid);

	if (snapshot)
		tc->port = snapshot->port;
	task_identify(task, tc, false);
}

#endif
