/* SPDX-License-Identifier: GPL-2.0-only */
/* What the event log has of processes: fork, exec, exit, and victims of the OOM killer. */
#ifndef PROCESS_EVENT_BPF_H
#define PROCESS_EVENT_BPF_H

#include "cgroup.bpf.h"
#include "event.bpf.h"
#include "process.h"

/* Called with the run queue's lock held, where forks are seen at the child's first wake-up. */
static __always_inline void fork_tell(struct task_struct *child, u32 identity)
{
	struct ring_process e = {};

	if (!events_wanted())
		return;
	event_head(&e.head, RING_FORK, identity);
	event_process(&e.head, e.parent_comm, child);
	e.since_ns = READ(child, start_time);
	event_send(RING_FORK, &e, sizeof(e));
}

static __always_inline void exec_tell(struct task_struct *task, u32 identity)
{
	struct ring_process e = {};
	struct inode *inode;

	if (!events_wanted())
		return;
	event_head(&e.head, RING_EXEC, identity);
	event_process(&e.head, e.parent_comm, task);
	e.since_ns = READ(task, start_time);
	inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
	e.inode = BPF_CORE_READ(inode, i_ino);
	e.size = BPF_CORE_READ(inode, i_size);
	e.mtime_ns = inode_mtime_ns(inode);
	e.device = BPF_CORE_READ(inode, i_sb, s_dev);
	event_send(RING_EXEC, &e, sizeof(e));
}

static __always_inline void exit_tell(struct task_struct *leader, u32 identity, u32 code,
				      u32 reason)
{
	struct ring_process e = {};

	if (!events_wanted())
		return;
	event_head(&e.head, RING_EXIT, identity);
	event_process(&e.head, e.parent_comm, leader);
	e.since_ns = READ(leader, start_time);
	e.code = code;
	e.reason = reason;
	event_send(RING_EXIT, &e, sizeof(e));
}

/* --- the OOM killer */

/*
 * A cgroup at its limit locks itself and all below it while it looks for a victim there: its own task, which wants memory.
 * Not where a limit is set below what is in use; nor have kernels without cgroup v1 such a lock since 6.11. There the cgroup that has
 * no room is taken for the reason.
 */
#define OOM_ROOM 64 /* pages */

static __always_inline bool oom_is_reason(struct mem_cgroup *memcg)
{
	bool has_lock = bpf_core_field_exists(memcg->oom_lock);
	u64 usage = BPF_CORE_READ(memcg, memory.usage.counter);

	if (has_lock && BPF_CORE_READ(memcg, oom_lock))
		return true;
	return usage + (has_lock ? 0 : OOM_ROOM) > BPF_CORE_READ(memcg, memory.max);
}

/* The highest memory cgroup that may be the reason; 0: none, the host is out of memory. */
__noinline u64 oom_cgroup(u64 css_set)
{
	struct cgroup_subsys_state *css = memory_css(css_set);
	u64 found = 0;

	for (int i = 0; i < CGROUP_LEVELS && css; i++) {
		struct mem_cgroup *memcg = container_of(css, struct mem_cgroup, css);

		if (oom_is_reason(memcg))
			found = (u64)memcg;
		css = BPF_CORE_READ(css, parent);
	}
	return found;
}

/* Why, and who needed memory: the running task. */
static __always_inline void oom_why(struct ring_oom *e)
{
	u64 set = (u64)BPF_CORE_READ(task_current(), cgroups);
	struct mem_cgroup *memcg = (void *)oom_cgroup(set);

	e->trigger = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->trigger_comm, sizeof(e->trigger_comm));
	e->scope = memcg ? OOM_CGROUP : memory_css(set) ? OOM_HOST : OOM_UNKNOWN;
	if (!memcg)
		return;
	e->limit_pages = BPF_CORE_READ(memcg, memory.max);
	bpf_probe_read_kernel_str(e->cgroup, sizeof(e->cgroup),
				  BPF_CORE_READ(memcg, css.cgroup, kn, name));
}

static __always_inline void oom_send(struct ring_oom *e, struct task_struct *victim, u32 identity)
{
	if (!events_wanted())
		return;
	event_head(&e->head, RING_OOM, identity);
	event_process(&e->head, e->parent_comm, victim);
	event_send(RING_OOM, e, sizeof(*e));
}

/* Returns the scope. */
static __always_inline u32 oom_tell(struct task_struct *victim, u32 identity)
{
	struct ring_oom e = {};

	oom_why(&e);
	oom_send(&e, victim, identity);
	return e.scope;
}

/* Where only the process id of a victim is told: why it will have to end. Who needs memory is in the same cgroup. */
struct TABLE(BPF_MAP_TYPE_LRU_HASH, u32, struct ring_oom, 64, 0) oom_victims SEC(".maps");

static __always_inline int oom_remember(u32 pid)
{
	struct ring_oom e = {};

	oom_why(&e);
	bpf_map_update_elem(&oom_victims, &pid, &e, BPF_ANY);
	return 0;
}

/* It ends now. Returns the scope. */
static __always_inline u32 oom_tell_late(struct task_struct *leader, u32 identity)
{
	u32 pid = READ(leader, tgid);
	struct ring_oom *why = bpf_map_lookup_elem(&oom_victims, &pid), e = {};

	if (why) {
		e = *why;
		bpf_map_delete_elem(&oom_victims, &pid);
	}
	oom_send(&e, leader, identity);
	return e.scope;
}

#endif
