/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other side of the collector, played by a test: tables in memory of its own in place of those that are mapped, which
 * the test fills as the programs in the kernel would, and the tasks that a scan finds. Behind it the registry, where the
 * values come out.
 */
#ifndef UNIT_COLLECT_H
#define UNIT_COLLECT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/collect.h"
#include "service/cgroup.h"

#define SECOND 1000000000ULL

enum { CPUS = 2, IDENTITIES = 32, SLOTS = METRIC_MAX + 64, BUDGET = 24 };
enum { HIST_USE_ROWS = (SLOTS + HIST_USES - 1) / HIST_USES };

/* --- a family that has a metric of each kind */

static inline void label_number(u64 value, char *buf, size_t size)
{
	snprintf(buf, size, "%llu", (unsigned long long)value);
}

/* The label of PEER_WAIT is the service of the identity of this number. */
static bool peers_known;

static inline bool label_owner(u64 value, u32 *identity, u32 *gen)
{
	*identity = (u32)value;
	*gen = 0;
	return peers_known;
}

static inline void label_kind(u64 value, char *buf, size_t size)
{
	snprintf(buf, size, "%s", value & 1 ? "odd" : "even");
}

static inline const char *kind_of(const char *call)
{
	return atoi(call) & 1 ? "odd" : "even";
}

enum fake_metric {
	CALLS = METRIC_FIRST,
	ERRORS,
	WAIT,
	PEER_WAIT,
	STARTS,
	USED,
	ALIVE,
	SWAPPED,
	CACHED,
	WAITING,
	OLDEST,
	LIMIT,
	STALLED,
	PERIODS,
	CALL_SECONDS,
	CALL_SAMPLE,
	FAKE_METRICS
};

static const struct metric fake_metrics[] = {
	{ "calls_total", METRIC_COUNTER, .service = true, .max = BUDGET,
	  .labels = { { "call", 0, 32, label_number } } },
	{ "errors_total", METRIC_COUNTER, .max = BUDGET,
	  .labels = { { "device", 0, 32, label_number } } },
	{ "wait_seconds", METRIC_HISTOGRAM, UNIT_SECONDS, .service = true, .max = BUDGET },
	{ "peer_wait_seconds", METRIC_HISTOGRAM, UNIT_SECONDS, .service = true, .max = BUDGET,
	  .labels = { { "peer", 0, 32, label_number, label_owner } } },
	{ "starts_total", METRIC_COUNTER, .service = true, .max = BUDGET, .from_identity = true },
	{ "used_total", METRIC_COUNTER, .service = true, .max = BUDGET,
	  .unflushed = offsetof(struct task_totals, cpu_ns) },
	{ "alive", METRIC_GAUGE, .service = true,
	  .task_total = offsetof(struct task_totals, processes) },
	{ "swap_ins_total", METRIC_COUNTER, .service = true,
	  .cgroup = offsetof(struct cgroup_stats, swap_ins) },
	{ "cached_bytes", METRIC_GAUGE, .service = true,
	  .cgroup = offsetof(struct cgroup_stats, page_cache_bytes) },
	{ "waiting", METRIC_GAUGE, .service = true, .max = BUDGET, .scan = true },
	{ "oldest_seconds", METRIC_GAUGE, UNIT_SECONDS, .service = true, .max = BUDGET,
	  .scan = true, .largest = true },
	{ "limit", METRIC_GAUGE, .service = true, .largest = true, .no_zero = true,
	  .task_total = offsetof(struct task_totals, cpu_quota) },
	{ "stalled_total", METRIC_COUNTER, .service = true,
	  .labels = { { "kind", 0, 3, label_number } }, .usage = USAGE_PRESSURE,
	  .usage_cnt = PRESSURES },
	{ "periods_total", METRIC_COUNTER, .service = true, .usage = USAGE_QUOTA, .usage_cnt = 1 },
	{ "call_seconds", METRIC_HISTOGRAM, UNIT_SECONDS, .service = true, .max = BUDGET,
	  .labels = { { "kind", 0, 32, label_kind } }, .events = "calls_total",
	  .events_label = kind_of },
	{ "call_sample_seconds", METRIC_HISTOGRAM, UNIT_SECONDS, .service = true, .max = BUDGET,
	  .labels = { { "kind", 0, 32, label_kind } }, .hidden = true, .sample = true },
	{ .name = NULL },
};

static int fake_scan(struct probe_run *run);

static const struct probe fake_probe = {
	.name = "fake",
	.metrics = fake_metrics,
	.scan = fake_scan,
};

/* --- the kernel */

struct fake_kernel {
	struct tables tables;
	struct probe_run run;
	struct probe_run *runs[2];
	struct task_totals alive[IDENTITIES]; /* what the next scan finds */
	u64 waiting_ns[IDENTITIES][2]; /* how long two of its tasks have waited, 0: they do not */
	int scan_err;
	bool known[IDENTITIES];	    /* tasks may still get it */
	u32 freed[IDENTITIES];	    /* how often its number was given back */
	struct cgroup_stats cgroup; /* of each cgroup */
};

static struct fake_kernel kernel;

/* Stand in for the functions of these names: see the rule for unit tests in the Makefile. */
int __wrap_tables_free(struct tables *t, enum table_pool pool, u32 number);
int __wrap_tables_identity_unlink(struct tables *t, u32 identity);
int __wrap_tables_series_delete(struct tables *t, const struct series_key *key);

int __wrap_tables_free(struct tables *t, enum table_pool pool, u32 number)
{
	struct series_key *owners = pool == POOL_HIST ? t->hist_owners : t->counter_owners;

	if (pool == POOL_IDENTITY) {
		assert_false(kernel.known[number]);
		kernel.freed[number]++;
	} else {
		assert_int_equal(owners[number].metric, 0);
	}
	return 0;
}

int __wrap_tables_identity_unlink(struct tables *t, u32 identity)
{
	(void)t;
	kernel.known[identity] = false;
	return 0;
}

int __wrap_tables_series_delete(struct tables *t, const struct series_key *key)
{
	(void)t;
	assert_false(kernel.known[key->identity]);
	return 0;
}

void __wrap_cgroup_stats_read(const struct cgroup_mounts *mounts, const char *path, size_t len,
			      struct cgroup_stats *ret);

void __wrap_cgroup_stats_read(const struct cgroup_mounts *mounts, const char *path, size_t len,
			      struct cgroup_stats *ret)
{
	(void)mounts, (void)path, (void)len;
	*ret = kernel.cgroup;
}

static inline struct table table_make(size_t row_size, u32 rows)
{
	return (struct table){ .fd = -1,
			       .row_size = row_size,
			       .size = rows,
			       .mapped = rows,
			       .rows = calloc(rows, row_size) };
}

static inline void kernel_start(void)
{
	struct tables *t = &kernel.tables;

	memset(&kernel, 0, sizeof(kernel));
	peers_known = true;
	t->sizes = (struct table_sizes){
		.cpus = CPUS,
		.lanes = CPUS,
		.identities = IDENTITIES,
		.counters = SLOTS,
		.hists = SLOTS,
		.cells = SLOTS,
	};
	t->identities = table_make(sizeof(struct identity), IDENTITIES);
	t->usages = table_make(sizeof(struct cgroup_usages), IDENTITIES);
	t->hists = table_make(sizeof(struct hist), SLOTS);
	t->hist_cells = table_make(sizeof(struct hist), SLOTS);
	t->hist_uses = calloc(CPUS * HIST_USE_ROWS, sizeof(*t->hist_uses));
	t->slot_caches[t->slot_cache_cnt++] = table_make(sizeof(u64), IDENTITIES);
	t->states = calloc(IDENTITIES, sizeof(*t->states));
	t->task_totals = calloc(IDENTITIES, sizeof(*t->task_totals));
	t->counters = calloc((size_t)CPUS * SLOTS, sizeof(*t->counters));
	t->counter_owners = calloc(SLOTS, sizeof(*t->counter_owners));
	t->hist_owners = calloc(SLOTS, sizeof(*t->hist_owners));
	t->budgets = calloc(METRIC_MAX, sizeof(*t->budgets));
	for (const struct metric *m = fake_metrics; m->name; m++)
		t->budgets[CALLS + (m - fake_metrics)].max = m->max;
	kernel.run =
		(struct probe_run){ .probe = &fake_probe, .state = PROBE_ON, .metric_base = CALLS };
	kernel.runs[0] = &kernel.run;
}

static inline void kernel_stop(void)
{
	struct tables *t = &kernel.tables;

	free(t->identities.rows);
	free(t->usages.rows);
	free(t->hists.rows);
	free(t->hist_cells.rows);
	free(t->hist_uses);
	free(t->slot_caches[0].rows);
	free(t->states);
	free(t->task_totals);
	free(t->counters);
	free(t->counter_owners);
	free(t->hist_owners);
	free(t->budgets);
}

/* A process of this program, which is the first, has the identity. */
static inline void identity_make(u32 id, const char *exe)
{
	struct identity *row = table_row(&kernel.tables.identities, id);

	assert_false(kernel.known[id]);
	memset(row, 0, sizeof(*row));
	row->key.program = id + 1;
	row->exe_len = (u16)(snprintf(row->exe, sizeof(row->exe), "%s", exe) + 2);
	kernel.tables.states[id].live = 1;
	kernel.known[id] = true;
	kernel.alive[id].tasks = kernel.alive[id].processes = 1;
}

/* ... in this cgroup below a parent, NULL: the root. */
static inline void identity_in_cgroup(u32 id, const char *cgroup, const char *parent)
{
	struct identity *row = table_row(&kernel.tables.identities, id);

	row->cgroups_len = (u16)(snprintf(row->cgroups, sizeof(row->cgroups), "%s%c%s", cgroup, 0,
					  parent ?: "") +
				 2);
}

static inline void identity_end(u32 id)
{
	memset(&kernel.alive[id], 0, sizeof(kernel.alive[id]));
}

/* The slot of a series, a new one where it has none, or the metric's own where there is none left. */
static inline u32 slot_get(struct series_key *owners, u32 metric, u32 id, u64 dim)
{
	struct budget *budget = &kernel.tables.budgets[metric];
	u32 unused = 0;

	for (u32 slot = SLOTS - 1; slot >= METRIC_MAX; slot--) {
		if (owners[slot].metric == metric && owners[slot].identity == id &&
		    owners[slot].dim == dim)
			return slot;
		unused = owners[slot].metric ? unused : slot;
	}
	if (budget->used >= budget->max || !unused) {
		budget->dropped++;
		return metric;
	}
	budget->used++;
	owners[unused] = (struct series_key){ .metric = metric, .identity = id, .dim = dim };
	return unused;
}

static inline void count(u32 cpu, u32 metric, u32 id, u64 dim, u64 n)
{
	u32 slot = slot_get(kernel.tables.counter_owners, metric, id, dim);

	kernel.tables.counters[cpu * SLOTS + slot] += n;
}

/* As gauge_add() and gauge_max() in the kernel. */
static inline void fake_waiting(u32 id, u64 ns)
{
	u64 *oldest;

	if (!ns)
		return;
	count(0, WAITING, id, 0, 1);
	oldest = &kernel.tables.counters[slot_get(kernel.tables.counter_owners, OLDEST, id, 0)];
	*oldest = ns > *oldest ? ns : *oldest;
}

static int fake_scan(struct probe_run *run)
{
	(void)run;
	if (kernel.scan_err)
		return kernel.scan_err;
	memcpy(kernel.tables.task_totals, kernel.alive, sizeof(kernel.alive));
	for (u32 id = 0; id < IDENTITIES; id++)
		for (int i = 0; i < 2; i++)
			fake_waiting(id, kernel.waiting_ns[id][i]);
	return 0;
}

/* The first CPU adds to the histogram that all share, the others each to a cell of theirs. */
static inline struct hist *hist_get(u32 cpu, u32 slot)
{
	struct tables *t = &kernel.tables;
	struct hist_use *use =
		&t->hist_uses[cpu * HIST_USE_ROWS + slot / HIST_USES].slot[slot % HIST_USES];

	if (!cpu)
		return table_row(&t->hists, slot);
	use->cell = (u16)slot;
	return table_row(&t->hist_cells, use->cell);
}

static inline void count_time_of(u32 cpu, u32 metric, u32 id, u64 dim, u32 bucket, u64 ns)
{
	struct hist *hist = hist_get(cpu, slot_get(kernel.tables.hist_owners, metric, id, dim));

	hist->bucket[bucket]++;
	hist->sum_ns += ns;
}

static inline void count_time(u32 cpu, u32 metric, u32 id, u32 bucket, u64 ns)
{
	count_time_of(cpu, metric, id, 0, bucket, ns);
}

/* --- the collector */

struct fixture {
	struct conf *conf;
	struct registry registry;
	struct collector *collector;
	u64 now_ns;
	struct registry shown; /* counters as they were read last */
};

static const struct conf_family no_family;

static inline struct fixture *fixture_new(u64 services, u64 series, struct worker *worker)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kernel_start();
	f->conf = conf_default(&no_family);
	f->conf->limits.services = services;
	f->conf->limits.series = series;
	f->conf->short_commands = SHORT_COMMANDS_NAME; /* see fold_test.c for the other */
	f->now_ns = 1000 * SECOND;
	f->collector =
		collector_new(&kernel.tables, f->conf, &f->registry, kernel.runs, worker, NULL);
	assert_non_null(f->collector);
	assert_int_equal(collector_family_add(f->collector, &kernel.run), 0);
	return f;
}

/* Two services, of which alpha has two identities. */
static inline struct fixture *fixture_with_services(void)
{
	struct fixture *f = fixture_new(16, 1000, NULL);

	identity_make(1, "alpha");
	identity_make(2, "beta");
	identity_make(3, "alpha");
	return f;
}

static inline void fixture_free(struct fixture *f)
{
	collector_free(f->collector);
	registry_release(&f->registry);
	registry_release(&f->shown);
	conf_free(f->conf);
	kernel_stop();
	free(f);
}

/* The series with these labels, NULL: there is none. */
static inline struct series *series_find(const struct registry *r, const char *metric,
					 const char *labels)
{
	const struct family *family = registry_find(r, metric);

	for (size_t i = 0; family && i < family->series_cnt; i++)
		if (!strcmp(family->series[i]->labels, labels))
			return family->series[i];
	return NULL;
}

/* No counter is less than it was, as long as it is there. */
static inline void fixture_check(struct fixture *f)
{
	for (size_t i = 0; i < f->registry.family_cnt; i++) {
		const struct family *family = f->registry.families[i];
		struct family *before = registry_find(&f->shown, family->metric->name)
						?: registry_add(&f->shown, family->metric);

		for (size_t j = 0; j < family->series_cnt; j++) {
			const struct series *now = family->series[j];
			struct series *last = family_series(before, now->label);

			if (family->metric->kind == METRIC_COUNTER)
				assert_true(*now->value >= *last->value);
			for (int b = 0; now->hist && b < HIST_BUCKETS; b++)
				assert_true(now->hist->bucket[b] >= last->hist->bucket[b]);
			if (now->value)
				*last->value = *now->value;
			if (now->hist)
				*last->hist = *now->hist;
		}
	}
}

static inline void fixture_read(struct fixture *f)
{
	assert_int_equal(collector_read(f->collector, f->now_ns), 0);
	fixture_check(f);
}

/* So much time goes by, in which the collector does what it does now and then. */
static inline void fixture_wait(struct fixture *f, u64 seconds)
{
	while (seconds--) {
		f->now_ns += SECOND;
		collector_tick(f->collector, f->now_ns);
	}
}

/* Long enough for the number of an identity that has ended to be given back. */
#define REUSE_SECONDS 200

/* What is read of a counter or gauge now; -1: there is no such series. */
static inline s64 fixture_value(struct fixture *f, const char *metric, const char *labels)
{
	const struct series *s;

	fixture_read(f);
	s = series_find(&f->registry, metric, labels);
	return s ? *s->value : -1;
}

static inline const struct hist *fixture_hist(struct fixture *f, const char *metric,
					      const char *labels)
{
	const struct series *s;

	fixture_read(f);
	s = series_find(&f->registry, metric, labels);
	return s ? s->hist : NULL;
}

/* The sum over all series of a metric. */
static inline s64 fixture_sum(struct fixture *f, const char *metric)
{
	const struct family *family = registry_find(&f->registry, metric);
	s64 sum = 0;

	fixture_read(f);
	for (size_t i = 0; i < family->series_cnt; i++)
		sum += *family->series[i]->value;
	return sum;
}

#endif
