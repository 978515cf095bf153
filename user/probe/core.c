// SPDX-License-Identifier: BSD-3-Clause
#include "probe/core.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe/elf.h"
#include "probe/seed.h"

PROBE_ELF(core);

static const struct hook core_hooks[] = {
	{ { "fork_btf" }, .observe = "identities of new processes" },
	{ { "exec_btf" }, .observe = "identities of new programs" },
	{ { "cgroup_attach_btf" }, .observe = "identities of tasks that change their cgroup" },
	{ { "switch_btf" }, .observe = "who runs on each CPU" },
	{ { "listen_btf" }, .optional = true, .observe = "services named by port" },
	{ { "census_iter" }, .idle = true, .observe = "tasks that are alive" },
	{ .alt[0] = NULL },
};

static const struct metric core_metrics[] = {
	{ "seismo_cpu_seconds_total", METRIC_COUNTER, UNIT_SECONDS,
	  "Time on the CPU, from the scheduler.", .service = true, .max = 4096 },
	{ "seismo_run_queue_wait_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
	  "Time runnable but waiting for a CPU, per turn on it.", .service = true, .max = 1024 },
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
		{ "identity_ids", s->identities, sizeof(struct identity_key) + 64 },
		{ "free_identities", s->identities, sizeof(struct range) },
		{ "cpus", s->cpus, sizeof(struct cpu) },
		{ "counters", s->cpus * s->counters, sizeof(u64) },
		{ "counter_owners", s->counters, sizeof(struct series_key) },
		{ "free_counters", s->counters, sizeof(struct range) },
		{ "hists", s->cpus * s->hists, sizeof(struct hist) },
		{ "hist_owners", s->hists, sizeof(struct series_key) },
		{ "free_hists", s->hists, sizeof(struct range) },
		{ "series", s->counters + s->hists, sizeof(struct series_key) + 64 },
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

int core_sizes_plan(struct core_sizes *ret, const struct conf *conf)
{
	u64 memory = conf->limits.memory_bytes;
	struct core_sizes s = { .hists = 4096 };

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

static bool is_cache(const char *name)
{
	size_t len = strlen(name);

	return len > 6 && !strcmp(name + len - 6, "_slots");
}

static void sizes_apply(struct core *core, struct bpf_object *object)
{
	struct table table[TABLES];
	unsigned cnt = tables(table, &core->sizes);
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);

		if (is_cache(name))
			bpf_map__set_max_entries(map, core->sizes.identities);
		for (unsigned i = 0; i < cnt; i++)
			if (!strcmp(table[i].name, name))
				bpf_map__set_max_entries(map, table[i].entries);
	}
}

int core_share(struct core *core, struct bpf_object *object)
{
	struct bpf_map *map, *shared;
	int err;

	sizes_apply(core, object);
	if (!core->run.object || object == core->run.object)
		return 0;
	bpf_object__for_each_map(map, object) {
		shared = bpf_object__find_map_by_name(core->run.object, bpf_map__name(map));
		if (!shared)
			continue;
		err = bpf_map__reuse_fd(map, bpf_map__fd(shared));
		if (err)
			return err;
	}
	return 0;
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
	u32 want = t->mapped ? t->mapped : RANGE_MAX;

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

int core_adopt_caches(struct core *core, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		if (!is_cache(bpf_map__name(map)))
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
	const struct range range = { number, 1 };
	int fd = core_map_fd(core, pool_stacks[pool]);

	return bpf_map_update_elem(fd, NULL, &range, BPF_ANY) ? -errno : 0;
}

/* Low numbers come out first, so that what is in use stays together. */
static int pool_fill(struct core *core, enum core_pool pool, u32 first, u32 end)
{
	int fd = core_map_fd(core, pool_stacks[pool]);
	struct range range;

	for (u32 i = (end - first + RANGE_MAX - 1) / RANGE_MAX; i-- > 0;) {
		range.first = first + i * RANGE_MAX;
		range.cnt = end - range.first < RANGE_MAX ? end - range.first : RANGE_MAX;
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

int core_census(struct core *core)
{
	for (u32 i = 0; i < core->sizes.identities; i++)
		core->states[i].tasks = core->states[i].processes = 0;
	return core_iterate(probe_hook(&core->run, "census_iter"));
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
	probe_hook(run, "listen_btf")->unwanted = !ports;
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
	err = err ?: seed_interpreters(core_map_fd(core, "interpreters"));
	err = err ?: seed_ports(core_map_fd(core, "listen_ports"), core->conf);
	return err ?: seed_processes(core_map_fd(core, "seeds"), core->conf);
}

/* Every task that came before us gets its identity. */
static int core_started(struct probe_run *run)
{
	struct core *core = run->core;
	int err = hook_attach(run, probe_hook(run, "census_iter"));

	err = err ?: core_census(core);
	seed_forget(core_map_fd(core, "seeds"));
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

int core_start(struct core *core, const struct conf *conf)
{
	int err = core_sizes_plan(&core->sizes, conf);

	probe_init();
	core->conf = conf;
	core->sys_exit_calls = -1;
	if (err) {
		snprintf(core->run.error, sizeof(core->run.error),
			 "the tables do not fit into limits.memory: at least %llu KiB are needed",
			 (unsigned long long)core->sizes.bytes >> 10);
		return err;
	}
	core->kernel = btf__load_vmlinux_btf();
	if (!core->kernel) {
		err = -errno;
		snprintf(core->run.error, sizeof(core->run.error),
			 "this kernel does not describe its types (no /sys/kernel/btf/vmlinux): "
			 "CONFIG_DEBUG_INFO_BTF is needed");
		return err == -EPERM ? err : -ENOTSUP;
	}
	err = probe_start(&core->run, &probe_core, core, PROBE_MODE_ON, CORE_METRIC_BASE);
	if (err)
		return err;
	return core->run.err;
}

void core_settle(struct core *core)
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
