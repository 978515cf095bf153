// SPDX-License-Identifier: BSD-3-Clause
/*
 * The history against a model that remembers every value of every series at every tick, while series come and go.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "metric/history.h"

#define NS_PER_SEC 1000000000ULL
#define TICK_NS	   (5 * NS_PER_SEC)
#define START_NS   (1000 * NS_PER_SEC)
#define MINUTE	   (60 * NS_PER_SEC)
#define HOUR	   (60 * MINUTE)
#define SERIES_MAX 64
#define TICKS_MAX  24000

static const struct metric rows[] = {
	[METRIC_COUNTER] = { .name = "c", .kind = METRIC_COUNTER, .labels = { { "n" } } },
	[METRIC_GAUGE] = { .name = "g", .kind = METRIC_GAUGE, .labels = { { "n" } } },
	[METRIC_HISTOGRAM] = { .name = "h", .kind = METRIC_HISTOGRAM, .labels = { { "n" } } },
};

/* What a series was at each tick since its birth; of a histogram the sum, and one bucket. */
struct model {
	struct series *series;
	u32 born; /* tick */
	u32 bucket;
	s64 *value, *count;
};

struct world {
	struct registry registry;
	struct history *history;
	struct family *families[METRIC_KINDS];
	struct model models[SERIES_MAX];
	u64 end_ns[TICKS_MAX]; /* of ticks; the first is the start */
	u32 tick, named;
};

static struct world *world_new(size_t max_bytes)
{
	struct world *w = calloc(1, sizeof(*w));

	w->registry.now_ns = w->end_ns[0] = START_NS;
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		w->families[kind] = registry_add(&w->registry, &rows[kind]);
	w->history = history_new(&w->registry, START_NS, max_bytes);
	return w;
}

static void world_free(struct world *w)
{
	for (int i = 0; i < SERIES_MAX; i++) {
		free(w->models[i].value);
		free(w->models[i].count);
	}
	history_free(w->history);
	registry_release(&w->registry);
	free(w);
}

static struct series *series_new(struct world *w, int kind)
{
	char name[32];

	snprintf(name, sizeof(name), "%u", w->named++);
	return family_series(w->families[kind], (const char *[SERIES_LABELS]){ name });
}

static void born(struct world *w, struct model *m, int kind)
{
	*m = (struct model){ .series = series_new(w, kind),
			     .born = w->tick + 1,
			     .bucket = (u32)random() % HIST_BUCKETS,
			     .value = calloc(TICKS_MAX, sizeof(s64)),
			     .count = calloc(TICKS_MAX, sizeof(s64)) };
}

static void dies(struct model *m)
{
	family_remove(m->series->family, m->series);
	free(m->value);
	free(m->count);
	*m = (struct model){ 0 };
}

static void changes(struct model *m)
{
	u32 n = (u32)random() % 1000;
	struct series *s = m->series;

	if (s->family->metric->kind == METRIC_COUNTER)
		*s->value += random() % 50 ? n : (s64)n << 32;
	else if (s->family->metric->kind == METRIC_GAUGE)
		*s->value = (s64)n * 1000 - (m->bucket % 2) * 1000000;
	else {
		s->hist->bucket[m->bucket] += n;
		s->hist->bucket[(u32)random() % HIST_BUCKETS]++;
		s->hist->sum_ns += n * 12345ULL + 1;
	}
}

static void remember(struct world *w, struct model *m)
{
	const struct series *s = m->series;

	m->value[w->tick] = s->hist ? (s64)s->hist->sum_ns : *s->value;
	m->count[w->tick] = s->hist ? (s64)s->hist->bucket[m->bucket] : 0;
}

static void tick(struct world *w, u64 ns, u64 lost)
{
	w->registry.now_ns += ns;
	w->end_ns[++w->tick] = w->registry.now_ns;
	for (int i = 0; i < SERIES_MAX; i++)
		if (w->models[i].series)
			remember(w, &w->models[i]);
	assert_int_equal(history_tick(w->history, lost), 0);
	for (int i = 0; i < 3; i++)
		history_tidy(w->history);
}

/* Series are born, change and die; a tick ends. */
static void live(struct world *w, u64 ns, unsigned part_of_100)
{
	for (int i = 0; i < SERIES_MAX; i++) {
		struct model *m = &w->models[i];

		if (!m->series && random() % 20 == 0)
			born(w, m, i % METRIC_KINDS);
		else if (m->series && random() % 2000 == 0)
			dies(m);
		if (m->series && (unsigned)random() % 100 < part_of_100)
			changes(m);
	}
	tick(w, ns, 0);
}

static u32 tick_at(const struct world *w, u64 ns)
{
	for (u32 i = w->tick;; i--)
		if (w->end_ns[i] <= ns) {
			assert_true(w->end_ns[i] == ns);
			return i;
		}
}

static s64 since(const struct model *m, const s64 *values, u32 begin, u32 end)
{
	return values[end] - (begin < m->born ? 0 : values[begin]);
}

/* Merged means are rounded, each time by no more than one half. */
static void gauge_check(const struct history_window *window, const struct world *w,
			const struct model *m, u32 begin, u32 end, bool even)
{
	struct history_gauge gauge;
	double area = 0, ns = 0;
	s64 max = INT64_MIN;

	history_gauge(window, m->series, &gauge);
	for (u32 i = begin < m->born ? m->born : begin + 1; i <= end; i++) {
		double length = (double)(w->end_ns[i] - w->end_ns[i - 1]);

		max = m->value[i] > max ? m->value[i] : max;
		area += length * (double)m->value[i];
		ns += length;
	}
	assert_int_equal(gauge.last, m->value[end]);
	if (end < m->born)
		return;
	assert_int_equal(gauge.max, max);
	if (even && fabs(gauge.mean - area / ns) > 30)
		fail_msg("mean %f, not %f", gauge.mean, area / ns);
}

static void window_check(const struct world *w, const struct history_window *window, bool even)
{
	u32 begin = tick_at(w, window->begin_ns), end = tick_at(w, window->end_ns);

	for (int i = 0; i < SERIES_MAX; i++) {
		const struct model *m = &w->models[i];
		struct hist hist = { 0 };

		if (!m->series)
			continue;
		if (m->series->hist) {
			history_hist(window, m->series, &hist);
			assert_int_equal(hist.sum_ns, since(m, m->value, begin, end));
			assert_int_equal(hist.bucket[m->bucket], since(m, m->count, begin, end));
			assert_int_equal(history_hist_sum(window, m->series), hist.sum_ns);
			continue;
		}
		assert_int_equal(history_delta(window, m->series), since(m, m->value, begin, end));
		if (m->series->family->metric->kind == METRIC_GAUGE)
			gauge_check(window, w, m, begin, end, even);
	}
}

static void windows_check(const struct world *w, bool even)
{
	static const u64 ages[] = { 0,		 1,	      TICK_NS,	 30 * NS_PER_SEC,
				    15 * MINUTE, 20 * MINUTE, HOUR,	 5 * HOUR,
				    12 * HOUR,	 24 * HOUR,   100 * HOUR };
	const size_t cnt = sizeof(ages) / sizeof(*ages);
	struct history_window window;

	for (size_t i = 1; i < cnt; i++) {
		assert_true(history_window(w->history, ages[i], &window));
		assert_true(window.end_ns == w->registry.now_ns);
		window_check(w, &window, even);
		for (size_t j = i / 2; j < i; j += 3)
			if (history_window_past(w->history, ages[i], ages[j], &window))
				window_check(w, &window, even);
	}
	assert_true(history_window_tick(w->history, &window));
	assert_true(window.begin_ns == w->end_ns[w->tick - 1]);
	window_check(w, &window, even);
}

static double window_error(const struct world *w, u64 window_ns)
{
	struct history_window window;

	assert_true(history_window(w->history, window_ns, &window));
	return fabs((double)(window.end_ns - window.begin_ns) - (double)window_ns) / NS_PER_SEC;
}

/* A day and more: every window is exact in what it says it is, and as near to what was asked as promised. */
static void a_day_is_remembered(void **state)
{
	struct world *w = world_new(16 << 20);
	struct history_stats stats;

	(void)state;
	srandom(1);
	while (w->tick < 27 * 720) {
		live(w, TICK_NS, 30);
		if (w->tick < 400 ? w->tick % 40 == 0 : w->tick % 1500 == 0)
			windows_check(w, true);
	}
	for (u64 ns = TICK_NS; ns <= 15 * MINUTE; ns += TICK_NS)
		assert_true(window_error(w, ns) == 0);
	assert_true(window_error(w, HOUR) <= 60);
	assert_true(window_error(w, 6 * HOUR) <= 300);
	assert_true(window_error(w, 24 * HOUR) <= 1800);
	history_stats(w->history, &stats);
	assert_true(stats.end_ns - stats.begin_ns >= 24 * HOUR);
	assert_true(stats.end_ns - stats.begin_ns <= 25 * HOUR);
	assert_true(stats.columns < 180 + 46 + 61 + 38 + 10);
	world_free(w);
}

/* Ticks of any length, between ns and hours. */
static void ticks_may_be_late(void **state)
{
	struct world *w = world_new(16 << 20);

	(void)state;
	srandom(2);
	while (w->tick < 3000) {
		long kind = random() % 100;
		u64 ns = kind == 0 ? 3 * HOUR : kind == 1 ? 1 : 1 + (u64)random() % (2 * TICK_NS);

		live(w, ns, 30);
		if (w->tick % 100 == 0)
			windows_check(w, false);
	}
	world_free(w);
}

/* However little memory there is, it is not exceeded; what suffers is the resolution, not the counts. */
static void memory_is_bounded(void **state)
{
	static const size_t bytes[] = { 600 << 10, 900 << 10, 1200 << 10 };

	(void)state;
	srandom(3);
	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
		struct world *w = world_new(bytes[i]);
		struct history_stats stats;

		while (w->tick < 5000) {
			live(w, TICK_NS, 100);
			history_stats(w->history, &stats);
			assert_true(stats.bytes <= bytes[i]);
			if (w->tick % 500 == 0)
				windows_check(w, true);
		}
		assert_true(stats.columns > 10);
		assert_true(stats.end_ns - stats.begin_ns > 6 * HOUR);
		assert_true(window_error(w, TICK_NS) == 0);
		assert_true(window_error(w, 2 * TICK_NS) == 0);
		world_free(w);
	}
}

/* An id's new owner has nothing of the old one, whatever is merged with what. */
static void ids_are_used_again(void **state)
{
	struct world *w = world_new(16 << 20);
	u32 reused = 0;

	(void)state;
	srandom(4);
	while (w->tick < 2000) {
		for (int i = 0; i < SERIES_MAX; i++) {
			struct model *m = &w->models[i];

			if (m->series && random() % 30 == 0)
				dies(m);
			if (!m->series && random() % 2)
				born(w, m, i % METRIC_KINDS);
			if (m->series)
				changes(m);
		}
		tick(w, 30 * NS_PER_SEC, 0);
		if (w->tick % 50 == 0)
			windows_check(w, true);
		for (int i = 0; i < SERIES_MAX; i++)
			reused += w->models[i].series && w->models[i].born == w->tick &&
				  w->tick > 100;
	}
	assert_true(reused > 1000);
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		assert_true(w->registry.slabs[kind].top < 100);
	world_free(w);
}

static struct history_coverage covered(const struct world *w, u64 window_ns, const struct series *s)
{
	struct history_coverage c;
	struct history_window window;

	assert_true(history_window(w->history, window_ns, &window));
	history_coverage(&window, s, &c);
	return c;
}

/* What has no time of its own belongs to the next tick. */
static void a_tick_takes_time(void **state)
{
	struct world *w = world_new(16 << 20);
	struct history_window window;
	struct history_stats stats;
	struct series *s = series_new(w, METRIC_COUNTER);

	(void)state;
	w->families[METRIC_COUNTER]->sources = 2;
	assert_false(history_window(w->history, TICK_NS, &window));
	*s->value = 5;
	assert_int_equal(history_tick(w->history, 0), 0);
	assert_false(history_window(w->history, TICK_NS, &window));
	w->registry.now_ns += TICK_NS;
	assert_int_equal(history_tick(w->history, 0), 0);
	*s->value = 12;
	assert_int_equal(history_tick(w->history, 2), 0);
	w->registry.now_ns -= 1;
	assert_int_equal(history_tick(w->history, 0), 0);
	history_stats(w->history, &stats);
	assert_int_equal(stats.columns, 1);
	w->registry.now_ns += TICK_NS;
	assert_int_equal(history_tick(w->history, 0), 0);
	assert_true(history_window(w->history, TICK_NS, &window));
	assert_true(window.end_ns - window.begin_ns == TICK_NS - 1);
	assert_int_equal(history_delta(&window, s), 7);
	assert_int_equal(covered(w, TICK_NS, s).missing, HISTORY_LOSSY);
	world_free(w);
}

/* Answers are as new as what has been read. */
static void windows_end_now(void **state)
{
	struct world *w = world_new(16 << 20);
	struct series *c = series_new(w, METRIC_COUNTER), *g = series_new(w, METRIC_GAUGE),
		      *h = series_new(w, METRIC_HISTOGRAM), *young;
	struct history_window window;
	struct history_gauge gauge;
	struct hist hist = { 0 };

	(void)state;
	*c->value = 5;
	*g->value = 10;
	h->hist->bucket[3] = h->hist->bucket[200] = 5;
	h->hist->sum_ns = 50;
	w->registry.now_ns += 2 * NS_PER_SEC;
	assert_true(history_window(w->history, MINUTE, &window));
	assert_true(window.end_ns - window.begin_ns == 2 * NS_PER_SEC);
	assert_int_equal(history_delta(&window, c), 5);
	w->registry.now_ns += 3 * NS_PER_SEC;
	assert_int_equal(history_tick(w->history, 0), 0);

	*c->value = 12;
	*g->value = -4;
	h->hist->bucket[3] = 7;
	h->hist->sum_ns = 150;
	young = series_new(w, METRIC_HISTOGRAM);
	young->hist->bucket[9] = 1;
	young->hist->sum_ns = 1;
	w->registry.now_ns += 1 * NS_PER_SEC;
	assert_true(history_window(w->history, NS_PER_SEC, &window));
	assert_true(window.end_ns - window.begin_ns == NS_PER_SEC);
	assert_int_equal(history_delta(&window, c), 7);
	history_hist(&window, h, &hist);
	assert_int_equal(hist.bucket[3], 2);
	assert_int_equal(hist.bucket[200], 0);
	assert_int_equal(hist.sum_ns, 100);
	history_hist(&window, young, &hist);
	assert_int_equal(hist.bucket[9], 1);

	assert_true(history_window(w->history, TICK_NS, &window));
	assert_true(window.end_ns - window.begin_ns == 6 * NS_PER_SEC);
	assert_int_equal(history_delta(&window, c), 12);
	history_gauge(&window, g, &gauge);
	assert_int_equal(gauge.last, -4);
	assert_int_equal(gauge.max, 10);
	assert_true(fabs(gauge.mean - (5 * 10 - 4) / 6.0) < 1e-9);
	assert_true(covered(w, TICK_NS, c).ratio == 1);

	/* what ended before the running tick has nothing of it */
	assert_true(history_window_past(w->history, HOUR, 1 * NS_PER_SEC, &window));
	assert_true(window.end_ns - window.begin_ns == 5 * NS_PER_SEC);
	assert_int_equal(history_delta(&window, c), 5);
	history_gauge(&window, g, &gauge);
	assert_int_equal(gauge.last, 10);
	assert_true(gauge.mean == 10);
	assert_false(history_window_past(w->history, HOUR, 7 * NS_PER_SEC, &window));
	world_free(w);
}

/* A series that takes over an id after the last tick has nothing of its predecessor. */
static void ids_begin_at_zero(void **state)
{
	struct world *w = world_new(16 << 20);
	struct history_window window;
	struct hist hist = { 0 };

	(void)state;
	for (int kind = 0; kind < METRIC_KINDS; kind++) {
		struct series *s = series_new(w, kind);

		if (s->hist)
			s->hist->sum_ns = s->hist->bucket[4] = 1000;
		else
			*s->value = 1000;
		tick(w, TICK_NS, 0);
		family_remove(s->family, s);
		tick(w, TICK_NS, 0);
		s = series_new(w, kind);
		assert_int_equal(s->id, 0);
		w->registry.now_ns += NS_PER_SEC;
		assert_true(history_window(w->history, HOUR, &window));
		if (s->hist)
			history_hist(&window, s, &hist);
		else
			assert_int_equal(history_delta(&window, s), 0);
	}
	assert_int_equal(hist.sum_ns, 0);
	assert_int_equal(hist.bucket[4], 0);
	world_free(w);
}

/* Counters and buckets that fall, as they should not: the sum over windows is still what the values say. */
static void values_may_fall(void **state)
{
	struct world *w = world_new(16 << 20);
	struct series *c = series_new(w, METRIC_COUNTER), *h = series_new(w, METRIC_HISTOGRAM);
	static const s64 values[] = { 10, 3, -7, INT64_MIN, INT64_MAX, 0, 20 };
	struct hist hist = { 0 };
	struct history_window window;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		*c->value = values[i];
		h->hist->bucket[5] = i == 3 ? 1 : 4;
		h->hist->sum_ns = i == 3 ? 100 : 400;
		tick(w, TICK_NS, 0);
	}
	assert_true(history_window(w->history, HOUR, &window));
	assert_int_equal(history_delta(&window, c), 20);
	history_hist(&window, h, &hist);
	assert_int_equal(hist.bucket[5], 4);
	assert_int_equal(hist.sum_ns, 400);
	assert_true(history_window(w->history, 4 * TICK_NS, &window));
	hist = (struct hist){ 0 };
	history_hist(&window, h, &hist);
	assert_int_equal(hist.bucket[5], 0);
	world_free(w);
}

/* Too short to be measured, and yet counted. */
static void events_may_take_no_time(void **state)
{
	struct world *w = world_new(16 << 20);
	struct series *s = series_new(w, METRIC_HISTOGRAM);
	struct hist hist = { 0 };
	struct history_window window;

	(void)state;
	for (int i = 0; i < 3; i++) {
		s->hist->bucket[0] += 4;
		tick(w, TICK_NS, 0);
	}
	assert_true(history_window(w->history, 2 * TICK_NS, &window));
	history_hist(&window, s, &hist);
	assert_int_equal(hist.bucket[0], 8);
	world_free(w);
}

/* Without memory nothing is lost but the end of a tick. */
static void a_tick_may_lack_memory(void **state)
{
	struct world *w = world_new(16 << 20);
	struct rlimit before, none;
	struct series *s;

	(void)state;
	srandom(5);
	for (int i = 0; i < 300; i++)
		live(w, TICK_NS, 100);
	s = series_new(w, METRIC_COUNTER);
	*s->value = 1;
	family_remove(s->family, s);
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	for (int i = 0; i < SERIES_MAX; i++)
		if (w->models[i].series)
			changes(&w->models[i]);
	w->registry.now_ns += TICK_NS;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	int err = history_tick(w->history, 1);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(w->registry.slabs[METRIC_COUNTER].dead_cnt, 1);
	live(w, TICK_NS, 100);
	assert_int_equal(w->registry.slabs[METRIC_COUNTER].dead_cnt, 0);
	windows_check(w, true);
	world_free(w);
}

static void coverage_is_told(void **state)
{
	struct world *w = world_new(16 << 20);
	struct history_coverage c;
	struct series *old, *young, *gauge;

	(void)state;
	old = series_new(w, METRIC_COUNTER);
	w->families[METRIC_COUNTER]->sources = 2;
	tick(w, TICK_NS, 0);
	c = covered(w, 4 * TICK_NS, old);
	assert_int_equal(c.missing, HISTORY_YOUNG);
	assert_true(c.ratio == 0.25);
	c = covered(w, TICK_NS, old);
	assert_int_equal(c.missing, 0);
	assert_true(c.ratio == 1);

	for (int i = 0; i < 3; i++)
		tick(w, TICK_NS, 0);
	young = series_new(w, METRIC_COUNTER);
	gauge = series_new(w, METRIC_GAUGE);
	tick(w, TICK_NS, 5); /* other sources */
	c = covered(w, 2 * TICK_NS, young);
	assert_int_equal(c.missing, HISTORY_SERIES_YOUNG);
	assert_true(c.ratio == 0.5);
	c = covered(w, 2 * TICK_NS, old);
	assert_int_equal(c.missing, 0);
	assert_true(c.ratio == 1);

	tick(w, TICK_NS, 2);
	tick(w, TICK_NS, 0);
	c = covered(w, 4 * TICK_NS, old);
	assert_int_equal(c.missing, HISTORY_LOSSY);
	assert_true(c.ratio == 0.75);
	c = covered(w, 3 * TICK_NS, gauge);
	assert_int_equal(c.missing, 0);
	assert_true(c.ratio == 1);
	world_free(w);
}

/* Of a subject that was known before, what has not been counted is known to be nothing. */
static void zero_is_covered(void **state)
{
	struct world *w = world_new(16 << 20);
	struct history_coverage c;
	struct series *s;

	(void)state;
	family_series(w->families[METRIC_HISTOGRAM], (const char *[SERIES_LABELS]){ "nginx" });
	tick(w, TICK_NS, 0);
	tick(w, TICK_NS, 0);
	s = family_series(w->families[METRIC_COUNTER], (const char *[SERIES_LABELS]){ "nginx" });
	tick(w, TICK_NS, 0);
	c = covered(w, 2 * TICK_NS, s);
	assert_int_equal(c.missing, 0);
	assert_true(c.ratio == 1);
	s = family_series(w->families[METRIC_GAUGE], (const char *[SERIES_LABELS]){ "nginx" });
	tick(w, TICK_NS, 0);
	c = covered(w, 2 * TICK_NS, s);
	assert_int_equal(c.missing, HISTORY_SERIES_YOUNG);
	assert_true(c.ratio == 0.5);
	world_free(w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_day_is_remembered),	  cmocka_unit_test(ticks_may_be_late),
	cmocka_unit_test(memory_is_bounded),	  cmocka_unit_test(ids_are_used_again),
	cmocka_unit_test(a_tick_takes_time),	  cmocka_unit_test(windows_end_now),
	cmocka_unit_test(ids_begin_at_zero),	  cmocka_unit_test(values_may_fall),
	cmocka_unit_test(a_tick_may_lack_memory), cmocka_unit_test(coverage_is_told),
	cmocka_unit_test(zero_is_covered),	  cmocka_unit_test(events_may_take_no_time),
};

int main(void)
{
	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
