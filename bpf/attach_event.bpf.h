/* SPDX-License-Identifier: GPL-2.0-only */
/* Of an attachment: the last calls, and calls that are told one by one. */
#ifndef ATTACH_EVENT_BPF_H
#define ATTACH_EVENT_BPF_H

#include "attach.bpf.h"

#define PATH_DEPTH 24 /* components and mount points on the way to the root */

struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct attach_event, 1, 0) attach_scratch SEC(".maps");

static __always_inline struct attach_event *attach_scratch_get(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&attach_scratch, &zero);
}

static __always_inline void last_note(struct attach_state *state, struct attach_cpu *cpu, u64 id,
				      struct pt_regs *regs, s32 call, long ret, u64 now, u64 ns,
				      u32 died)
{
	struct attach_last *l;
	u32 row;

	if (state->ended)
		return;
	row = cpu_id() * ATTACH_LAST + cpu->last++ % ATTACH_LAST;
	l = bpf_map_lookup_elem(&attach_lasts, &row);
	if (!l)
		return;
	l->end_ns = now;
	l->ns = ns;
	l->ret = ret;
	l->args[0] = CALL_ARG0(regs);
	l->args[1] = CALL_ARG1(regs);
	l->args[2] = CALL_ARG2(regs);
	l->pid = id >> 32;
	l->tid = (u32)id;
	l->call = call;
	l->died = died;
}

static __always_inline struct mount *mount_of(u64 vfsmount)
{
	return (void *)(vfsmount - bpf_core_field_offset(struct mount, mnt));
}

/*
 * Appends the path of an entry of a mount, from its end to the running task's root, to the event. At the root of a mount it goes
 * on where that is mounted; where that is the same mount, it is at the root of all.
 */
__noinline int path_store(u64 leaf, u64 vfsmount)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct dentry *dentry = (void *)leaf, *root = BPF_CORE_READ(task, fs, root.dentry);
	struct mount *root_mnt = mount_of((u64)BPF_CORE_READ(task, fs, root.mnt));
	struct mount *mnt = mount_of(vfsmount);
	struct attach_event *e = attach_scratch_get();

	if (!e)
		return 0;
	for (int i = 0; i < PATH_DEPTH; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		struct mount *above = BPF_CORE_READ(mnt, mnt_parent);
		bool top = dentry == BPF_CORE_READ(mnt, mnt.mnt_root) || parent == dentry;
		u32 len = e->path_len;
		long n = 0;

		if (len >= ATTACH_PATH_SIZE || (top && (above == mnt || !above)) ||
		    (dentry == root && mnt == root_mnt))
			break;
		if (top)
			parent = BPF_CORE_READ(mnt, mnt_mountpoint);
		else
			n = bpf_probe_read_kernel_str(&e->path[len & (ATTACH_PATH_SIZE - 1)],
						      ATTACH_NAME,
						      BPF_CORE_READ(dentry, d_name.name));
		if (n < 0)
			break;
		e->path_len = len + n;
		mnt = top ? above : mnt;
		dentry = parent;
	}
	return 0;
}

static __always_inline void file_tell(struct attach_event *e, struct file *file, u32 flags,
				      struct pt_regs *regs)
{
	void *private;
	u32 type;

	if (!file)
		return;
	type = file_type(file);
	if (type == S_IFSOCK) {
		private = BPF_CORE_READ(file, private_data);
		e->object = ATTACH_SOCKET;
		ends_read(&e->ends, BPF_CORE_READ((struct socket *)private, sk));
		return;
	}
	e->object =
		type == S_IFREG || type == S_IFDIR || type == S_IFBLK ? ATTACH_FILE : ATTACH_PIPE;
	e->offset = flags & ATTACH_OFFSET ? CALL_ARG3(regs) : BPF_CORE_READ(file, f_pos);
	path_store((u64)BPF_CORE_READ(file, f_path.dentry), (u64)BPF_CORE_READ(file, f_path.mnt));
}

static __always_inline void path_tell(struct attach_event *e, const char *path)
{
	long n = bpf_probe_read_user_str(e->path, ATTACH_PATH_SIZE, path);

	if (n <= 1)
		return;
	e->object = ATTACH_PATH;
	e->path_len = n;
}

/* Why a call is told. */
#define CALL_LONGEST 1
#define CALL_SLOW    2
#define CALL_ON_FILE 4

/* User space, which comes some times a second, is woken once when the buffer fills up. */
static __always_inline u64 ring_flags(struct attach_state *state)
{
	if (state->woken ||
	    bpf_ringbuf_query(&attach_events, BPF_RB_AVAIL_DATA) <= state->wake_bytes)
		return BPF_RB_NO_WAKEUP;
	state->woken = 1;
	return BPF_RB_FORCE_WAKEUP;
}

/* What the call that is described in the scratch was about: its descriptor, the one that it returned, or its path. */
static __always_inline void object_tell(struct attach_event *e, u32 flags)
{
	struct pt_regs *regs = task_registers(task_current());

	e->args[0] = CALL_ARG0(regs);
	e->args[1] = CALL_ARG1(regs);
	e->args[2] = CALL_ARG2(regs);
	if (flags & ATTACH_OPENS && e->ret >= 0)
		file_tell(e, descriptor_file(e->ret), 0, regs);
	else if (flags & (ATTACH_PATH0 | ATTACH_PATH1))
		path_tell(e, (void *)e->args[flags & ATTACH_PATH1 ? 1 : 0]);
	else if (flags & ATTACH_FD)
		file_tell(e, descriptor_file(e->args[0]), flags, regs);
}

static __always_inline u64 event_size(const struct attach_event *e)
{
	u64 len = e->path_len;

	barrier_var(len); /* the comparison is what the verifier goes by */
	if (len > sizeof(e->path))
		len = sizeof(e->path);
	return __builtin_offsetof(struct attach_event, path) + len;
}

/* Tells of the call in the scratch, which the running task returns from. 0: it was told. */
__noinline int call_tell(u32 nr, u32 is)
{
	struct attach_state *state = attach_state();
	struct attach_event *e = attach_scratch_get();
	u64 id = bpf_get_current_pid_tgid();

	if (!state || !e)
		return 1;
	e->pid = id >> 32;
	e->tid = (u32)id;
	e->object = ATTACH_NOTHING;
	e->ends.family = e->path_len = 0;
	e->longest = is & CALL_LONGEST;
	e->slow = !!(is & CALL_SLOW);
	e->on_file = !!(is & CALL_ON_FILE);
	e->kind = ATTACH_CALL;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	object_tell(e, call_flags[nr & (SYSCALLS - 1)]);
	if (is == CALL_ON_FILE && e->object != ATTACH_FILE)
		return 0;
	if (!bpf_ringbuf_output(&attach_events, e, event_size(e), ring_flags(state)))
		return 0;
	__sync_fetch_and_add(&state->events_lost, 1);
	return 1;
}

#endif
