// SPDX-License-Identifier: BSD-3-Clause
#include "probe/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/log.h"
#include "probe/hook.h"
#include "probe/missed.h"

/* From libbpf's warnings: which program was refused, and whether descriptors ran out (reported as EINVAL at times). */
static struct complaint {
	char program[64];
	bool seen, files;
} complaint;

static int complaint_keep(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *line, *name;

	if (level != LIBBPF_WARN || vasprintf(&line, fmt, args) < 0)
		return 0;
	log_debug("%s", line);
	complaint.files |= strstr(line, strerror(EMFILE)) != NULL;
	name = strstr(line, "prog '");
	if (name && sscanf(name, "prog '%63[^']'", complaint.program) == 1 &&
	    strstr(line, "failed to load"))
		complaint.seen = true;
	free(line);
	return 0;
}

/* The hook whose program the kernel has just refused. */
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
	if (run->data.mem)
		munmap(run->data.mem, run->data.len);
	if (run->bss.mem)
		munmap(run->bss.mem, run->bss.len);
	run->data.mem = run->bss.mem = NULL;
	tables_remove(&run->set->tables, run->object);
	bpf_object__close(run->object);
	run->object = NULL;
}

/* Sets the constant that holds a metric's number in the object of `run`. */
static int metric_number(struct probe_run *run, const struct metric *metric, unsigned number)
{
	/* it has the metric's name without "seismo_" */
	return probe_const(run, strchr(metric->name, '_') + 1, &number, sizeof(u32));
}

/* Numbers its own metrics, and those of earlier families, which it may count as well. */
static int metrics_number(struct probe_run *run)
{
	unsigned number = run->metric_base;

	for (const struct metric *m = run->probe->metrics; m->name; m++) {
		int err = metric_number(run, m, number++);

		if (err && m->max)
			return err;
	}
	for (unsigned i = 0; i < run->set->cnt; i++) {
		const struct probe_run *before = run->set->list[i];

		number = before->metric_base;
		for (const struct metric *m = before->probe->metrics; m->name; m++)
			if (before->state == PROBE_ON)
				metric_number(run, m, number++);
	}
	return 0;
}

static int object_prepare(struct probe_run *run)
{
	const struct table_sizes *sizes = &run->set->tables.sizes;
	const struct kernel *kernel = &run->set->kernel;
	const u32 counter_stride = sizes->lanes < sizes->cpus ? 0 : sizes->counters;
	const u32 hist_stride = table_hist_stride(sizes);
	struct bpf_program *program;
	int err;

	run->object = elf_open(run->probe->elf, run->probe->name, run->set->btf_path);
	if (!run->object)
		return -errno;
	bpf_object__for_each_program(program, run->object)
		bpf_program__set_autoload(program, false);
	probe_const(run, "counter_stride", &counter_stride, sizeof(u32));
	probe_const(run, "hist_stride", &hist_stride, sizeof(u32));
	probe_const(run, "cpu_cnt", &sizes->cpus, sizeof(u32));
	probe_const(run, "typed", &kernel->typed, sizeof(bool));
	probe_const(run, "storage", &kernel->storage, sizeof(bool));
	probe_const(run, "preemptible", &kernel->preemptible, sizeof(bool));
	kernel_set_arities(kernel, run->object);
	err = tables_share(&run->set->tables, kernel, run->object);
	err = err ?: metrics_number(run);
	if (!err && run->probe->setup)
		err = run->probe->setup(run);
	return err;
}

/* Trying another program would not help. */
static bool resources_lacking(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM;
}

/*
 * Opens and loads the object. -EAGAIN if the kernel refuses a program: from[] then starts the search for that hook
 * at the next alternative.
 */
static int object_load(struct probe_run *run, int from[PROBE_HOOKS])
{
	struct hook_run *refused;
	int err;

	complaint = (struct complaint){ .seen = false };
	err = object_prepare(run);
	err = err ?: hooks_choose(run, from);
	if (err)
		return err;
	err = bpf_object__load(run->object);
	if (!err)
		return 0;
	if (complaint.files)
		err = -EMFILE;
	refused = hook_refused(run);
	snprintf(run->error, sizeof(run->error), "%s%s%s", complaint.program,
		 *complaint.program ? ": " : "", kernel_reason(err));
	if (!refused || resources_lacking(err))
		return err;
	refused->why[refused->chosen] = err;
	from[refused - run->hooks] = refused->chosen + 1;
	return -EAGAIN;
}

static void *section_map(struct bpf_object *object, const char *suffix, size_t *ret_len)
{
	struct bpf_map *map;
	void *mem;

	bpf_object__for_each_map(map, object) {
		const char *dot = strrchr(bpf_map__name(map), '.');

		if (!dot || strcmp(dot, suffix) != 0)
			continue;
		*ret_len = bpf_map__value_size(map); /* mmap() rounds it up to pages */
		mem = mmap(NULL, *ret_len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
		return mem == MAP_FAILED ? NULL : mem;
	}
	return NULL;
}

static void budgets_set(struct probe_run *run)
{
	unsigned number = run->metric_base;

	for (const struct metric *m = run->probe->metrics; m->name; m++)
		tables_budget(&run->set->tables, number++, m->max);
}

/* Loads the object, retrying with other alternatives if the kernel refuses a program, and attaches the hooks. */
static int run_start(struct probe_run *run)
{
	int from[PROBE_HOOKS] = { 0 }, err;

	while ((err = object_load(run, from)) == -EAGAIN)
		object_close(run);
	if (err)
		return err;
	*run->error = '\0'; /* left by alternatives that were refused */
	run->data.mem = section_map(run->object, ".data", &run->data.len);
	run->bss.mem = section_map(run->object, ".bss", &run->bss.len);
	err = tables_add(&run->set->tables, run->object);
	if (!err && run->probe->loaded)
		err = run->probe->loaded(run);
	if (err)
		return err;
	budgets_set(run);
	err = hooks_attach(run);
	if (!err && run->probe->started)
		err = run->probe->started(run);
	return err;
}

static void probe_stop(struct probe_run *run)
{
	hooks_detach(run);
	if (run->object)
		object_close(run);
	if (run->state == PROBE_ON)
		run->state = PROBE_OFF;
}

static void probe_start(struct probe_run *run)
{
	int err;

	hooks_init(run);
	if (run->mode == PROBE_MODE_OFF ||
	    (run->probe->wanted && !probe_wanted(run->set->conf, run->probe->name)))
		return;
	err = run_start(run);
	if (err && !*run->error)
		snprintf(run->error, sizeof(run->error), "%s", kernel_reason(err));
	run->err = err;
	run->state = err ? PROBE_UNAVAILABLE : PROBE_ON;
	if (err) {
		probe_stop(run);
		hooks_restore_superseded(run);
	}
}

/* The first family creates the tables that all families share. */
static int tables_plan(struct probe_set *set)
{
	int err = table_sizes_plan(&set->tables.sizes, &set->conf->limits,
				   (u32)libbpf_num_possible_cpus(), set->kernel.storage);

	if (err)
		snprintf(set->error, sizeof(set->error),
			 "the tables do not fit into limits.memory; set it to at least %lluKiB",
			 ((unsigned long long)set->tables.sizes.bytes + 1023) >> 10);
	return err;
}

static unsigned metrics_end(const struct probe_run *run)
{
	unsigned end = run->metric_base;

	for (const struct metric *m = run->probe->metrics; m->name; m++)
		end++;
	return end;
}

static void next_start(struct probe_set *set)
{
	const struct probe *probe = probes[set->cnt];
	struct probe_run *run = &set->runs[set->cnt];
	enum probe_mode mode = conf_probe_mode(set->conf, probe->name);

	*run = (struct probe_run){
		.probe = probe,
		.set = set,
		.mode = mode == PROBE_MODE_ON ? probe->mode : mode,
		.metric_base = set->cnt ? metrics_end(run - 1) : METRIC_FIRST,
	};
	probe_start(run);
}

/* Kernels before 5.12 have no task and socket storage for tracing programs: worth another try without. */
static bool storage_refused(struct probe_set *set, const struct probe_run *run)
{
	if (set->cnt || !run->err || run->err == -EPERM || resources_lacking(run->err) ||
	    !set->kernel.storage)
		return false;
	set->kernel.storage = false;
	return true;
}

int probe_set_start_next(struct probe_set *set)
{
	struct probe_run *run = &set->runs[set->cnt];
	int err;

	if (!probes[set->cnt]) {
		missed_watch(set);
		kernel_drop_btf(&set->kernel);
		malloc_trim(0);
		return 0;
	}
	do {
		err = set->cnt ? 0 : tables_plan(set);
		if (err)
			return err;
		next_start(set);
	} while (storage_refused(set, run));
	if (run->err && run->probe->required) {
		snprintf(set->error, sizeof(set->error), "%s", run->error);
		return run->err;
	}
	set->list[set->cnt++] = run;
	return 1;
}

int probe_extra_start(struct probe_extra *extra, const struct probe_set *set,
		      const struct probe *probe)
{
	struct probe_run *run = &extra->run;
	int err;

	extra->set = *set;
	*run = (struct probe_run){
		.probe = probe, .set = &extra->set, .mode = probe->mode, .metric_base = METRIC_FIRST
	};
	err = kernel_load_btf(&extra->set.kernel, set->btf_path);
	if (err) {
		snprintf(run->error, sizeof(run->error), "%s", kernel_reason(err));
		return err;
	}
	probe_start(run);
	kernel_drop_btf(&extra->set.kernel);
	malloc_trim(0);
	return run->err;
}

void probe_extra_stop(struct probe_extra *extra)
{
	if (extra->run.object)
		probe_stop(&extra->run);
}

/* Refuses a build with more rows than the tables have room for. */
static int rows_check(struct probe_set *set)
{
	unsigned metrics = METRIC_FIRST, hooks;

	for (const struct probe *const *p = probes; *p; p++) {
		for (const struct metric *m = (*p)->metrics; m->name; m++)
			metrics++;
		for (hooks = 0; (*p)->hooks[hooks].alt[0]; hooks++)
			;
		if (metrics <= METRIC_MAX && hooks <= PROBE_HOOKS)
			continue;
		snprintf(
			set->error, sizeof(set->error),
			"this build has too many metrics (METRIC_MAX) or, in probe '%s', hooks (PROBE_HOOKS)",
			(*p)->name);
		return -E2BIG;
	}
	return 0;
}

int probe_set_open(struct probe_set *set)
{
	int err = rows_check(set);

	if (err)
		return err;
	libbpf_set_print(complaint_keep);
	err = kernel_check_namespace();
	if (err) {
		snprintf(set->error, sizeof(set->error), "%s", kernel_reason(err));
		return err;
	}
	err = kernel_open(&set->kernel, set->btf_path, set->error, sizeof(set->error));
	return err ?: hooks_check_forced(set);
}

/* The mappings of tables are released when the process ends. */
void probe_set_reconfigure(struct probe_set *set, const struct conf *conf)
{
	set->conf = conf;
	for (struct probe_run **run = set->list; *run; run++)
		if ((*run)->state == PROBE_ON && (*run)->probe->configure)
			(*run)->probe->configure(*run);
}

void probe_set_close(struct probe_set *set)
{
	while (set->cnt)
		probe_stop(set->list[--set->cnt]);
	kernel_drop_btf(&set->kernel);
}
