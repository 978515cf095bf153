/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which identity a task has: computes its key, and for a new key makes the row from which user space
 * names it. Everything is read here, in the context of the event, since a process that lives for a
 * millisecond is gone when user space looks.
 *
 * Process context only, and never under the run-queue lock.
 */
#ifndef TASK_BPF_H
#define TASK_BPF_H

#include "identity.bpf.h"
#include "script.h"

#define HIERARCHIES 16

/* Names of interpreters without their version. */
struct interpreter_name {
	char name[16];
};
struct TABLE(BPF_MAP_TYPE_HASH, struct interpreter_name, u32, 128, 0) interpreters SEC(".maps");

struct TABLE(BPF_MAP_TYPE_HASH, u32, struct proc_snapshot, 65536, BPF_F_NO_PREALLOC) proc_snapshots
	SEC(".maps");

/* A naming rule looks at arguments: processes with different arguments differ. */
const volatile bool want_args SEC(".rodata");

#define HASH_SEED 0xcbf29ce484222325ULL

static __always_inline u64 hash_words(u64 hash, const char *s, u32 size)
{
	for (u32 i = 0; i < size / sizeof(u64); i++)
		hash = hash_mix(hash, ((const u64 *)s)[i]);
	return hash;
}

__noinline int chain_dentry(u32 id, u64 leaf)
{
	struct dentry *dentry = (void *)leaf;
	struct identity *row = identity_row(id);

	if (!row)
		return 0;
	row->exe_len = 0;
	for (int i = 0; i < DEPTH && dentry; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		u32 len = row->exe_len;
		long n;

		if ((parent == dentry && len) || len >= IDENTITY_EXE)
			break;
		n = bpf_probe_read_kernel_str(&row->exe[len & (IDENTITY_EXE - 1)], IDENTITY_NAME,
					      BPF_CORE_READ(dentry, d_name.name));
		if (n <= 1)
			break;
		row->exe_len = len + n;
		dentry = parent;
	}
	return 0;
}

/* Adds the chains, leaving out a hierarchy that looks like the one before: on v1 a dozen say the same. */
static __always_inline void cgroup_chain(u32 id, struct cgroup *cgrp, int level, u64 *last)
{
	u64 leaf[4] = {}, same;

	bpf_probe_read_kernel_str(leaf, sizeof(leaf), BPF_CORE_READ(cgrp, kn, name));
	same = hash_mix(hash_mix(hash_mix(hash_mix(level, leaf[0]), leaf[1]), leaf[2]), leaf[3]);
	if (same != *last)
		chain_kernfs(id, (u64)BPF_CORE_READ(cgrp, kn));
	*last = same;
}

/*
 * Walks the cgroups of a css_set, one of each hierarchy (the named ones and v2 too). Returns the hash of
 * their ids; with the number of a row adds the chains there.
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
			cgroup_chain(id, cgrp, level, &last);
	}
	return hash;
}

/* Looks for the script in the row's arguments; the room for the executable is still free to work in. */
__noinline int row_scan(u32 id)
{
	struct identity *row = identity_row(id);

	if (row)
		script_scan(row->args, row->args_len, (void *)row->exe);
	return 0;
}

__noinline int row_script(u32 id)
{
	struct identity *row = identity_row(id);
	struct script_scan *scan;
	u32 len;

	if (!row)
		return 0;
	scan = (void *)row->exe;
	len = script_base(scan);
	if (len >= IDENTITY_SCRIPT)
		len = IDENTITY_SCRIPT - 1;
	row->script_len = len;
	barrier_var(len); /* the compiler knows that it fits, the verifier does not */
	bpf_probe_read_kernel(row->script, len & (IDENTITY_SCRIPT - 1),
			      &row->args[scan->at & (IDENTITY_ARGS - 1)]);
	return 0;
}

/* The executable's file name, as far as it tells files apart that follow each other in one inode. */
struct file_name {
	char name[64];
};

static __always_inline bool is_interpreter(struct file_name *file)
{
	struct interpreter_name key;

#pragma unroll
	for (u32 i = 0; i < sizeof(key.name); i++) {
		u64 c = (u8)file->name[i];
		u64 digit = SCRIPT_LESS(c, '9' + 1) & SCRIPT_LESS('.' - 1, c);

		key.name[i] = c & (digit - 1); /* python3.11: python */
	}
	return bpf_map_lookup_elem(&interpreters, &key);
}

/* The first arguments of the task that runs here. */
static __always_inline u32 args_read(struct task_struct *task, struct identity *row)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long end = BPF_CORE_READ(task, mm, arg_end);
	u32 len = end > start ? end - start : 0;

	if (len > IDENTITY_ARGS)
		len = IDENTITY_ARGS;
	barrier_var(len); /* the compiler knows that it fits, the verifier does not */
	len &= 2 * IDENTITY_ARGS - 1;
	return bpf_probe_read_user(row->args, len, (void *)start) ? 0 : len;
}

/*
 * A file of many names (busybox, Debian's redis-server) is called what it was started as. That is in comm
 * at exec; later it may have become anything.
 */
static __always_inline void program_alias(struct identity *row, struct file_name *file)
{
	u64 comm[2] = {}, name[2];
	u8 first;

	bpf_get_current_comm(comm, sizeof(comm));
	__builtin_memcpy(name, file->name, sizeof(name));
	((char *)name)[15] = '\0';
	first = comm[0];
	if (comm[0] == name[0] && comm[1] == name[1])
		return;
	if (comm[0] == 0x657865 /* /proc/self/exe */ ||
	    (first >= '0' && first <= '9') /* /dev/fd/3 */)
		return;
	__builtin_memcpy(row->script, comm, sizeof(comm));
	row->script_len = sizeof(comm);
}

/* What the task that runs here has just become by exec. */
static __always_inline void program_exec(struct task_struct *task, u32 id, struct identity *row,
					 struct file_name *file)
{
	bool interpreter = is_interpreter(file);

	if (want_args || interpreter)
		row->args_len = args_read(task, row);
	if (interpreter) {
		row_scan(id);
		row_script(id);
	}
	if (!row->script_len)
		program_alias(row, file);
}

/* What the scan of /proc found out about a task that was there before. */
static __always_inline void program_snapshot(struct task_struct *task, struct identity *row)
{
	u32 tgid = BPF_CORE_READ(task, tgid);
	struct proc_snapshot *snapshot = bpf_map_lookup_elem(&proc_snapshots, &tgid);

	if (!snapshot)
		return;
	row->args_len = snapshot->len;
	row->script_len = sizeof(row->script);
	bpf_probe_read_kernel(row->args, sizeof(row->args), snapshot->args);
	bpf_probe_read_kernel(row->script, sizeof(row->script), snapshot->name);
}

/* The part of the key that the program makes. Kernel threads have no memory of their own: 0. */
static __always_inline u64 program_hash(struct task_struct *task, u32 id, struct identity *row,
					bool exec)
{
	struct file_name name = {};
	u64 hash = HASH_SEED;
	struct file *file;

	row->kernel = !BPF_CORE_READ(task, mm) || BPF_CORE_READ(task, flags) & PF_KTHREAD;
	row->script_len = row->args_len = row->exe_len = 0;
	if (row->kernel)
		return 0;
	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		return 1;
	bpf_probe_read_kernel_str(name.name, sizeof(name.name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	__builtin_memset(row->script, 0, sizeof(row->script));
	__builtin_memset(row->args, 0, sizeof(row->args));
	if (exec)
		program_exec(task, id, row, &name);
	else
		program_snapshot(task, row);
	hash = hash_words(hash, name.name, sizeof(name.name));
	hash = hash_mix(hash, BPF_CORE_READ(file, f_inode, i_ino));
	hash = hash_mix(hash, BPF_CORE_READ(file, f_inode, i_sb, s_dev));
	hash = hash_words(hash, row->script, sizeof(row->script));
	return want_args ? hash_words(hash, row->args, sizeof(row->args)) : hash;
}

/* The program did not change: neither did what is known about it. */
static __always_inline void program_copy(struct identity *row, u32 from)
{
	struct identity *old = identity_row(from);

	if (!old)
		return;
	row->kernel = old->kernel;
	row->exe_len = old->exe_len;
	row->script_len = old->script_len;
	row->args_len = old->args_len;
	bpf_probe_read_kernel(row->exe, sizeof(row->exe), old->exe);
	bpf_probe_read_kernel(row->script, sizeof(row->script), old->script);
	bpf_probe_read_kernel(row->args, sizeof(row->args), old->args);
}

/* The identity with the row's key, if there is one; the row's number is free again then. */
static __always_inline u32 *identity_known(struct task_struct *task, struct task_ctx *tc, u32 id,
					   struct identity *row)
{
	u32 *found;

	row->key.cgroups = cgroups_walk((u64)BPF_CORE_READ(task, cgroups), 0);
	row->key.program = tc->program;
	row->key.port = tc->port;
	found = bpf_map_lookup_elem(&identity_ids, &row->key);
	if (found)
		id_free(&free_identities, id);
	return found;
}

static __always_inline u32 identity_make(struct task_struct *task, u32 id, struct identity *row)
{
	row->pid = BPF_CORE_READ(task, tgid);
	row->cgroups_len = 0;
	cgroups_walk((u64)BPF_CORE_READ(task, cgroups), id);
	return identity_publish(id, row);
}

/*
 * Finds the identity of a task whose program is new (exec, or else first sight), or makes it. A row is taken
 * first, since it is the only room for names that nobody else writes.
 */
static __always_inline u32 identity_find(struct task_struct *task, struct task_ctx *tc, bool exec)
{
	u32 id, *found;
	struct identity *row = identity_take(&id);

	if (!row)
		return IDENTITY_OTHER;
	tc->program = program_hash(task, id, row, exec);
	found = identity_known(task, tc, id, row);
	if (found)
		return *found;
	if (!row->kernel)
		chain_dentry(id, (u64)BPF_CORE_READ(task, mm, exe_file, f_path.dentry));
	return identity_make(task, id, row);
}

/* The same for a task that changed its cgroup or its port and runs the program that it ran before. */
static __always_inline u32 identity_move(struct task_struct *task, struct task_ctx *tc)
{
	u32 id, *found;
	struct identity *row = identity_take(&id);

	if (!row)
		return IDENTITY_OTHER;
	found = identity_known(task, tc, id, row);
	if (found)
		return *found;
	program_copy(row, tc->identity);
	return identity_make(task, id, row);
}

#endif
