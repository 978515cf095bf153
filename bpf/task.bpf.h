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

struct TABLE(BPF_MAP_TYPE_HASH, u32, struct seed, 65536, BPF_F_NO_PREALLOC) seeds SEC(".maps");

/* A naming rule looks at arguments: processes with different arguments differ. */
const volatile bool want_args SEC(".rodata");

#define HASH_SEED 0xcbf29ce484222325ULL

static __always_inline u64 hash_bytes(u64 hash, const char *s, u32 len, u32 max)
{
	for (u32 i = 0; i < max && i < len; i++)
		hash = (hash ^ (u8)s[i]) * 0x100000001b3ULL;
	return hash;
}

static __noinline u32 chain_dentry(struct identity *row, struct dentry *dentry)
{
	u32 len = 0;

	for (int i = 0; i < DEPTH && dentry; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		long n;

		if ((parent == dentry && len) || len >= IDENTITY_EXE)
			break;
		n = bpf_probe_read_kernel_str(&row->exe[len & (IDENTITY_EXE - 1)], IDENTITY_NAME,
					      BPF_CORE_READ(dentry, d_name.name));
		if (n <= 1)
			break;
		len += n;
		dentry = parent;
	}
	return len;
}

/*
 * Walks the task's cgroup of each hierarchy (css_set.cgrp_links: the named ones and v2 too). Without a
 * row it only makes the hash; with one, it adds the chains, leaving out a hierarchy that looks like the
 * one before (on v1 a dozen say the same).
 */
static __noinline u64 cgroups_walk(struct css_set *set, struct identity *row)
{
	struct list_head *head = &set->cgrp_links, *pos = BPF_CORE_READ(set, cgrp_links.next);
	u64 hash = 0, last = 0;
	u32 len = 0;

	for (int i = 0; i < HIERARCHIES && pos && pos != head; i++) {
		struct cgrp_cset_link *link = container_of(pos, struct cgrp_cset_link, cgrp_link);
		struct cgroup *cgrp = BPF_CORE_READ(link, cgrp);
		int level = BPF_CORE_READ(cgrp, level);

		pos = BPF_CORE_READ(link, cgrp_link.next);
		if (level <= 0)
			continue;
		hash = hash_mix(hash, BPF_CORE_READ(cgrp, kn, id)) ^ level;
		if (row) {
			u64 leaf[4] = {}, same;

			bpf_probe_read_kernel_str(leaf, sizeof(leaf), BPF_CORE_READ(cgrp, kn, name));
			same = hash_mix(hash_mix(hash_mix(hash_mix(level, leaf[0]), leaf[1]), leaf[2]),
					leaf[3]);
			if (same != last)
				len = chain_kernfs(row, BPF_CORE_READ(cgrp, kn), len);
			last = same;
		}
	}
	if (row)
		row->cgroups_len = len;
	return hash;
}

/* Reads what decides about the program beyond its file: arguments of interpreters, or of all. */
static __noinline u64 program_args(struct task_struct *task, struct mm_struct *mm, struct identity *row)
{
	unsigned long start = BPF_CORE_READ(mm, arg_start), end = BPF_CORE_READ(mm, arg_end);
	u32 tgid = task->tgid, len, name_len = 0, off, i;
	struct seed *seed = bpf_map_lookup_elem(&seeds, &tgid);
	u64 hash = HASH_SEED;

	if (task == (void *)bpf_get_current_task_btf()) {
		len = end > start ? end - start : 0;
		if (len > IDENTITY_ARGS)
			len = IDENTITY_ARGS;
		if (bpf_probe_read_user(row->args, len, (void *)start))
			len = 0;
	} else if (seed) {
		len = seed->len;
		bpf_probe_read_kernel(row->args, sizeof(row->args), seed->args);
	} else {
		len = 0;
	}
	if (len > IDENTITY_ARGS)
		len = IDENTITY_ARGS;
	row->args_len = len;
	if (want_args)
		hash = hash_bytes(hash, row->args, len, IDENTITY_ARGS);
	off = script_find(row->args, len, &name_len);
	if (name_len >= IDENTITY_SCRIPT)
		name_len = IDENTITY_SCRIPT - 1;
	for (i = 0; i < IDENTITY_SCRIPT - 1; i++) {
		if (i >= name_len)
			break;
		row->script[i] = row->args[(off + i) & (IDENTITY_ARGS - 1)];
		hash = (hash ^ (u8)row->script[i]) * 0x100000001b3ULL;
	}
	row->script[i & (IDENTITY_SCRIPT - 1)] = '\0';
	row->script_len = name_len;
	return hash;
}

static __always_inline bool is_interpreter(struct dentry *dentry)
{
	struct interpreter_name key = {};
	long n = bpf_probe_read_kernel_str(key.name, sizeof(key.name), BPF_CORE_READ(dentry, d_name.name));

	for (int i = sizeof(key.name) - 1; i > 0; i--) {
		char c = key.name[i];

		if (c && c != '.' && (c < '0' || c > '9'))
			break;
		key.name[i] = '\0';
	}
	return n > 1 && bpf_map_lookup_elem(&interpreters, &key);
}

/* The part of the key that the program makes. Kernel threads have no memory of their own: 0. */
static __noinline u64 program_hash(struct task_struct *task, struct identity *row)
{
	struct mm_struct *mm = task->mm;
	struct file *file;
	u64 hash = HASH_SEED;

	row->kernel = !mm || task->flags & PF_KTHREAD;
	row->script_len = row->args_len = row->exe_len = 0;
	if (row->kernel)
		return 0;
	file = BPF_CORE_READ(mm, exe_file);
	if (!file)
		return 1;
	hash = hash_mix(hash, BPF_CORE_READ(file, f_inode, i_ino));
	hash = hash_mix(hash, BPF_CORE_READ(file, f_inode, i_sb, s_dev));
	if (want_args || is_interpreter(BPF_CORE_READ(file, f_path.dentry)))
		hash = hash_mix(hash, program_args(task, mm, row));
	return hash;
}

/* The program did not change: neither did what is known about it. */
static __noinline void program_copy(struct identity *row, u32 from)
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

/*
 * Finds the task's identity, or makes it; `program` tells that its program is new (exec, first sight).
 * A row is taken first, since it is the only room for names that nobody else writes, and given back
 * when the identity is known.
 */
static __noinline u32 identity_find(struct task_struct *task, struct task_ctx *tc, bool program)
{
	struct mm_struct *mm = task->mm;
	struct identity *row;
	u32 id, *found;

	if (bpf_map_pop_elem(&free_identities, &id))
		return IDENTITY_OTHER;
	row = identity_row(id);
	if (!row)
		return IDENTITY_OTHER;
	if (program)
		tc->program = program_hash(task, row);
	row->key.cgroups = cgroups_walk(task->cgroups, NULL);
	row->key.program = tc->program;
	row->key.port = tc->port;
	found = bpf_map_lookup_elem(&identity_ids, &row->key);
	if (found) {
		u32 known = *found;

		bpf_map_push_elem(&free_identities, &id, 0);
		return known;
	}
	row->pid = task->tgid;
	if (!program)
		program_copy(row, tc->identity);
	else if (!row->kernel)
		row->exe_len = chain_dentry(row, BPF_CORE_READ(mm, exe_file, f_path.dentry));
	cgroups_walk(task->cgroups, row);
	return identity_publish(id, row);
}

#endif
