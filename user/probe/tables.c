// SPDX-License-Identifier: BSD-3-Clause
#include "probe/tables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring_event.h"

/* The tables whose size is computed at start. Slot caches are found by their suffix. */
struct table_size {
	const char *name;
	u32 entries;
	size_t value_size;
};

#define SIZES 22

/* Rows of table hist_uses that one CPU has. */
static u32 use_rows(const struct table_sizes *s)
{
	return (s->hists + HIST_USES - 1) / HIST_USES;
}

static unsigned sizes_list(struct table_size list[SIZES], const struct table_sizes *s)
{
	const struct table_size rows[] = {
		{ "identities", s->identities, sizeof(struct identity) },
		{ "identity_states", s->identities, sizeof(struct identity_state) },
		{ "task_totals", s->identities, sizeof(struct task_totals) },
		{ "cgroup_usages", s->identities, sizeof(struct cgroup_usages) },
		{ "identity_ids", s->identities, sizeof(struct identity_key) + 64 },
		{ "free_identities", s->identities, sizeof(struct id_range) },
		{ "cpus", s->cpus, sizeof(struct cpu) },
		{ "missed_cpus", s->cpus, sizeof(struct missed_cpu) },
		{ "counters", s->lanes * s->counters, sizeof(u64) },
		{ "counter_owners", s->counters, sizeof(struct series_key) },
		{ "free_counters", s->counters, sizeof(struct id_range) },
		{ "hists", s->hists, sizeof(struct hist) },
		{ "hist_cells", s->cells, sizeof(struct hist) },
		{ "hist_uses", s->cpus * use_rows(s), sizeof(struct hist_uses) },
		{ "hist_cell_ids", s->cells, sizeof(struct hist_cell_key) + 64 },
		{ "free_hist_cells", s->cells, sizeof(struct id_range) },
		{ "hist_owners", s->hists, sizeof(struct series_key) },
		{ "free_hists", s->hists, sizeof(struct id_range) },
		{ "series", s->counters + s->hists, sizeof(struct series_key) + 64 },
		{ "events", s->event_bytes, 1 },
		{ "slowest", s->identities, sizeof(struct slowest) },
		{ "tasks_by_address", s->tasks, sizeof(struct task_ctx) + 64 },
	};

	memcpy(list, rows, sizeof(rows));
	return sizeof(rows) / sizeof(*rows);
}

#define CACHE_BYTES 1200 /* slot caches of one identity, an estimate */

static u64 sizes_bytes(const struct table_sizes *s)
{
	struct table_size list[SIZES];
	u64 sum = (u64)s->identities * CACHE_BYTES;

	for (unsigned i = sizes_list(list, s); i-- > 0;)
		sum += (u64)list[i].entries * list[i].value_size;
	return sum;
}

#define TASKS_MAX	 32768
#define TASKS_SPARE	 1024 /* of those that the kernel gives no storage */
#define EVENTS_PART	 64   /* of the memory; a second of 2,000 processes fits into the default */
#define EVENTS_MAX	 (1U << 20)
#define EVENTS_LEAST	 (1U << 16)
#define HISTS_LEAST	 (METRIC_MAX + 64)
#define CELLS_LEAST	 256
#define LANES_MANY	 64 /* more do not pay: a lane that few CPUs share is seldom contended */
#define LANES_LEAST	 8
#define COUNTERS_LEAST	 1024
#define IDENTITIES_LEAST 256

static u32 min_u32(u32 a, u32 b)
{
	return a < b ? a : b;
}

/* Makes one of the sizes smaller, as long as all together are too large. */
static void shrink(struct table_sizes *s, u32 *size, u32 least, u64 memory)
{
	while (sizes_bytes(s) > memory && *size > least)
		*size -= min_u32(*size - least, *size / 8);
}

/* The kernel wants a power of two, and whole pages. */
static u32 event_bytes(u64 memory)
{
	u32 bytes = EVENTS_MAX;

	while (bytes > EVENTS_LEAST && bytes > memory / EVENTS_PART)
		bytes /= 2;
	return bytes;
}

/* The cells that there is memory left for; a cell for each CPU and slot is enough. */
static void cells_grow(struct table_sizes *s, u64 memory)
{
	struct table_sizes one = *s;
	u64 max = (u64)s->cpus * s->hists + 1, each;

	one.cells++;
	each = sizes_bytes(&one) - sizes_bytes(s);
	if (sizes_bytes(s) < memory)
		s->cells += (u32)((memory - sizes_bytes(s)) / each);
	if (s->cells > max)
		s->cells = (u32)max;
	s->cells = min_u32(s->cells, UINT16_MAX);
}

u32 table_counters_wanted(const struct conf_limits *limits)
{
	return limits->series < TABLE_COUNTERS_MAX ? (u32)limits->series : TABLE_COUNTERS_MAX;
}

/*
 * What the limits promise comes first: that there is less memory than a CPU could use for itself costs time, when
 * CPUs add to the same memory, but no series.
 */
int table_sizes_plan(struct table_sizes *ret, const struct conf_limits *limits, u32 cpus,
		     bool storage)
{
	u64 memory = limits->memory_bytes;
	struct table_sizes s = {
		.cpus = cpus,
		/* a service is often several identities: its shell, its workers, its helpers */
		.identities = (u32)limits->services * 2,
		.counters = METRIC_MAX + table_counters_wanted(limits),
		.lanes = min_u32(cpus, LANES_LEAST),
		.hists = TABLE_HISTS,
		.cells = CELLS_LEAST,
		.tasks = storage ? TASKS_SPARE : TASKS_MAX,
		.event_bytes = EVENTS_LEAST,
	};

	if (s.identities < IDENTITIES_LEAST)
		s.identities = IDENTITIES_LEAST;
	s.wanted_bytes = sizes_bytes(&s);
	s.event_bytes = event_bytes(memory);
	s.lanes = cpus;
	s.cells = min_u32(cpus * TABLE_HISTS, TABLE_HISTS);
	shrink(&s, &s.lanes, min_u32(cpus, LANES_MANY), memory);
	shrink(&s, &s.cells, CELLS_LEAST, memory);
	shrink(&s, &s.lanes, min_u32(cpus, LANES_LEAST), memory);
	while (sizes_bytes(&s) > memory && s.event_bytes > EVENTS_LEAST)
		s.event_bytes /= 2;
	shrink(&s, &s.hists, HISTS_LEAST, memory);
	shrink(&s, &s.counters, COUNTERS_LEAST, memory);
	shrink(&s, &s.identities, IDENTITIES_LEAST, memory);
	cells_grow(&s, memory);
	s.bytes = sizes_bytes(&s);
	*ret = s;
	return s.bytes > memory ? -ENOMEM : 0;
}

u32 table_hist_stride(const struct table_sizes *s)
{
	return s->cells > (u64)s->cpus * s->hists ? s->cpus : 0;
}

bool table_sizes_short(const struct table_sizes *s, const struct conf_limits *limits)
{
	return s->hists < TABLE_HISTS || s->counters < METRIC_MAX + table_counters_wanted(limits) ||
	       s->identities < 2 * limits->services;
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

/*
 * Requests under way, which must not push each other out while there is room. Kernels before 6.16 let each CPU that adds a row take
 * so many for a list of its own, and keep as many more in it.
 */
#define LRU_LIST (2 * 128)

static bool map_is_under_way(const char *name)
{
	return !strcmp(name, "request_streams") || !strcmp(name, "request_hpack") ||
	       !strcmp(name, "request_numbered");
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t len = strlen(s), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(s + len - suffix_len, suffix);
}

/* Storage and tables by address are alternatives, except that tasks may need both: one of them is not created. */
static bool map_unused(const struct kernel *k, const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_SK_STORAGE:
		return !k->storage;
	default:
		return k->storage && has_suffix(bpf_map__name(map), "_by_address") &&
		       strcmp(bpf_map__name(map), "tasks_by_address") != 0;
	}
}

static void sizes_apply(const struct tables *t, const struct kernel *k, struct bpf_object *object)
{
	struct table_size list[SIZES];
	unsigned cnt = sizes_list(list, &t->sizes);
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);

		bpf_map__set_autocreate(map, !map_unused(k, map));
		if (!k->typed)
			map_preallocate(map);
		if (map_is_under_way(name))
			bpf_map__set_max_entries(map, bpf_map__max_entries(map) +
							      LRU_LIST * t->sizes.cpus);
		if (has_suffix(name, "_slots"))
			bpf_map__set_max_entries(map, t->sizes.identities);
		for (unsigned i = 0; i < cnt; i++)
			if (!strcmp(list[i].name, name))
				bpf_map__set_max_entries(map, list[i].entries);
	}
}

int tables_fd(const struct tables *t, const char *name)
{
	int fd = -ENOENT;

	for (unsigned i = 0; i < t->object_cnt && fd < 0; i++)
		fd = bpf_object__find_map_fd_by_name(t->objects[i], name);
	return fd;
}

int tables_share(const struct tables *t, const struct kernel *k, struct bpf_object *object)
{
	struct bpf_map *map;
	int fd, err = 0;

	sizes_apply(t, k, object);
	bpf_object__for_each_map(map, object) {
		fd = bpf_map__autocreate(map) ? tables_fd(t, bpf_map__name(map)) : -ENOENT;
		if (fd >= 0)
			err = err ?: bpf_map__reuse_fd(map, fd);
	}
	return err;
}

static int slot_caches_add(struct tables *t, const struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		if (!has_suffix(bpf_map__name(map), "_slots") || bpf_map__fd(map) < 0)
			continue;
		if (t->slot_cache_cnt == SLOT_CACHES)
			return -E2BIG;
		t->slot_caches[t->slot_cache_cnt++] = (struct table){
			.object = object,
			.fd = bpf_map__fd(map),
			.row_size = (bpf_map__value_size(map) + 7u) & ~7u,
			.size = t->sizes.identities,
		};
	}
	return 0;
}

int tables_add(struct tables *t, struct bpf_object *object)
{
	if (t->object_cnt == TABLE_OBJECTS)
		return -E2BIG;
	t->objects[t->object_cnt++] = object;
	return slot_caches_add(t, object);
}

static size_t page_round(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) & ~(page - 1);
}

static void *fd_map(int fd, size_t len)
{
	void *mem = mmap(NULL, page_round(len), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static void table_unmap(struct table *t)
{
	if (t->rows)
		munmap(t->rows, page_round(t->mapped * t->row_size));
}

void *table_row(struct table *t, u32 row)
{
	u32 want = t->mapped ? t->mapped : ID_RANGE_MAX;

	if (row >= t->size)
		return NULL;
	if (row >= t->mapped) {
		while (want <= row)
			want *= 2;
		if (want > t->size)
			want = t->size;
		table_unmap(t);
		t->rows = fd_map(t->fd, want * t->row_size);
		t->mapped = t->rows ? want : 0;
	}
	return t->rows ? t->rows + row * t->row_size : NULL;
}

void tables_remove(struct tables *t, const struct bpf_object *object)
{
	unsigned cnt = 0;

	for (unsigned i = 0; i < t->object_cnt; i++)
		if (t->objects[i] != object)
			t->objects[cnt++] = t->objects[i];
	t->object_cnt = cnt;
	cnt = 0;
	for (unsigned i = 0; i < t->slot_cache_cnt; i++)
		if (t->slot_caches[i].object == object)
			table_unmap(&t->slot_caches[i]);
		else
			t->slot_caches[cnt++] = t->slot_caches[i];
	t->slot_cache_cnt = cnt;
}

int tables_map(struct tables *t)
{
	const struct table_sizes *s = &t->sizes;
	const struct {
		const char *name;
		void **mem;
		size_t size;
	} maps[] = {
		{ "identity_states", (void **)&t->states,
		  s->identities * sizeof(struct identity_state) },
		{ "task_totals", (void **)&t->task_totals,
		  s->identities * sizeof(struct task_totals) },
		{ "cpus", (void **)&t->cpus, s->cpus * sizeof(struct cpu) },
		{ "counters", (void **)&t->counters, (size_t)s->lanes * s->counters * sizeof(u64) },
		{ "hist_uses", (void **)&t->hist_uses,
		  (size_t)s->cpus * use_rows(s) * sizeof(struct hist_uses) },
		{ "counter_owners", (void **)&t->counter_owners,
		  s->counters * sizeof(struct series_key) },
		{ "hist_owners", (void **)&t->hist_owners, s->hists * sizeof(struct series_key) },
		{ "budgets", (void **)&t->budgets, METRIC_MAX * sizeof(struct budget) },
	};

	t->identities = (struct table){
		.fd = tables_fd(t, "identities"),
		.row_size = sizeof(struct identity),
		.size = s->identities,
	};
	t->usages = (struct table){
		.fd = tables_fd(t, "cgroup_usages"),
		.row_size = sizeof(struct cgroup_usages),
		.size = s->identities,
	};
	t->hists = (struct table){
		.fd = tables_fd(t, "hists"),
		.row_size = sizeof(struct hist),
		.size = s->hists,
	};
	t->hist_cells = (struct table){
		.fd = tables_fd(t, "hist_cells"),
		.row_size = sizeof(struct hist),
		.size = s->cells,
	};
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		*maps[i].mem = fd_map(tables_fd(t, maps[i].name), maps[i].size);
		if (!*maps[i].mem)
			return -errno;
	}
	for (u32 cpu = 0; cpu < s->cpus; cpu++)
		t->cpus[cpu] = (struct cpu){
			.identity = IDENTITY_UNKNOWN,
			.counters = cpu % s->lanes * s->counters,
			.hist_uses = cpu * use_rows(s),
		};
	tables_budget(t, BUDGET_CELLS, s->cells - 1);
	return 0;
}

void tables_budget(struct tables *t, unsigned metric, u32 max)
{
	if (t->budgets && metric < METRIC_MAX)
		t->budgets[metric].max = max;
}

static const char *const pool_stacks[] = {
	[POOL_IDENTITY] = "free_identities",
	[POOL_COUNTER] = "free_counters",
	[POOL_HIST] = "free_hists",
	[POOL_CELL] = "free_hist_cells",
};

int tables_free(struct tables *t, enum table_pool pool, u32 number)
{
	const struct id_range range = { number, 1 };
	int fd = tables_fd(t, pool_stacks[pool]);

	return bpf_map_update_elem(fd, NULL, &range, BPF_ANY) ? -errno : 0;
}

/* Low numbers are handed out first, so that the rows in use stay together. */
static int pool_fill(struct tables *t, enum table_pool pool, u32 first, u32 end)
{
	int fd = tables_fd(t, pool_stacks[pool]);
	struct id_range range;

	for (u32 i = (end - first + ID_RANGE_MAX - 1) / ID_RANGE_MAX; i-- > 0;) {
		range.first = first + i * ID_RANGE_MAX;
		range.cnt = end - range.first < ID_RANGE_MAX ? end - range.first : ID_RANGE_MAX;
		if (bpf_map_update_elem(fd, NULL, &range, BPF_ANY))
			return -errno;
	}
	return 0;
}

int tables_fill_pools(struct tables *t)
{
	int err = pool_fill(t, POOL_IDENTITY, 1, t->sizes.identities);

	err = err ?: pool_fill(t, POOL_COUNTER, METRIC_MAX, t->sizes.counters);
	err = err ?: pool_fill(t, POOL_HIST, METRIC_MAX, t->sizes.hists);
	return err ?: pool_fill(t, POOL_CELL, 1, t->sizes.cells);
}

int tables_identity_unlink(struct tables *t, u32 identity)
{
	const struct identity *row = table_row(&t->identities, identity);

	if (!row)
		return -ENOMEM;
	return bpf_map_delete_elem(tables_fd(t, "identity_ids"), &row->key) ? -errno : 0;
}

int tables_series_delete(struct tables *t, const struct series_key *key)
{
	return bpf_map_delete_elem(tables_fd(t, "series"), key) ? -errno : 0;
}

static u64 *counter_at(const struct tables *t, u32 lane, u32 slot)
{
	return &t->counters[(size_t)lane * t->sizes.counters + slot];
}

void tables_counters_sum(const struct tables *t, u32 slot, u32 cnt, u64 *sums)
{
	memset(sums, 0, cnt * sizeof(*sums));
	for (u32 lane = 0; lane < t->sizes.lanes; lane++) {
		const u64 *from = counter_at(t, lane, slot);

		for (u32 i = 0; i < cnt; i++)
			sums[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	}
}

void tables_counter_clear(struct tables *t, u32 slot)
{
	for (u32 lane = 0; lane < t->sizes.lanes; lane++)
		*counter_at(t, lane, slot) = 0;
}

static struct hist_use *hist_use(const struct tables *t, u32 cpu, u32 slot)
{
	const size_t row = (size_t)cpu * use_rows(&t->sizes) + slot / HIST_USES;

	return &t->hist_uses[row].slot[slot % HIST_USES];
}

/* The cell that a CPU has for a slot, 0: none. */
static u32 hist_cell(const struct tables *t, u32 cpu, u32 slot)
{
	u32 stride = table_hist_stride(&t->sizes);

	if (stride)
		return slot * stride + cpu + 1;
	return __atomic_load_n(&hist_use(t, cpu, slot)->cell, __ATOMIC_ACQUIRE);
}

static void hist_add(struct hist *into, const struct hist *row)
{
	const u64 *from = (const u64 *)row;

	for (size_t i = 0; from && i < sizeof(*into) / sizeof(u64); i++)
		((u64 *)into)[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void tables_hist_add(struct tables *t, u32 slot, struct hist *into)
{
	hist_add(into, table_row(&t->hists, slot));
	for (u32 cpu = 0; cpu < t->sizes.cpus; cpu++) {
		u32 cell = hist_cell(t, cpu, slot);

		if (cell)
			hist_add(into, table_row(&t->hist_cells, cell));
	}
}

static u64 hist_mark(const struct hist *row)
{
	return row ? __atomic_load_n(&row->sum_ns, __ATOMIC_RELAXED) +
			       __atomic_load_n(&row->bucket[0], __ATOMIC_RELAXED)
		   : 0;
}

void tables_hists_mark(struct tables *t, u32 slot, u32 cnt, u64 *marks)
{
	for (u32 i = 0; i < cnt; i++)
		marks[i] = hist_mark(table_row(&t->hists, slot + i));
	for (u32 cpu = 0; cpu < t->sizes.cpus; cpu++)
		for (u32 i = 0; i < cnt; i++) {
			u32 cell = hist_cell(t, cpu, slot + i);

			if (cell)
				marks[i] += hist_mark(table_row(&t->hist_cells, cell));
		}
}

static void hist_zero(struct hist *row)
{
	if (row)
		memset(row, 0, sizeof(*row));
}

static void cell_free(struct tables *t, u32 cpu, u32 slot)
{
	const struct hist_cell_key key = { cpu, slot };
	u32 cell = hist_cell(t, cpu, slot);

	*hist_use(t, cpu, slot) = (struct hist_use){ 0 };
	if (!cell)
		return;
	hist_zero(table_row(&t->hist_cells, cell));
	if (table_hist_stride(&t->sizes))
		return;
	bpf_map_delete_elem(tables_fd(t, "hist_cell_ids"), &key);
	tables_free(t, POOL_CELL, cell);
	__atomic_fetch_sub(&t->budgets[BUDGET_CELLS].used, 1, __ATOMIC_RELAXED);
}

void tables_hist_clear(struct tables *t, u32 slot)
{
	hist_zero(table_row(&t->hists, slot));
	for (u32 cpu = 0; cpu < t->sizes.cpus; cpu++)
		cell_free(t, cpu, slot);
}

#define AT_ONCE 256

int table_each(int fd, size_t key_size, size_t value_size,
	       void (*take)(void *ctx, const void *key, const void *value), void *ctx)
{
	char *keys = malloc(AT_ONCE * key_size), *values = malloc(AT_ONCE * value_size);
	u64 batch = 0; /* the kernel wants 4 bytes */
	void *in = NULL;
	int err = keys && values ? 0 : -ENOMEM;

	while (!err) {
		u32 cnt = AT_ONCE;

		if (bpf_map_lookup_batch(fd, in, &batch, keys, values, &cnt, NULL))
			err = -errno;
		if (err && err != -ENOENT)
			break;
		for (u32 i = 0; i < cnt; i++)
			take(ctx, keys + i * key_size, values + i * value_size);
		in = &batch;
	}
	free(keys);
	free(values);
	return err == -ENOENT ? 0 : err;
}
