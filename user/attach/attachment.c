// SPDX-License-Identifier: BSD-3-Clause
#include "attach/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/calls.h"
#include "lib/loop.h"
#include "probe/elf.h"
#include "probe/hook.h"
#include "probe/kernel.h"

PROBE_ELF(attach);

#define MARK_WALKS 100
#define DRAIN_MAX  2048 /* events at a time: in the event loop, while more come */
/* Calls on files that are told, to know which files are slow; user space raises it where there are too many. */
#define FILE_NS (1000 * 1000)

/* One of these is used: on kernels that preempt tracepoint programs, with types, without. */
static const struct {
	const char *lossless, *typed, *untyped;
	bool without_storage; /* only there */
	bool slow;	      /* only if slow calls are told */
} programs[] = {
	{ "end_tp", "end_btf", "end_raw" },
	{ "wakeup_new_btf", "fork_btf", "fork_raw" },
	{ "switch_btf", "switch_btf", "switch_raw" },
	{ "exit_tp", "exit_btf", "exit_raw" },
	{ "enter_tp", "enter_btf", "enter_raw" },
	{ "connection_btf", "connection_btf", "connection_raw" },
	{ "waking_btf", "waking_btf", "waking_raw", .slow = true },
	{ "free_btf", "free_btf", "free_raw", .without_storage = true },
};
#define PROGRAMS (sizeof(programs) / sizeof(*programs))

/* Iterators; the second one is for kernels that do not iterate over the entries of tables. */
static const char *const walks[ATTACH_WALKS][2] = {
	[WALK_TASKS] = { "attach_iter", "attach_iter" },
	[WALK_FILES] = { "files_iter", "files_iter" },
	[WALK_CONNECTIONS] = { TABLE_SCAN("connections") },
};

static const char *program_name(unsigned i, const struct kernel *k, bool slow)
{
	if ((programs[i].without_storage && k->storage) || (programs[i].slow && !slow))
		return NULL;
	if (!k->typed)
		return programs[i].untyped;
	return k->preemptible ? programs[i].lossless : programs[i].typed;
}

/* --- loading */

static int constants_set(struct attachment *a, const struct attach_target *target,
			 const struct kernel *k)
{
	const u32 pid = (u32)target->pid, rt_sigreturn = SYS_rt_sigreturn, execve = SYS_execve;
	struct bpf_object *o = a->object;
	u16 flags[SYSCALLS];
	int err;

	calls_describe(flags);
	err = elf_const_set(o, "typed", &k->typed, sizeof(bool));
	err = err ?: elf_const_set(o, "storage", &k->storage, sizeof(bool));
	err = err ?: elf_const_set(o, "watch", &target->watch, sizeof(u32));
	err = err ?: elf_const_set(o, "target", &pid, sizeof(u32));
	err = err ?: elf_const_set(o, "rt_sigreturn", &rt_sigreturn, sizeof(u32));
	err = err ?: elf_const_set(o, "execve_number", &execve, sizeof(u32));
	err = err ?: elf_const_set(o, "call_flags", flags, sizeof(flags));
	elf_const_set(o, "preemptible", &k->preemptible, sizeof(bool));
	return err;
}

/* The kernel's types are needed once more: those of the families have been dropped. */
static int arities_set(struct attachment *a, const char *btf_path, char *error, size_t error_size)
{
	struct kernel k;
	int err = kernel_open(&k, btf_path, error, error_size);

	if (err)
		return err;
	kernel_set_arities(&k, a->object);
	kernel_drop_btf(&k);
	return 0;
}

static void programs_choose(struct attachment *a, const struct kernel *k, bool slow)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, a->object)
		bpf_program__set_autoload(program, false);
	for (unsigned i = 0; i < PROGRAMS; i++) {
		const char *name = program_name(i, k, slow);

		program = name ? bpf_object__find_program_by_name(a->object, name) : NULL;
		if (program)
			bpf_program__set_autoload(program, true);
	}
	for (unsigned i = 0; i < ATTACH_WALKS; i++) {
		program =
			bpf_object__find_program_by_name(a->object, walks[i][!k->iterates_tables]);
		bpf_program__set_autoload(program, true);
	}
}

static int object_load(struct attachment *a, const struct attach_target *target,
		       const struct tables *tables, const struct kernel *k, const char *btf_path,
		       char *error, size_t error_size)
{
	struct bpf_map *lasts;
	int err;

	a->object = elf_open(&attach_elf, "attach", btf_path);
	if (!a->object)
		return -errno;
	err = arities_set(a, btf_path, error, error_size);
	err = err ?: constants_set(a, target, k);
	err = err ?: tables_share(tables, k, a->object);
	if (err)
		return err;
	a->cpus = tables->sizes.cpus;
	lasts = bpf_object__find_map_by_name(a->object, "attach_lasts");
	err = bpf_map__set_max_entries(lasts, a->cpus * ATTACH_LAST);
	if (err)
		return err;
	programs_choose(a, k, target->slow_ns);
	return bpf_object__load(a->object);
}

static size_t map_bytes(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = ((bpf_map__value_size(map) + 7UL) & ~7UL) * bpf_map__max_entries(map);

	return (len + page - 1) & ~(page - 1);
}

static void *map_mapped(struct attachment *a, const char *name)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(a->object, name);
	void *mem =
		mmap(NULL, map_bytes(map), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static void map_unmapped(struct attachment *a, const char *name, void *mem)
{
	if (mem)
		munmap(mem, map_bytes(bpf_object__find_map_by_name(a->object, name)));
}

static void call_come(const struct attachment *a, const void *data, size_t size)
{
	struct attach_event e = { 0 };

	memcpy(&e, data, size < sizeof(e) ? size : sizeof(e));
	a->event(a->ctx, &e);
}

static int event_come(void *ctx, void *data, size_t size)
{
	struct attachment *a = ctx;
	u32 kind = size >= sizeof(kind) ? *(u32 *)data : ATTACH_CALL;

	if (kind == ATTACH_CALL && size >= offsetof(struct attach_event, path) && a->event)
		call_come(a, data, size);
	if (kind == ATTACH_CONNECTION && size >= sizeof(struct attach_connection) && a->connection)
		a->connection(a->ctx, data);
	return ++a->drained < DRAIN_MAX ? 0 : -EAGAIN;
}

static int tables_open(struct attachment *a, u64 slow_ns)
{
	const struct bpf_map *events = bpf_object__find_map_by_name(a->object, "attach_events");

	a->state = map_mapped(a, "attach_states");
	a->calls = map_mapped(a, "attach_calls");
	a->lasts = map_mapped(a, "attach_lasts");
	if (!a->state || !a->calls || !a->lasts)
		return -ENOMEM;
	a->ring = ring_buffer__new(bpf_map__fd(events), event_come, a, NULL);
	if (!a->ring)
		return -errno;
	a->state->slow_ns = slow_ns;
	a->state->file_ns = FILE_NS;
	a->state->wake_bytes = bpf_map__max_entries(events) / 4;
	return 0;
}

static struct bpf_link *walk_attach(const struct attachment *a, const char *name)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(a->object, name);
	union bpf_iter_link_info table = { 0 };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &table,
		    .link_info_len = sizeof(table));

	if (!elf_iterates_table(program))
		return bpf_program__attach(program);
	table.map.map_fd = (u32)bpf_object__find_map_fd_by_name(a->object, "attach_connections");
	return bpf_program__attach_iter(program, &opts);
}

static int programs_attach(struct attachment *a, const struct kernel *k, bool slow)
{
	for (unsigned i = 0; i < PROGRAMS; i++) {
		const char *name = program_name(i, k, slow);

		if (!name)
			continue;
		a->links[a->link_cnt] =
			bpf_program__attach(bpf_object__find_program_by_name(a->object, name));
		if (!a->links[a->link_cnt])
			return -errno;
		a->link_cnt++;
	}
	for (unsigned i = 0; i < ATTACH_WALKS; i++) {
		a->walks[i] = walk_attach(a, walks[i][!k->iterates_tables]);
		if (!a->walks[i])
			return -errno;
	}
	return 0;
}

/* --- looking at all tasks */

static int tasks_walk(struct attachment *a)
{
	struct attach_state *s = a->state;

	s->marked = s->thread_cnt = s->process_cnt = s->underway_cnt = 0;
	s->now = (struct attach_sums){ 0 };
	return link_iterate(a->walks[WALK_TASKS]);
}

int attachment_look_for_connections(struct attachment *a)
{
	int err;

	a->state->ports_only = 1;
	err = link_iterate(a->walks[WALK_FILES]);
	a->state->ports_only = 0;
	return err ?: link_iterate(a->walks[WALK_FILES]);
}

int attachment_connections(const struct attachment *a,
			   void (*take)(void *ctx, const void *address, const void *connection),
			   void *ctx)
{
	int err = link_iterate(a->walks[WALK_CONNECTIONS]);

	return err
		       ?: table_each(bpf_object__find_map_fd_by_name(a->object,
								     "attach_connections"),
				     sizeof(u64), sizeof(struct attach_connection), take, ctx);
}

/*
 * Marks all tasks, or takes all marks off. A task that is forked meanwhile is found the next time: until there is nobody new.
 * -EAGAIN: there always was.
 */
static int tasks_mark(struct attachment *a)
{
	int err;

	for (unsigned i = 0; i < MARK_WALKS; i++) {
		err = tasks_walk(a);
		if (err || !a->state->marked)
			return err;
		__atomic_fetch_add(&a->state->epoch, 1, __ATOMIC_SEQ_CST);
	}
	return -EAGAIN;
}

int attachment_open(struct attachment *a, const struct attach_target *target,
		    const struct tables *tables, const struct kernel *kernel, const char *btf_path,
		    char *error, size_t error_size)
{
	int err = object_load(a, target, tables, kernel, btf_path, error, error_size);

	err = err ?: tables_open(a, target->slow_ns);
	if (!err && !target->execs) {
		a->state->begin_ns = clock_now_ns();
		a->state->begun = 1;
	}
	err = err ?: programs_attach(a, kernel, target->slow_ns);
	err = err ?: tasks_mark(a);
	if (err == -EAGAIN) /* each reading finds those that are left */
		err = 0;
	err = err ?: attachment_look_for_connections(a);
	if (!err && !a->state->thread_cnt)
		err = kill(target->pid, 0) && errno == ESRCH ? -ESRCH : -EBUSY;
	if (err == -EBUSY)
		snprintf(
			error, error_size,
			"it is a child of a process that somebody is attached to, and watched there");
	else if (err == -ESRCH)
		snprintf(error, error_size, "it has just ended");
	else if (err && !*error)
		snprintf(error, error_size, "%s", kernel_reason(err));
	return err;
}

int attachment_unmark(struct attachment *a)
{
	if (!a->walks[WALK_TASKS] || !a->state)
		return 0;
	a->state->off = 1;
	return tasks_mark(a);
}

void attachment_close(struct attachment *a)
{
	for (unsigned i = 0; i < a->link_cnt; i++)
		bpf_link__destroy(a->links[i]);
	for (unsigned i = 0; i < ATTACH_WALKS; i++)
		bpf_link__destroy(a->walks[i]);
	ring_buffer__free(a->ring);
	if (a->object) {
		map_unmapped(a, "attach_states", a->state);
		map_unmapped(a, "attach_calls", a->calls);
		map_unmapped(a, "attach_lasts", a->lasts);
	}
	bpf_object__close(a->object);
	*a = (struct attachment){ 0 };
}

/* Runs that the kernel has left out, since a program had been preempted. */
static u64 runs_missed(const struct attachment *a)
{
	struct bpf_program *program;
	u64 sum = 0;

	bpf_object__for_each_program(program, a->object) {
		struct bpf_prog_info info = { 0 };
		u32 len = sizeof(info);
		int fd = bpf_program__fd(program);

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
			sum += info.recursion_misses;
	}
	return sum;
}

int attachment_read(struct attachment *a)
{
	int err = tasks_walk(a);

	a->missed = runs_missed(a);
	if (!err && a->state->marked) /* for which there was no memory before */
		__atomic_fetch_add(&a->state->epoch, 1, __ATOMIC_SEQ_CST);
	attachment_drain(a);
	return err;
}

void attachment_drain(struct attachment *a)
{
	__atomic_store_n(&a->state->woken, 0, __ATOMIC_SEQ_CST);
	a->drained = 0;
	ring_buffer__consume(a->ring);
}

int attachment_fd(const struct attachment *a)
{
	return ring_buffer__epoll_fd(a->ring);
}
