// SPDX-License-Identifier: BSD-3-Clause
/* Evaluating many rules over many services: time of a pass and of its longest slice, and memory. */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "metric/history.h"
#include "rule/baseline.h"
#include "rule/engine.h"

#define NS_PER_SEC    1000000000ULL
#define TICK_NS	      (5 * NS_PER_SEC)
#define HISTORY_TICKS 40
#define SLICE_NS      4000000

static const struct metric requests_row = { .name = "requests_total",
					    .service = true,
					    .labels = { { "status" } } };
static const struct metric duration_row = {
	.name = "duration_seconds", .kind = METRIC_HISTOGRAM, .unit = UNIT_SECONDS, .service = true
};
static const struct metric memory_row = {
	.name = "memory_bytes", .kind = METRIC_GAUGE, .unit = UNIT_BYTES, .service = true
};

static struct rule_pair where_errors[] = { { "status", "error|5*" } };

/* The kinds of rules, as often as people write them; thresholds that no service reaches. */
static const struct rule_conf kinds[] = {
	{ .term = { "requests_total", where_errors, 1 },
	  .of = { "requests_total" },
	  .value = RULE_RATIO,
	  .threshold = 0.5 },
	{ .term = { "duration_seconds" },
	  .value = RULE_QUANTILE,
	  .quantile = 0.99,
	  .threshold = 100 },
	{ .term = { "duration_seconds" },
	  .value = RULE_QUANTILE,
	  .quantile = 0.9,
	  .condition = RULE_BASELINE,
	  .factor = 3,
	  .at_least = 0.01 },
	{ .term = { "memory_bytes" }, .value = RULE_MAX, .threshold = 1e18 },
	{ .term = { "requests_total" }, .value = RULE_RATE, .threshold = 1e9 },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static size_t heap_bytes(void)
{
	const struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static struct series *get(struct family *f, unsigned service, const char *status)
{
	char name[32];

	snprintf(name, sizeof(name), "service%u.service", service);
	return family_series(f, (const char *[SERIES_LABELS]){ name, status });
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct world {
	struct registry registry;
	struct history *history;
	struct family *requests, *duration, *memory;
};

/* What the services do in a tick. */
static void tick(struct world *w, unsigned services, unsigned n)
{
	for (unsigned s = 0; s < services; s++) {
		struct hist *hist = get(w->duration, s, NULL)->hist;

		*get(w->requests, s, "ok")->value += 100 + s % 7;
		*get(w->requests, s, "error")->value += s % 3;
		*get(w->memory, s, NULL)->value = 1000000 + (s64)(n * s);
		for (unsigned i = 0; i < 30; i++)
			hist->bucket[60 + (i * 7 + s + n) % 30]++;
		hist->sum_ns += 30000000;
	}
	w->registry.now_ns += TICK_NS;
	if (history_tick(w->history, 0))
		exit(1);
	while (history_tidy(w->history))
		;
}

static struct engine *rules_make(const struct world *w, struct baselines *b, unsigned cnt,
				 unsigned windows)
{
	static char names[100000][16];
	struct rule_conf *rules = calloc(cnt, sizeof(*rules));
	const struct rule_conf **list = calloc(cnt, sizeof(*list));
	struct engine *e = engine_new(&w->registry, w->history, b, NULL);

	for (unsigned i = 0; i < cnt; i++) {
		rules[i] = kinds[i % KINDS];
		snprintf(names[i], sizeof(names[i]), "Rule%u", i);
		rules[i].alert = names[i];
		rules[i].by[0] = "service";
		rules[i].by_cnt = 1;
		rules[i].min_events = 1;
		rules[i].window_ns = (u64)(2 + i / KINDS % windows) * TICK_NS;
		list[i] = &rules[i];
	}
	if (!e || engine_configure(e, list, cnt, TICK_NS, 1))
		exit(1);
	return e;
}

int main(int argc, char **argv)
{
	unsigned number[4] = { 0 }; /* rules, services, windows, passes */
	struct world w = { .registry.now_ns = TICK_NS };
	struct baselines *baselines = baselines_new(8 << 20);
	struct engine_stats stats;
	struct engine *e;
	double *ms, longest = 0;
	size_t before;

	for (int i = 1; i < argc && i <= 4; i++)
		number[i - 1] = (unsigned)atoi(argv[i]);
	if (argc != 5 || !number[0] || number[0] > 100000 || !number[1] || !number[2] ||
	    !number[3]) {
		fprintf(stderr, "Usage: rules RULES SERVICES WINDOWS PASSES\n");
		return 2;
	}
	w.requests = registry_add(&w.registry, &requests_row);
	w.duration = registry_add(&w.registry, &duration_row);
	w.memory = registry_add(&w.registry, &memory_row);
	w.history = history_new(&w.registry, TICK_NS, 64 << 20);
	for (unsigned n = 0; n < HISTORY_TICKS; n++)
		tick(&w, number[1], n);
	ms = calloc(number[3], sizeof(*ms));
	before = heap_bytes();
	e = rules_make(&w, baselines, number[0], number[2]);
	for (unsigned n = 0; n < number[3]; n++) {
		bool more = true;

		tick(&w, number[1], n);
		while (more) {
			double slice = cpu_ms();

			more = engine_evaluate(e, w.registry.now_ns, 1, SLICE_NS);
			slice = cpu_ms() - slice;
			ms[n] += slice;
			longest = slice > longest ? slice : longest;
		}
	}
	qsort(ms, number[3], sizeof(*ms), compare);
	engine_stats(e, &stats);
	printf("%u rules x %u services: %.2f ms a pass (median; best %.2f, worst %.2f), %.0f ns each; longest slice %.2f ms\n",
	       number[0], number[1], ms[number[3] / 2], ms[0], ms[number[3] - 1],
	       ms[number[3] / 2] * 1e6 / number[0] / number[1], longest);
	printf("memory: %.2f MiB, of which baselines %.2f; %u alerts\n",
	       (double)(heap_bytes() - before) / (1 << 20),
	       (double)baselines_bytes(baselines) / (1 << 20), stats.pending + stats.firing);
	return 0;
}
