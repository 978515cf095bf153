// SPDX-License-Identifier: BSD-3-Clause
/*
 * The table of `seismo top` of many services, of which some serve requests, some use disks, and most do nothing but run: CPU time of
 * measuring it and of writing it, with an hour of history.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top/measure.h"

#define NS_PER_SEC    1000000000ULL
#define TICK_NS	      (5 * NS_PER_SEC)
#define HISTORY_TICKS 720
#define MERGES_MAX    25

/* Series of a service: one in `every` has them, and they change in each tick. */
static const struct load {
	struct metric row;
	unsigned every;
	const char *labels[4][4]; /* of each series, without the service */
} loads[] = {
	{ { .name = "seismo_cpu_seconds_total", .unit = UNIT_SECONDS }, 1, { { "" } } },
	{ { .name = "seismo_run_queue_wait_seconds",
	    .kind = METRIC_HISTOGRAM,
	    .unit = UNIT_SECONDS },
	  1,
	  { { "" } } },
	{ { .name = "seismo_cpu_throttled_seconds_total", .unit = UNIT_SECONDS }, 4, { { "" } } },
	{ { .name = "seismo_memory_resident_bytes", .kind = METRIC_GAUGE, .unit = UNIT_BYTES },
	  1,
	  { { "" } } },
	{ { .name = "seismo_processes", .kind = METRIC_GAUGE }, 1, { { "" } } },
	{ { .name = "seismo_process_exits_total", .labels = { { "reason" } } },
	  1,
	  { { "ok" }, { "signal" } } },
	{ { .name = "seismo_pressure_stalled_seconds_total",
	    .unit = UNIT_SECONDS,
	    .labels = { { "resource" }, { "kind" } } },
	  2,
	  { { "cpu", "some" }, { "io", "some" }, { "memory", "some" }, { "io", "full" } } },
	{ { .name = "seismo_service_block_io_duration_seconds",
	    .kind = METRIC_HISTOGRAM,
	    .unit = UNIT_SECONDS,
	    .labels = { { "device" }, { "operation" } } },
	  2,
	  { { "sda", "read" }, { "sda", "write" }, { "sdb", "write" } } },
	{ { .name = "seismo_service_block_io_bytes_total",
	    .unit = UNIT_BYTES,
	    .labels = { { "device" }, { "operation" } } },
	  2,
	  { { "sda", "read" }, { "sda", "write" }, { "sdb", "write" } } },
	{ { .name = "seismo_requests_total",
	    .labels = { { "direction" }, { "protocol" }, { "status" }, { "peer" } } },
	  3,
	  { { "inbound", "http", "200" },
	    { "inbound", "http", "500" },
	    { "outbound", "redis", "ok", "a" },
	    { "outbound", "postgresql", "ok", "b" } } },
	{ { .name = "seismo_request_duration_seconds",
	    .kind = METRIC_HISTOGRAM,
	    .unit = UNIT_SECONDS,
	    .labels = { { "direction" }, { "protocol" }, { "peer" } } },
	  3,
	  { { "inbound", "http" },
	    { "outbound", "redis", "a" },
	    { "outbound", "postgresql", "b" } } },
	{ { .name = "seismo_request_oldest_seconds",
	    .kind = METRIC_GAUGE,
	    .unit = UNIT_SECONDS,
	    .labels = { { "direction" }, { "protocol" }, { "peer" } } },
	  3,
	  { { "inbound", "http" }, { "outbound", "redis", "a" } } },
	{ { .name = "seismo_tcp_rtt_seconds", .kind = METRIC_HISTOGRAM, .unit = UNIT_SECONDS },
	  2,
	  { { "" } } },
};
#define LOADS (sizeof(loads) / sizeof(*loads))

static u64 random_state = 88172645463325252ULL;

static u64 random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void series_change(struct series *s)
{
	if (s->family->metric->kind != METRIC_HISTOGRAM) {
		*s->value = s->family->metric->kind == METRIC_GAUGE
				    ? (s64)(random_u64() % 1000000)
				    : *s->value + (s64)(random_u64() % 100000000);
		return;
	}
	for (int i = 0; i < 10; i++) {
		unsigned bucket = 40 + (unsigned)(random_u64() % 40 + random_u64() % 40);

		s->hist->bucket[bucket]++;
		s->hist->sum_ns += 1000000;
	}
}

static u32 fill(struct registry *r, unsigned services)
{
	u32 cnt = 0;

	for (size_t l = 0; l < LOADS; l++) {
		static struct metric rows[LOADS];
		struct family *f;

		rows[l] = loads[l].row;
		rows[l].service = true;
		f = registry_add(r, &rows[l]);
		for (unsigned s = 0; s < services; s += loads[l].every)
			for (unsigned i = 0; i < 4 && loads[l].labels[i][0]; i++) {
				char name[32];
				const char *labels[SERIES_LABELS] = { name };

				snprintf(name, sizeof(name), "service-%u.service", s);
				memcpy(labels + 1, loads[l].labels[i], sizeof(loads[l].labels[i]));
				if (!f || !family_series(f, labels))
					exit(1);
				cnt++;
			}
	}
	return cnt;
}

static const char *kind_of(void *ctx, const char *service)
{
	(void)ctx, (void)service;
	return "unit";
}

static const char *param(void *ctx, const char *key)
{
	const char *const *params = ctx; /* window, ago, limit */

	return !strcmp(key, "ago") ? params[0] : !strcmp(key, "limit") ? params[1] : NULL;
}

static void measure(const struct top_sources *src, unsigned passes, const char *ago,
		    const char *limit)
{
	const char *values[] = { ago, limit };
	const struct expo_params params = { param, values };
	double start = cpu_ms();
	size_t bytes = 0;

	for (unsigned i = 0; i < passes; i++) {
		struct buf out = { 0 };

		if (top_answer(src, &params, &out) != 200)
			exit(1);
		bytes = out.len;
		buf_release(&out);
	}
	printf("  %4s ago, %5s rows: %.1f ms, %zu KiB\n", ago, limit, (cpu_ms() - start) / passes,
	       bytes >> 10);
}

int main(int argc, char **argv)
{
	unsigned services = argc > 1 ? (unsigned)atoi(argv[1]) : 1000,
		 passes = argc > 2 ? (unsigned)atoi(argv[2]) : 10;
	struct registry r = { .now_ns = NS_PER_SEC };
	struct history *h = history_new(&r, NS_PER_SEC, 16 << 20);
	struct top_usual usual = { 0 }; /* as the daemon keeps it */
	const struct top_sources src = {
		.registry = &r, .history = h, .kind = kind_of, .usual = &usual
	};
	u32 cnt = fill(&r, services);

	for (unsigned t = 0; t < HISTORY_TICKS; t++) {
		for (size_t f = 0; f < r.family_cnt; f++)
			for (size_t i = 0; i < r.families[f]->series_cnt; i++)
				if (random_u64() % 10 == 0 || t + 3 > HISTORY_TICKS)
					series_change(r.families[f]->series[i]);
		r.now_ns += TICK_NS;
		if (history_tick(h, 0))
			return 1;
		for (unsigned i = 0; i < MERGES_MAX && history_tidy(h); i++)
			;
	}
	for (size_t f = 0; f < r.family_cnt; f++) /* the running tick */
		for (size_t i = 0; i < r.families[f]->series_cnt; i++)
			series_change(r.families[f]->series[i]);
	r.now_ns += 2 * NS_PER_SEC;
	printf("%u services, %u series:\n", services, cnt);
	measure(&src, passes, "0s", "1");
	measure(&src, passes, "0s", "200");
	measure(&src, passes, "0s", "10000");
	measure(&src, passes, "1m", "200");
	measure(&src, passes, "30m", "200");
	top_usual_release(&usual);
	history_free(h);
	registry_release(&r);
	return 0;
}
