// SPDX-License-Identifier: BSD-3-Clause
#include "probe/core.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/elf.h"
#include "probe/naming.h"
#include "service/cgroup.h"

PROBE_ELF(core);

static const struct hook core_hooks[] = {
	{ { TRACEPOINT("fork") }, .purpose = "identities of new processes" },
	{ { TRACEPOINT("exec") }, .purpose = "identities of new programs" },
	{ { TRACEPOINT("cgroup_attach") },
	  .purpose = "identities of tasks that change their cgroup" },
	{ { TRACEPOINT("switch") }, .purpose = "who runs on each CPU" },
	{ { TRACEPOINT("listen") }, .optional = true, .purpose = "services named by port" },
	{ { TRACEPOINT("free") }, .purpose = "the end of tasks, where they carry no storage" },
	{ { "task_scan_iter", TRACEPOINT("sight") },
	  .on_demand = true,
	  .purpose = "tasks that are alive" },
	{ .alt[0] = NULL },
};

static const struct metric core_metrics[] = {
	{ "seismo_cpu_seconds_total", METRIC_COUNTER, UNIT_SECONDS,
	  "Time on the CPU, from the scheduler.", .service = true, .max = 4096,
	  .unflushed = offsetof(struct task_totals, cpu_ns) },
	{ "seismo_run_queue_wait_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
	  "Time runnable but waiting for a CPU, per turn on it.", .service = true, .max = 1024 },
	{ "seismo_cpu_periods_total", METRIC_COUNTER, UNIT_NONE,
	  "Periods in which the service's cgroup ran under a CPU quota.", .service = true,
	  .cgroup = offsetof(struct cgroup_stats, periods) },
	{ "seismo_cpu_throttled_periods_total", METRIC_COUNTER, UNIT_NONE,
	  "Periods in which it had used its quota up and had to wait.", .service = true,
	  .cgroup = offsetof(struct cgroup_stats, throttled_periods) },
	{ "seismo_cpu_throttled_seconds_total", METRIC_COUNTER, UNIT_SECONDS,
	  "Time that it had to wait, on each CPU.", .service = true,
	  .cgroup = offsetof(struct cgroup_stats, throttled_ns) },
	{ .name = NULL },
};

/* Everything that has a size known only at start. Caches by identity are found by their name. */
struct table {
	const char *name;
	u32 entries;
	size_t value_size;
};

#define TABLES 16

static unsigned tables(struct table table[TABLES], const struct core_sizes *s)
{
	const struct table rows[] = {
		{ "identities", s->identities, sizeof(struct identity) },
		{ "identity_states", s->identities, sizeof(struct identity_state) },
		{ "task_totals", s->identities, sizeof(struct task_totals) },
		{ "identity_ids", s->identities, sizeof(struct identity_key) + 64 },
		{ "free_identities", s->identities, sizeof(struct id_range) },
		{ "cpus", s->cpus, sizeof(struct cpu) },
		{ "counters", s->cpus * s->counters, sizeof(u64) },
		{ "counter_owners", s->counters, sizeof(struct series_key) },
		{ "free_counters", s->counters, sizeof(struct id_range) },
		{ "hists", s->cpus * s->hists, sizeof(struct hist) },
		{ "hist_owners", s->hists, sizeof(struct series_key) },
		{ "free_hists", s->hists, sizeof(struct id_range) },
		{ "series", s->counters + s->hists, sizeof(struct series_key) + 64 },
		{ "tasks_by_address", s->tasks, sizeof(struct task_ctx) + 64 },
	};

	memcpy(table, rows, sizeof(rows));
	return sizeof(rows) / sizeof(*rows);
}

#define CACHE_BYTES 1200 /* all caches of one identity, for planning */

static u64 sizes_bytes(const struct core_sizes *s)
{
	struct table table[TABLES];
	u64 sum = (u64)s->identities * CACHE_BYTES;

	for (unsigned i = tables(table, s); i-- > 0;)
		sum += (u64)table[i].entries * table[i].value_size;
	return sum;
}

#define TASKS_MAX 32768

int core_sizes_plan(struct core_sizes *ret, const struct conf *conf, bool storage)
{
	u64 memory = conf->limits.memory_bytes;
	struct core_sizes s = { .hists = 4096, .tasks = storage ? 0 : TASKS_MAX };

	s.cpus = (u32)libbpf_num_possible_cpus();
	/* a service is often several identities: its shell, its workers, its helpers */
	s.identities = (u32)conf->limits.services * 2;
	if (s.identities < 256)
		s.identities = 256;
	s.counters = METRIC_MAX + (u32)conf->limits.series;
	while (sizes_bytes(&s) > memory && s.hists > 128)
		s.hists -= s.hists / 8;
	while (sizes_bytes(&s) > memory && s.counters > 1024)
		s.counters -= s.counters / 8;
	while (sizes_bytes(&s) > memory && s.identities > 256)
		s.identities -= s.identities / 8;
	s.bytes = sizes_bytes(&s);
	*ret = s;
	return s.bytes > memory ? -ENOMEM : 0;
}

/*
 * Kernels up to 6.0 warn loudly when a raw tracepoint or a kprobe allocates (94dacdbd5d2d "bpf: Tighten the
 * requirements for preallocated hash maps").
 */
#define PREALLOCATED_MAX 4096

static void map_preallocate(struct bpf_map *map)
{
	if (bpf_map__type(map) != BPF_MAP_TYPE_HASH ||
	    !(bpf_map__map_flags(map) & BPF_F_NO_PREALLOC))
		return;
	bpf_map__set_map_flags(map, bpf_map__map_flags(map) & ~(u32)BPF_F_NO_PREALLOC);
	if (bpf_map__max_entries(map) > PREALLOCATED_MAX)
		bpf_map__set_max_entries(map, PREALLOCATED_MAX);
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t len = strlen(s), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(s + len - suffix_len, suffix);
}

/* Of the tables that stand in for each other, one. */
static bool map_unused(const struct core *core, const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_SK_STORAGE:
		return !core->storage;
	default:
		return core->storage && has_suffix(bpf_map__name(map), "_by_address");
	}
}

static void sizes_apply(struct core *core, struct bpf_object *object)
{
	struct table table[TABLES];
	unsigned cnt = tables(table, &core->sizes);
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);

		bpf_map__set_autocreate(map, !map_unused(core, map));
		if (!core->typed)
			map_preallocate(map);
		if (has_suffix(name, "_slots"))
			bpf_map__set_max_entries(map, core->sizes.identities);
		for (unsigned i = 0; i < cnt; i++)
			if (!strcmp(table[i].name, name))
				bpf_map__set_max_entries(map, table[i].entries);
	}
}

/* The descriptor of a table that was created for an object before, negative: there is none of this name. */
static int table_shared(const struct core *core, const char *name)
{
	int fd = -ENOENT;

	for (unsigned i = 0; i < core->family_cnt && fd < 0; i++)
		fd = bpf_object__find_map_fd_by_name(core->families[i]->object, name);
	return fd;
}

int core_share(struct core *core, struct bpf_object *object)
{
	struct bpf_map *map;
	int fd, err = 0;

	sizes_apply(core, object);
	bpf_object__for_each_map(map, object) {
		fd = bpf_map__autocreate(map) ? table_shared(core, bpf_map__name(map)) : -ENOENT;
		if (fd >= 0)
			err = err ?: bpf_map__reuse_fd(map, fd);
	}
	return err;
}

bool core_has_table(const struct core *core, const char *name)
{
	return table_shared(core, name) >= 0;
}

void core_tail_calls_add(struct core *core, const char *table)
{
	if (core->tail_call_map_cnt < CORE_TAIL_CALL_MAPS)
		core->tail_call_maps[core->tail_call_map_cnt++] = table;
}

bool core_tail_calls(const struct core *core, const char *table)
{
	for (unsigned i = 0; i < core->tail_call_map_cnt; i++)
		if (!strcmp(core->tail_call_maps[i], table))
			return true;
	return false;
}

void core_register_family(struct core *core, struct probe_run *run)
{
	core->families[core->family_cnt++] = run;
}

struct probe_run *core_family(const struct core *core, const char *name)
{
	for (unsigned i = 0; name && i < core->family_cnt; i++)
		if (!strcmp(core->families[i]->probe->name, name))
			return core->families[i];
	return NULL;
}

static size_t page_round(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) & ~(page - 1);
}

static void *table_map(int fd, size_t len)
{
	void *mem = mmap(NULL, page_round(len), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

void *core_row(struct core_table *t, u32 row)
{
	u32 want = t->mapped ? t->mapped : ID_RANGE_MAX;

	if (row >= t->size)
		return NULL;
	if (row >= t->mapped) {
		while (want <= row)
			want *= 2;
		if (want > t->size)
			want = t->size;
		if (t->rows)
			munmap(t->rows, page_round(t->mapped * t->row_size));
		t->rows = table_map(t->fd, want * t->row_size);
		t->mapped = t->rows ? want : 0;
	}
	return t->rows ? t->rows + row * t->row_size : NULL;
}

int core_register_slot_caches(struct core *core, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		if (!has_suffix(bpf_map__name(map), "_slots"))
			continue;
		if (core->cache_cnt == CORE_CACHES)
			return -E2BIG;
		core->caches[core->cache_cnt++] = (struct core_table){
			.fd = bpf_map__fd(map),
			.row_size = (bpf_map__value_size(map) + 7u) & ~7u,
			.size = core->sizes.identities,
		};
	}
	return 0;
}

int core_map_fd(struct core *core, const char *name)
{
	return core->run.object ? bpf_object__find_map_fd_by_name(core->run.object, name) : -ENOENT;
}

static int tables_map(struct core *core)
{
	const struct core_sizes *s = &core->sizes;
	const struct {
		const char *name;
		void **mem;
		size_t size;
	} maps[] = {
		{ "identity_states", (void **)&core->states,
		  s->identities * sizeof(struct identity_state) },
		{ "task_totals", (void **)&core->task_totals,
		  s->identities * sizeof(struct task_totals) },
		{ "cpus", (void **)&core->cpus, s->cpus * sizeof(struct cpu) },
		{ "counters", (void **)&core->counters,
		  (size_t)s->cpus * s->counters * sizeof(u64) },
		{ "counter_owners", (void **)&core->counter_owners,
		  s->counters * sizeof(struct series_key) },
		{ "hist_owners", (void **)&core->hist_owners,
		  s->hists * sizeof(struct series_key) },
		{ "budgets", (void **)&core->budgets, METRIC_MAX * sizeof(struct budget) },
	};

	core->identities = (struct core_table){
		.fd = core_map_fd(core, "identities"),
		.row_size = sizeof(struct identity),
		.size = s->identities,
	};
	core->hists = (struct core_table){
		.fd = core_map_fd(core, "hists"),
		.row_size = s->cpus * sizeof(struct hist),
		.size = s->hists,
	};
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		*maps[i].mem = table_map(core_map_fd(core, maps[i].name), maps[i].size);
		if (!*maps[i].mem)
			return -errno;
	}
	return 0;
}

void core_budget(struct core *core, unsigned metric, u32 max)
{
	if (core->budgets && metric < METRIC_MAX)
		core->budgets[metric].max = max;
}

static const char *const pool_stacks[] = {
	[POOL_IDENTITY] = "free_identities",
	[POOL_COUNTER] = "free_counters",
	[POOL_HIST] = "free_hists",
};

int core_free(struct core *core, enum core_pool pool, u32 number)
{
	const struct id_range range = { number, 1 };
	int fd = core_map_fd(core, pool_stacks[pool]);

	return bpf_map_update_elem(fd, NULL, &range, BPF_ANY) ? -errno : 0;
}

/* Low numbers come out first, so that what is in use stays together. */
static int pool_fill(struct core *core, enum core_pool pool, u32 first, u32 end)
{
	int fd = core_map_fd(core, pool_stacks[pool]);
	struct id_range range;

	for (u32 i = (end - first + ID_RANGE_MAX - 1) / ID_RANGE_MAX; i-- > 0;) {
		range.first = first + i * ID_RANGE_MAX;
		range.cnt = end - range.first < ID_RANGE_MAX ? end - range.first : ID_RANGE_MAX;
		if (bpf_map_update_elem(fd, NULL, &range, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int pools_fill(struct core *core)
{
	int err = pool_fill(core, POOL_IDENTITY, 1, core->sizes.identities);

	err = err ?: pool_fill(core, POOL_COUNTER, METRIC_MAX, core->sizes.counters);
	return err ?: pool_fill(core, POOL_HIST, METRIC_MAX, core->sizes.hists);
}

int core_identity_unlink(struct core *core, u32 identity)
{
	const struct identity *row = core_row(&core->identities, identity);

	if (!row)
		return -ENOMEM;
	return bpf_map_delete_elem(core_map_fd(core, "identity_ids"), &row->key) ? -errno : 0;
}

int core_series_delete(struct core *core, const struct series_key *key)
{
	return bpf_map_delete_elem(core_map_fd(core, "series"), key) ? -errno : 0;
}

int core_iterate(struct hook_run *hook)
{
	char buf[64];
	ssize_t n;
	int fd = bpf_iter_create(bpf_link__fd(hook->link));

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EAGAIN))
		;
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

static void task_total_add(struct core *core, const struct task_ctx *tc)
{
	struct task_totals *row = &core->task_totals[tc->identity];

	if (tc->identity >= core->sizes.identities || core->states[tc->identity].gen != tc->gen)
		return;
	row->tasks++;
	row->processes += tc->tid == tc->tgid && !tc->gone;
}

/* Where no iterator can go through the tasks: those that were seen. */
static int tasks_read(struct core *core)
{
	int fd = core_map_fd(core, "tasks_by_address");
	u64 keys[256], batch = 0;
	struct task_ctx tasks[256];
	u32 cnt;
	int err;

	for (void *in = NULL;; in = &batch) {
		cnt = sizeof(keys) / sizeof(*keys);
		err = bpf_map_lookup_batch(fd, in, &batch, keys, tasks, &cnt, NULL);
		if (err && errno != ENOENT)
			return -errno;
		for (u32 i = 0; i < cnt; i++)
			task_total_add(core, &tasks[i]);
		if (err)
			return 0;
	}
}

int core_task_scan(struct core *core)
{
	struct hook_run *scan = probe_hook(&core->run, "task_scan_iter");

	memset(core->task_totals, 0, core->sizes.identities * sizeof(*core->task_totals));
	return scan->chosen ? tasks_read(core) : core_iterate(scan);
}

/* The core's own object, before it is loaded. */
static int core_setup(struct probe_run *run)
{
	const struct conf *conf = run->core->conf;
	bool ports = false, args = false;

	for (unsigned i = 0; i < conf->service_cnt; i++) {
		ports |= conf->services[i].match.port != 0;
		args |= conf->services[i].match.command != NULL;
	}
	probe_hook(run, "listen_btf")->disabled = !ports;
	probe_hook(run, "free_btf")->disabled = run->core->storage;
	return probe_const(run, "want_args", &args, sizeof(args));
}

/* The tables exist and nothing is attached yet. */
static int core_loaded(struct probe_run *run)
{
	struct core *core = run->core;
	int err = tables_map(core);

	if (err)
		return err;
	for (unsigned i = 0; i < core->sizes.cpus; i++) {
		core->cpus[i].identity = IDENTITY_UNKNOWN;
		core->cpus[i].counters = i * core->sizes.counters;
	}
	for (const struct metric *m = run->probe->metrics; m->name; m++)
		core_budget(core, run->metric_base + (unsigned)(m - run->probe->metrics), m->max);
	err = pools_fill(core);
	err = err ?: naming_interpreters(core_map_fd(core, "interpreters"));
	err = err ?: naming_ports(core_map_fd(core, "listen_ports"), core->conf);
	return err ?: naming_processes(core_map_fd(core, "proc_snapshots"), core->conf);
}

/* Every task that came before us gets its identity. */
static int core_started(struct probe_run *run)
{
	struct core *core = run->core;
	struct hook_run *scan = probe_hook(run, "task_scan_iter");
	int err = hook_attach(run, scan);

	err = err ?: core_task_scan(core);
	if (!scan->chosen) /* otherwise they are still to come */
		naming_processes_drop(core_map_fd(core, "proc_snapshots"));
	return err;
}

const struct probe probe_core = {
	.name = "core",
	.summary = "identities of tasks, CPU time, run-queue wait",
	.elf = &core_elf,
	.hooks = core_hooks,
	.metrics = core_metrics,
	.mode = PROBE_MODE_ON,
	.setup = core_setup,
	.loaded = core_loaded,
	.started = core_started,
};

/* Forced hooks have to be there, and those whose pointers are numbers ask that of all. */
static int forced_check(struct core *core)
{
	for (const struct forced_hook *f = core->forced; f && f->family; f++) {
		const struct probe *probe = &probe_core;
		bool found = false;

		for (const struct probe *const *p = probes; *p; p++)
			if (!strcmp((*p)->name, f->family))
				probe = *p;
		for (const struct hook *h = probe->hooks; h->alt[0]; h++)
			for (int i = 0; h->alt[i]; i++)
				found |= !strcmp(h->alt[i], f->program);
		if (!found || strcmp(probe->name, f->family) != 0) {
			snprintf(
				core->run.error, sizeof(core->run.error),
				"--hook %s=%s: there is none of this name, `seismo check --format json` lists them",
				f->family, f->program);
			return -ESRCH;
		}
		if (has_suffix(f->program, "_raw") || has_suffix(f->program, "_kprobe"))
			core->typed = false;
	}
	return 0;
}

static int types_load(struct core *core)
{
	struct btf *own = btf__load_vmlinux_btf();
	int err = own ? 0 : -errno;
	char why[128];

	core->kernel_typed = own;
	core->kernel = own;
	if (core->btf_path) {
		core->kernel = btf__parse(core->btf_path, NULL);
		err = core->kernel ? 0 : -errno;
		btf__free(own);
	}
	core->typed = core->kernel_typed;
	if (!err)
		return forced_check(core);
	libbpf_strerror(err, why, sizeof(why));
	if (core->btf_path)
		snprintf(core->run.error, sizeof(core->run.error), "no BTF in '%s': %s",
			 core->btf_path, why);
	else
		snprintf(
			core->run.error, sizeof(core->run.error),
			"this kernel does not describe its types (no /sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF is off): give a file that does with --btf FILE, made from its vmlinux with debug information by `pahole -J`");
	return err == -EPERM ? err : -ENOTSUP;
}

static int core_try(struct core *core)
{
	int err = core_sizes_plan(&core->sizes, core->conf, core->storage);

	core->cache_cnt = 0;
	if (err) {
		snprintf(core->run.error, sizeof(core->run.error),
			 "the tables do not fit into limits.memory: at least %llu KiB are needed",
			 (unsigned long long)core->sizes.bytes >> 10);
		return err;
	}
	err = probe_start(&core->run, &probe_core, core, PROBE_MODE_ON, CORE_METRIC_BASE);
	return err ?: core->run.err;
}

int core_start(struct core *core, const struct conf *conf)
{
	int err;

	probe_init();
	core->conf = conf;
	err = types_load(core);
	if (err)
		return err;
	core->storage = core->typed;
	err = core_try(core);
	if (!err || err == -EPERM || err == -ENOMEM || !core->storage)
		return err;
	core->storage = false;
	return core_try(core);
}

void core_drop_btf(struct core *core)
{
	btf__free(core->kernel);
	core->kernel = NULL;
	malloc_trim(0);
}

/* The mapped tables go with the process; the kernel's go with the last program. */
void core_stop(struct core *core)
{
	probe_stop(&core->run);
	btf__free(core->kernel);
}
