// SPDX-License-Identifier: BSD-3-Clause
/* Starting a family: choose the hooks that this kernel has, load, attach; and the way back. */
#include "probe/probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/log.h"
#include "probe/core.h"
#include "probe/elf.h"

#define PROBE(x) extern const struct probe probe_##x;
#include "probe/table.h"
#undef PROBE

const struct probe *const probes[] = {
#define PROBE(x) &probe_##x,
#include "probe/table.h"
#undef PROBE
	NULL,
};

const char *const *probe_names(void)
{
	static const char *names[PROBE_MAX + 1];

	_Static_assert(sizeof(probes) / sizeof(*probes) <= PROBE_MAX + 1, "room for every family");
	for (unsigned i = 0; probes[i]; i++)
		names[i] = probes[i]->name;
	return names;
}

int probe_const(struct probe_run *run, const char *name, const void *value, size_t size)
{
	return elf_const_set(run->object, name, value, size);
}

unsigned probe_arity(const struct probe_run *run, const char *tracepoint)
{
	return elf_tracepoint_arity(run->core->kernel, tracepoint);
}

void *probe_global(struct probe_run *run, const char *name, size_t size)
{
	long offset = elf_global_offset(run->object, ".data", name, size);

	if (offset >= 0 && run->data)
		return (char *)run->data + offset;
	offset = elf_global_offset(run->object, ".bss", name, size);
	return offset >= 0 && run->bss ? (char *)run->bss + offset : NULL;
}

struct hook_run *probe_hook(struct probe_run *run, const char *program)
{
	for (unsigned i = 0; i < run->hook_cnt; i++)
		for (const char *const *alt = run->hooks[i].hook->alt; *alt; alt++)
			if (!strcmp(*alt, program))
				return &run->hooks[i];
	return NULL;
}

/* The alternative that was asked for by name, -1: none was. */
static int hook_forced(const struct probe_run *run, const struct hook_run *hook)
{
	for (const struct forced_hook *f = run->core->forced; f && f->family; f++)
		for (int i = 0; !strcmp(f->family, run->probe->name) && hook->hook->alt[i]; i++)
			if (!strcmp(f->program, hook->hook->alt[i]))
				return i;
	return -1;
}

/* Takes the first alternative from `from` on that the kernel has. */
static int hook_choose(struct probe_run *run, struct hook_run *hook, int from)
{
	int forced = hook_forced(run, hook);

	hook->chosen = -1;
	hook->program = NULL;
	for (int i = from; hook->hook->alt[i]; i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(run->object, hook->hook->alt[i]);

		if (forced >= 0 && i != forced) {
			hook->why[i] = -ECANCELED;
			continue;
		}
		hook->why[i] = program ? elf_attachable(program, run->core->kernel,
							run->core->kernel_typed)
				       : -ENOENT;
		if (!hook->why[i]) {
			hook->chosen = i;
			hook->program = program;
			bpf_program__set_autoload(program, true);
			return 0;
		}
	}
	return hook->hook->optional && forced < 0 ? 0 : -ENOENT;
}

/* Is a program of this name, in whatever form, chosen? */
static bool program_chosen(const struct probe_run *run, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < run->hook_cnt; i++) {
		const struct hook_run *hook = &run->hooks[i];
		const char *chosen = hook->chosen < 0 ? "" : hook->hook->alt[hook->chosen];

		if (!strncmp(chosen, name, len) && strchr("_", chosen[len]))
			return true;
	}
	return false;
}

static void hook_complain(struct probe_run *run, const struct hook_run *hook)
{
	int forced = hook_forced(run, hook), i = forced < 0 ? 0 : forced;

	snprintf(run->error, sizeof(run->error), "no hook for %s in this kernel: %s: %s",
		 hook->hook->purpose, hook->hook->alt[i],
		 hook->why[i] == -ENOENT ? "there is no such place" : strerror(-hook->why[i]));
}

/* The hook that this one stands in for, NULL: none does. */
static struct hook_run *hook_superseded(const struct probe_run *run, const struct hook_run *hook)
{
	struct probe_run *family = core_family(run->core, hook->hook->supersedes);
	const char *name = hook->chosen < 0 ? "" : hook->hook->alt[hook->chosen];
	struct hook_run *other = family ? probe_hook(family, name) : NULL;

	return other && other->link && !strcmp(other->hook->alt[other->chosen], name) ? other
										      : NULL;
}

static int superseding_set(struct probe_run *run)
{
	int err = 0;

	for (unsigned i = 0; i < run->hook_cnt && !err; i++) {
		const struct hook_run *hook = &run->hooks[i];
		bool supersedes = hook_superseded(run, hook);

		if (hook->hook->supersedes)
			err = probe_const(run, hook->hook->superseding, &supersedes,
					  sizeof(supersedes));
	}
	return err;
}

static int hooks_choose(struct probe_run *run, const int from[PROBE_HOOKS])
{
	for (unsigned i = 0; i < run->hook_cnt; i++) {
		struct hook_run *hook = &run->hooks[i];
		int err;

		if (hook->hook->requires)
			hook->disabled = !program_chosen(run, hook->hook->requires);
		err = hook->disabled ? 0 : hook_choose(run, hook, from[i]);
		if (!err)
			continue;
		if (!*run->error)
			hook_complain(run, hook);
		return err;
	}
	elf_set_choices(run->object);
	return superseding_set(run);
}

/* The program that libbpf says was refused. */
static struct {
	char program[64];
	bool seen;
} complaint;

static int complaint_keep(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *line, *name;

	if (level != LIBBPF_WARN || vasprintf(&line, fmt, args) < 0)
		return 0;
	log_debug("%s", line);
	name = strstr(line, "prog '");
	if (name && sscanf(name, "prog '%63[^']'", complaint.program) == 1 &&
	    strstr(line, "failed to load"))
		complaint.seen = true;
	free(line);
	return 0;
}

void probe_init(void)
{
	libbpf_set_print(complaint_keep);
}

/* The hook whose chosen program the kernel has just refused. */
static struct hook_run *hook_refused(struct probe_run *run)
{
	for (unsigned i = 0; i < run->hook_cnt; i++) {
		struct hook_run *hook = &run->hooks[i];

		if (complaint.seen && hook->program &&
		    !strcmp(bpf_program__name(hook->program), complaint.program))
			return hook;
	}
	return NULL;
}

static void object_close(struct probe_run *run)
{
	long page = sysconf(_SC_PAGESIZE);

	if (run->data)
		munmap(run->data, (size_t)page);
	if (run->bss)
		munmap(run->bss, (size_t)page);
	run->data = run->bss = NULL;
	bpf_object__close(run->object);
	run->object = NULL;
}

/* Tells the object of `run` the number of one of a family's metrics. */
static int metric_number(struct probe_run *run, const struct metric *metric, unsigned number)
{
	/* the variable bears the metric's name without "seismo_" */
	return probe_const(run, strchr(metric->name, '_') + 1, &number, sizeof(u32));
}

/* Its own metrics, and as far as it counts them those of families before. */
static int metrics_number(struct probe_run *run)
{
	unsigned number = run->metric_base;
	struct probe_run *const *before;

	for (const struct metric *m = run->probe->metrics; m && m->name; m++, number++) {
		int err = metric_number(run, m, number);

		if (err && m->max)
			return err;
		core_budget(run->core, number, m->max);
	}
	for (before = run->core->families; *before; before++) {
		number = (*before)->metric_base;
		for (const struct metric *m = (*before)->probe->metrics; m && m->name; m++)
			metric_number(run, m, number++);
	}
	return 0;
}

static int object_prepare(struct probe_run *run)
{
	struct core_sizes *sizes = &run->core->sizes;
	struct bpf_program *program;
	int err;

	run->object = elf_open(run->probe->elf, run->probe->name, run->core->btf_path);
	if (!run->object)
		return -errno;
	bpf_object__for_each_program(program, run->object)
		bpf_program__set_autoload(program, false);
	probe_const(run, "counter_stride", &sizes->counters, sizeof(u32));
	probe_const(run, "cpu_cnt", &sizes->cpus, sizeof(u32));
	probe_const(run, "typed", &run->core->typed, sizeof(bool));
	probe_const(run, "storage", &run->core->storage, sizeof(bool));
	elf_set_arities(run->object, run->core->kernel);
	err = core_share(run->core, run->object);
	err = err ?: metrics_number(run);
	if (!err && run->probe->setup)
		err = run->probe->setup(run);
	return err;
}

/*
 * Opens and loads; when the kernel refuses a program, again with that hook's next alternative. `from`
 * is where the search for each hook's alternative begins.
 */
static int object_load(struct probe_run *run, int from[PROBE_HOOKS])
{
	struct hook_run *refused;
	int err = object_prepare(run);

	err = err ?: hooks_choose(run, from);
	if (err)
		return err;
	complaint.program[0] = '\0';
	complaint.seen = false;
	err = bpf_object__load(run->object);
	if (!err)
		return 0;
	refused = hook_refused(run);
	snprintf(run->error, sizeof(run->error), "%s%s%s", complaint.program,
		 *complaint.program ? ": " : "", strerror(-err));
	if (!refused)
		return err;
	refused->why[refused->chosen] = err;
	from[refused - run->hooks] = refused->chosen + 1;
	return -EAGAIN;
}

static void *section_map(struct bpf_object *object, const char *suffix)
{
	struct bpf_map *map;
	void *mem;

	bpf_object__for_each_map(map, object) {
		const char *dot = strrchr(bpf_map__name(map), '.');

		if (!dot || strcmp(dot, suffix) != 0)
			continue;
		mem = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(map), 0);
		return mem == MAP_FAILED ? NULL : mem;
	}
	return NULL;
}

static const u32 first_entry[] = { 0, 0 };

static int hook_tail_call(struct probe_run *run, struct hook_run *hook)
{
	int table = bpf_object__find_map_fd_by_name(run->object, hook->hook->tail_call_map);
	int fd = bpf_program__fd(hook->program);
	const u32 *entry = hook->hook->tail_call_keys ?: first_entry;

	do {
		if (bpf_map_update_elem(table, entry, &fd, BPF_ANY))
			return -errno;
	} while (*++entry);
	hook->tail_called = true;
	return 0;
}

int hook_attach(struct probe_run *run, struct hook_run *hook)
{
	struct hook_run *superseded;
	struct bpf_link *link;

	if (hook_works(hook))
		return 0;
	if (hook->hook->tail_call_map && core_tail_calls(run->core, hook->hook->tail_call_map) &&
	    elf_on_tracepoint(hook->program) && !hook_tail_call(run, hook))
		return 0;
	link = bpf_program__attach(hook->program);
	if (!link)
		return -errno;
	hook->link = link;
	superseded = hook_superseded(run, hook);
	if (superseded) {
		hook_detach(superseded);
		superseded->superseded = true;
	}
	return 0;
}

void hook_detach(struct hook_run *hook)
{
	bpf_link__destroy(hook->link);
	hook->link = NULL;
}

static void hook_tail_call_end(struct probe_run *run, struct hook_run *hook)
{
	const u32 *entry = hook->hook->tail_call_keys ?: first_entry;
	int table;

	if (!hook->tail_called)
		return;
	table = bpf_object__find_map_fd_by_name(run->object, hook->hook->tail_call_map);
	do {
		bpf_map_delete_elem(table, entry);
	} while (*++entry);
	hook->tail_called = false;
}

static int hooks_attach(struct probe_run *run)
{
	for (unsigned i = 0; i < run->hook_cnt; i++) {
		struct hook_run *hook = &run->hooks[i];
		int err;

		if (!hook->program || hook->hook->on_demand)
			continue;
		err = hook_attach(run, hook);
		if (!err)
			continue;
		hook->why[hook->chosen] = err;
		hook->chosen = -1;
		if (hook->hook->optional)
			continue;
		snprintf(run->error, sizeof(run->error), "attach %s: %s",
			 bpf_program__name(hook->program), strerror(-err));
		return err;
	}
	return 0;
}

/* What it has stood in for is on its own again. */
static void superseded_restore(struct probe_run *run)
{
	for (unsigned i = 0; i < run->hook_cnt; i++) {
		struct probe_run *family = core_family(run->core, run->hooks[i].hook->supersedes);

		for (unsigned j = 0; family && j < family->hook_cnt; j++) {
			struct hook_run *hook = &family->hooks[j];

			if (hook->superseded) {
				hook->superseded = false;
				hook_attach(family, hook);
			}
		}
	}
}

int probe_start(struct probe_run *run, const struct probe *probe, struct core *core,
		enum probe_mode mode, unsigned metric_base)
{
	int from[PROBE_HOOKS] = { 0 };
	int err;

	*run = (struct probe_run){
		.probe = probe,
		.core = core,
		.mode = mode == PROBE_MODE_ON ? probe->mode : mode,
		.metric_base = metric_base,
	};
	for (const struct hook *h = probe->hooks; h->alt[0] && run->hook_cnt < PROBE_HOOKS; h++)
		run->hooks[run->hook_cnt++] = (struct hook_run){ .hook = h, .chosen = -1 };
	if (mode == PROBE_MODE_OFF)
		return 0;

	while ((err = object_load(run, from)) == -EAGAIN)
		object_close(run);
	if (!err) {
		run->data = section_map(run->object, ".data");
		run->bss = section_map(run->object, ".bss");
		err = core_register_slot_caches(core, run->object);
	}
	if (!err && probe->loaded)
		err = probe->loaded(run);
	err = err ?: hooks_attach(run);
	if (!err && probe->started)
		err = probe->started(run);
	if (err && !*run->error)
		snprintf(run->error, sizeof(run->error), "%s", strerror(-err));
	run->err = err;
	run->state = err ? PROBE_UNAVAILABLE : PROBE_ON;
	if (err) {
		probe_stop(run);
		superseded_restore(run);
	} else {
		core_register_family(core, run);
	}
	return err == -ENOMEM ? err : 0;
}

void probe_stop(struct probe_run *run)
{
	for (unsigned i = 0; i < run->hook_cnt; i++) {
		hook_tail_call_end(run, &run->hooks[i]);
		hook_detach(&run->hooks[i]);
		run->hooks[i].program = NULL;
	}
	if (run->object)
		object_close(run);
	if (run->state == PROBE_ON)
		run->state = PROBE_OFF;
}
