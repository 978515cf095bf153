/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a process runs: its program's path, name and part of the key. The name is that of the script where an interpreter
 * runs one, otherwise that by which the program was started, which a file may have several of (busybox).
 */
#ifndef PROGRAM_BPF_H
#define PROGRAM_BPF_H

#include "identity.bpf.h"
#include "script.h"

#define EXE_DEPTH 16 /* components of the executable's path at most */

/* Of user/service/interpreter.c. */
struct TABLE(BPF_MAP_TYPE_HASH, u64, u32, 1024, 0) script_rows SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct script_class, SCRIPT_CLASSES, 0) script_classes
	SEC(".maps");

struct TABLE(BPF_MAP_TYPE_HASH, u32, struct proc_snapshot, 65536, BPF_F_NO_PREALLOC) proc_snapshots
	SEC(".maps");

/* A naming rule matches arguments, so processes with different arguments have different identities. */
const volatile bool want_args SEC(".rodata");

/* Stores the reversed path of the executable. */
__noinline int exe_path_store(u32 id, u64 leaf)
{
	struct dentry *dentry = (void *)leaf;
	struct identity *row = identity_row(id);

	if (!row)
		return 0;
	row->exe_len = 0;
	for (int i = 0; i < EXE_DEPTH && dentry; i++) {
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

/* --- the name */

static inline const u32 *script_row(u64 key)
{
	return bpf_map_lookup_elem(&script_rows, &key);
}

static inline const struct script_class *script_class(u32 class)
{
	return bpf_map_lookup_elem(&script_classes, &class);
}

/*
 * The searches below keep their state where the executable's path will be. What has been found as a name stays in it until
 * it is copied to the row.
 */
static __always_inline struct script *row_scratch(u32 id)
{
	struct identity *row = identity_row(id);

	_Static_assert(sizeof(struct script) <= sizeof(row->exe), "scratch space");
	return row ? (struct script *)row->exe : NULL;
}

__noinline int row_script_step(u32 id)
{
	struct script *s = row_scratch(id);

	return s && script_step(s);
}

/* The address of the argument that names the program, 0: none does. */
__noinline u64 row_script(u32 id, u32 class, u64 start, u64 end)
{
	struct script *s = row_scratch(id);

	if (!s)
		return 0;
	script_begin(s, class, start, end);
	for (u32 i = 0; i < SCRIPT_STEPS; i++)
		if (!row_script_step(id))
			break;
	return s->name;
}

__noinline int row_base_step(u32 id)
{
	struct script *s = row_scratch(id);

	return s && script_base_step(s);
}

/* The name of the current directory, or of the one above it. */
static __always_inline void name_cwd(struct task_struct *task, struct script *s)
{
	struct dentry *dentry = BPF_CORE_READ(task, fs, pwd.dentry);
	long n;

	if (s->len == 2)
		dentry = BPF_CORE_READ(dentry, d_parent);
	n = bpf_probe_read_kernel_str(s->piece, SCRIPT_PIECE, BPF_CORE_READ(dentry, d_name.name));
	s->base = 0;
	s->len = n > 1 && s->piece[0] != '/' ? n - 1 : 0;
}

/* Takes the base name of the path at this address of the running task as the row's, if it is one. Returns its class. */
__noinline u32 row_name(u32 id, u64 path)
{
	struct script *s = row_scratch(id);
	struct identity *row = identity_row(id);
	u32 len, base;

	if (!s || !row)
		return 0;
	script_base_begin(s, path);
	for (u32 i = 0; i < SCRIPT_PATH_PIECES; i++)
		if (!row_base_step(id))
			break;
	if (script_dots(s))
		name_cwd((void *)bpf_get_current_task(), s);
	len = s->len;
	base = s->base;
	if (!len)
		return 0;
	__builtin_memset(row->name, 0, sizeof(row->name));
	row->name_len = len;
	barrier_var(len); /* the compiler would drop the masks that the verifier needs */
	barrier_var(base);
	bpf_probe_read_kernel(row->name, len & (IDENTITY_NAME - 1),
			      &s->piece[base & (SCRIPT_PIECE - 1)]);
	return script_program_class(row->name);
}

/* The start of the executable's file name. */
struct file_name {
	char name[64] __attribute__((aligned(8)));
};

#define MEMFD SCRIPT_WORD('m', 'e', 'm', 'f', 'd', ':', 0, 0)

/* A file without a path, which was executed by its descriptor: a memfd, or an unlinked one named by its inode. */
static __always_inline bool file_pathless(const struct file_name *file)
{
	return (*(const u64 *)file->name & ~0ULL >> 16) == MEMFD || file->name[0] == '#';
}

/* ... that has no name either. */
static __always_inline bool file_nameless(const struct file_name *file)
{
	return *(const u64 *)file->name == MEMFD || file->name[0] == '#';
}

/*
 * The name of the program that the running task has just executed. The kernel leaves the path that was given to exec
 * behind the environment, as AT_EXECFN; comm has only 15 bytes of its name.
 */
static __always_inline void program_name(struct task_struct *task, u32 id, struct identity *row,
					 struct file_name *file)
{
	u64 start = BPF_CORE_READ(task, mm, arg_start), end = BPF_CORE_READ(task, mm, arg_end);
	u32 class = row_name(id, BPF_CORE_READ(task, mm, env_end));
	u64 script;

	class = class ?: script_file_class(file->name, row->name_len);
	script = class ? row_script(id, class, start, end) : 0;
	if (script)
		row_name(id, script);
	else if (!row->name_len && file_nameless(file))
		row_name(id, start);
}

/* The first arguments of the running task. */
static __always_inline u32 args_read(struct task_struct *task, struct identity *row)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long end = BPF_CORE_READ(task, mm, arg_end);
	u32 len = end > start ? end - start : 0;

	if (len > IDENTITY_ARGS)
		len = IDENTITY_ARGS;
	barrier_var(len); /* the compiler would drop the mask that the verifier needs */
	len &= 2 * IDENTITY_ARGS - 1;
	return bpf_probe_read_user(row->args, len, (void *)start) ? 0 : len;
}

/* --- the key */

/* The program of a task that started before the daemon, as the scan of /proc found it. */
static __always_inline void program_snapshot(struct task_struct *task, struct identity *row)
{
	u32 tgid = BPF_CORE_READ(task, tgid);
	struct proc_snapshot *snapshot = bpf_map_lookup_elem(&proc_snapshots, &tgid);

	if (!snapshot)
		return;
	row->args_len = snapshot->len;
	row->name_len = snapshot->name[0] ? sizeof(row->name) : 0;
	bpf_probe_read_kernel(row->args, sizeof(row->args), snapshot->args);
	bpf_probe_read_kernel(row->name, sizeof(row->name), snapshot->name);
}

static __always_inline u64 hash_words(u64 hash, const char *s, u32 size)
{
	for (u32 i = 0; i < size / sizeof(u64); i++)
		hash = hash_mix(hash, ((const u64 *)s)[i]);
	return hash;
}

#define HASH_SEED 0xcbf29ce484222325ULL

/* The program's part of the key; 0 for kernel threads, which have no memory of their own. */
static __always_inline u64 program_hash(struct task_struct *task, u32 id, struct identity *row,
					bool exec)
{
	struct file_name name = {};
	u64 hash = HASH_SEED;
	struct file *file;

	row->kernel = !BPF_CORE_READ(task, mm) || BPF_CORE_READ(task, flags) & PF_KTHREAD;
	row->name_len = row->args_len = row->exe_len = 0;
	if (row->kernel)
		return 0;
	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		return PROGRAM_NONE;
	bpf_probe_read_kernel_str(name.name, sizeof(name.name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	__builtin_memset(row->name, 0, sizeof(row->name));
	__builtin_memset(row->args, 0, sizeof(row->args));
	if (exec && want_args)
		row->args_len = args_read(task, row);
	if (exec)
		program_name(task, id, row, &name);
	else
		program_snapshot(task, row);
	if (exec && *(const u64 *)name.name == SCRIPT_WORD('c', 'o', 'n', 'm', 'o', 'n', 0, 0))
		arrival_tell(0, BPF_CORE_READ(task, tgid));
	if (!row->name_len) {
		row->name_len = sizeof(name);
		__builtin_memcpy(row->name, &name, sizeof(name));
	}
	if (!file_pathless(&name)) { /* each memfd is a file of its own */
		hash = hash_mix(hash, BPF_CORE_READ(file, f_inode, i_ino));
		hash = hash_mix(hash, BPF_CORE_READ(file, f_inode, i_sb, s_dev));
	}
	hash = hash_words(hash, row->name, sizeof(row->name));
	return want_args ? hash_words(hash, row->args, sizeof(row->args)) : hash;
}

#endif
