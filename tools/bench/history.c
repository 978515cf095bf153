// SPDX-License-Identifier: BSD-3-Clause
/*
 * Ticks of a history of many series, of which some part changes each time: CPU time of a tick and of queries, memory, and
 * how far back the history goes at which resolution.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "metric/history.h"

#define TICK_NS	   5000000000ULL
#define MAX_BYTES  (16 << 20)
#define MERGES_MAX 25 /* between two ticks */

static const struct metric counter_row = { .name = "counter", .labels = { { "n" } } };
static const struct metric hist_row = { .name = "hist",
					.kind = METRIC_HISTOGRAM,
					.labels = { { "n" } } };

static u64 random_state = 88172645463325252ULL;

static u64 random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double random_unit(void)
{
	return (double)(random_u64() >> 11) / (double)(1ULL << 53);
}

/* Most series count little, some much, and one in eight counts bytes or ns. */
static s64 counter_step(u32 id)
{
	double scale = id % 8 ? exp(id * 2654435761U / 4294967296.0 * 7) : 1e7;

	return 1 + (s64)(scale * random_unit());
}

/* Durations around a median of the series' own, most within a factor of 4. */
static void hist_step(struct hist *h, u32 id, unsigned events)
{
	double median = 40 + id % 80;

	while (events--) {
		double spread = random_unit() + random_unit() + random_unit() + random_unit() - 2;
		int bucket = (int)(median + spread * 14);

		h->bucket[bucket]++;
		h->sum_ns += (u64)exp2((double)bucket / HIST_SUB + 10);
	}
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A fixed piece of work of the same kind as a tick: memory that no cache holds. */
static double calibrate_ms(void)
{
	static u64 memory[1 << 20];
	double start = cpu_ms();
	u64 sum = 0;

	for (size_t i = 0; i < sizeof(memory) / sizeof(*memory); i++)
		sum += memory[i] ^ i;
	memory[sum % 1024] = sum;
	return cpu_ms() - start;
}

static double resident_mib(void)
{
	unsigned long long virtual, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%llu %llu", &virtual, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct family *fill(struct registry *r, const struct metric *row, u32 cnt)
{
	struct family *f = registry_add(r, row);
	char name[32];

	for (u32 i = 0; i < cnt; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (!family_series(f, (const char *[SERIES_LABELS]){ name }))
			exit(1);
	}
	return f;
}

/* Four of five that change are always the same ones. */
static int changes(u32 id, double part)
{
	u32 steady = id * 2654435761U;

	return steady < part * 0.8 * 4294967296.0 || random_unit() < part * 0.2;
}

static void step(struct family *counters, struct family *hists, double part, unsigned events)
{
	for (u32 i = 0; i < counters->series_cnt; i++)
		if (changes(i, part))
			*counters->series[i]->value += counter_step(i);
	for (u32 i = 0; i < hists->series_cnt; i++)
		if (changes(i, part))
			hist_step(hists->series[i]->hist, i, events);
}

static void query(const struct history *h, const struct family *counters,
		  const struct family *hists, u64 seconds)
{
	struct history_window w;
	struct hist sum = { 0 };
	double start = cpu_ms(), middle;
	volatile s64 total = 0;

	if (!history_window(h, seconds * 1000000000, &w))
		return;
	for (size_t i = 0; i < counters->series_cnt; i++)
		total += history_delta(&w, counters->series[i]);
	middle = cpu_ms();
	for (size_t i = 0; i < hists->series_cnt; i++)
		history_hist(&w, hists->series[i], &sum);
	printf("the last %llu s (asked for %llu): a counter %.2f us, a histogram %.2f us\n",
	       (unsigned long long)(w.end_ns - w.begin_ns) / 1000000000,
	       (unsigned long long)seconds, (middle - start) * 1e3 / (double)counters->series_cnt,
	       (cpu_ms() - middle) * 1e3 / (double)hists->series_cnt);
}

struct sample {
	double ms, calibration_ms; /* the worse one of before and after */
};

static void sample_begin(struct sample *s)
{
	s->calibration_ms = calibrate_ms();
	s->ms = -cpu_ms();
}

static void sample_end(struct sample *s)
{
	double calibration;

	s->ms += cpu_ms();
	calibration = calibrate_ms();
	if (calibration > s->calibration_ms)
		s->calibration_ms = calibration;
}

static double calibration_best(const struct sample *samples, u32 cnt)
{
	double best = INFINITY;

	for (u32 i = 0; i < cnt; i++)
		best = samples[i].calibration_ms < best ? samples[i].calibration_ms : best;
	return best;
}

static void row(const char *what, const struct sample *samples, u32 cnt, double calibration_max)
{
	double *ms = calloc(cnt + 1, sizeof(*ms));
	u32 taken = 0;

	for (u32 i = 0; i < cnt; i++)
		if (samples[i].calibration_ms <= calibration_max)
			ms[taken++] = samples[i].ms;
	qsort(ms, taken, sizeof(*ms), compare);
	if (taken)
		printf("%6u %-36s %6.2f %10.2f %6.2f\n", taken, what, ms[taken / 2],
		       ms[taken * 99 / 100], ms[taken - 1]);
	free(ms);
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "Usage: history COUNTERS HISTOGRAMS PART EVENTS TICKS\n");
		return 2;
	}
	u32 ticks = (u32)atoi(argv[5]);
	double part = atof(argv[3]), before;
	unsigned events = (unsigned)atoi(argv[4]);
	struct registry r = { .now_ns = TICK_NS };
	struct family *counters = fill(&r, &counter_row, (u32)atoi(argv[1])),
		      *hists = fill(&r, &hist_row, (u32)atoi(argv[2]));
	struct sample *tick = calloc(ticks, sizeof(*tick)),
		      *tidy = calloc(ticks * MERGES_MAX + 1, sizeof(*tidy));
	struct history *h = history_new(&r, r.now_ns, MAX_BYTES);
	struct history_stats stats;
	size_t most = 0;
	u32 tidy_cnt = 0;

	step(counters, hists, 1, events);
	calibrate_ms();
	before = resident_mib();
	for (u32 i = 0; i < ticks; i++) {
		r.now_ns += TICK_NS;
		step(counters, hists, part, events);
		sample_begin(&tick[i]);
		if (history_tick(h, 0))
			exit(1);
		sample_end(&tick[i]);
		for (u32 n = 0; n < MERGES_MAX; n++) {
			sample_begin(&tidy[tidy_cnt]);
			if (!history_tidy(h))
				break;
			sample_end(&tidy[tidy_cnt++]);
		}
		history_stats(h, &stats);
		most = stats.bytes > most ? stats.bytes : most;
	}
	printf("ms of CPU                                   median  99 of 100  worst\n");
	row("ticks at best speed", tick, ticks, 1.25 * calibration_best(tick, ticks));
	row("ticks", tick, ticks, INFINITY);
	row("merges between ticks at best speed", tidy, tidy_cnt,
	    1.25 * calibration_best(tidy, tidy_cnt));
	row("merges between ticks", tidy, tidy_cnt, INFINITY);
	printf("memory at most %.1f MiB, resident %.1f MiB; %u columns for %.1f h\n",
	       (double)most / (1 << 20), resident_mib() - before, stats.columns,
	       (double)(stats.end_ns - stats.begin_ns) / 3.6e12);
	query(h, counters, hists, 30);
	query(h, counters, hists, 900);
	history_free(h);
	registry_release(&r);
	free(tick);
	free(tidy);
	return 0;
}
