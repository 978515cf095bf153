// SPDX-License-Identifier: BSD-3-Clause
#include "rule/baseline.h"
#include "rule/baseline_keys.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rule/disk_identity.h"

#define SECOND 1000000000ULL
#define WINDOW (10 * SECOND)
#define DAY    (24 * 3600 * SECOND)
#define KEY    7

/* A group of series, and the time. */
struct group {
	struct baselines *baselines;
	u64 now_ns;
};

static int group_setup(void **state)
{
	struct group *g = calloc(1, sizeof(*g));

	g->baselines = baselines_new(1 << 20);
	g->now_ns = 5 * DAY;
	srandom(1);
	*state = g;
	return 0;
}

static int group_teardown(void **state)
{
	struct group *g = *state;

	baselines_free(g->baselines);
	free(g);
	return 0;
}

/* Evenly within 20 % of it. */
static double noisy(double value)
{
	return value * (0.8 + 0.4 * (double)random() / RAND_MAX);
}

static void learn(struct group *g, unsigned windows, double rate, double size, double value)
{
	for (unsigned i = 0; i < windows; i++) {
		const struct baseline_window w = { { rate, size },
						   .value = noisy(value),
						   .length_ns = WINDOW };

		g->now_ns += WINDOW;
		baseline_learn(g->baselines, KEY, &w, false, g->now_ns);
	}
}

static double usual(const struct group *g, double rate, double size)
{
	struct baseline_usual u;

	return baseline_usual(g->baselines, KEY, &(struct load){ rate, size }, &u) ? u.value : NAN;
}

static double threshold(const struct group *g, double rate, double size, double factor)
{
	struct baseline_usual u;

	assert_true(baseline_usual(g->baselines, KEY, &(struct load){ rate, size }, &u));
	return baseline_threshold(&u, factor);
}

static void between(double value, double low, double high)
{
	if (!(value >= low && value <= high))
		fail_msg("%g is not between %g and %g", value, low, high);
}

static void warm_up_test(void **state)
{
	struct group *g = *state;

	learn(g, BASELINE_WARM_UP, 100, 0, 0.01);
	assert_true(isnan(usual(g, 100, 0)));
	learn(g, 1, 100, 0, 0.01);
	between(usual(g, 100, 0), 0.008, 0.012);
	between(threshold(g, 100, 0, 3), 0.024, 0.036);
	/* windows of other loads count if those are not lower */
	baseline_forget(g->baselines, KEY);
	learn(g, BASELINE_WARM_UP / 2, 100, 0, 0.01);
	learn(g, BASELINE_WARM_UP / 2 + 1, 400, 0, 0.01);
	assert_true(isnan(usual(g, 400, 0)));
	between(usual(g, 100, 0), 0.008, 0.012);
}

/* Ticks are more frequent than windows are long: each second counts once. */
static void overlap_test(void **state)
{
	struct group *g = *state;
	const struct baseline_window w = { { 100, 0 }, .value = 0.01, .length_ns = WINDOW };
	unsigned ticks = 0;

	for (; isnan(usual(g, 100, 0)); ticks++) {
		g->now_ns += SECOND;
		baseline_learn(g->baselines, KEY, &w, false, g->now_ns);
	}
	assert_int_equal(ticks, 2 + 10 * (BASELINE_WARM_UP - 1));
}

static void load_test(void **state)
{
	struct group *g = *state;

	learn(g, 50, 10, 4096, 0.005);
	learn(g, 50, 100, 4096, 0.010);
	learn(g, 50, 400, 65536, 0.030);
	/* its own class */
	between(usual(g, 10, 4096), 0.0045, 0.0055);
	between(usual(g, 100, 4096), 0.009, 0.011);
	/* the nearest one above */
	between(usual(g, 30, 4096), 0.009, 0.011);
	between(usual(g, 3, 4096), 0.0045, 0.0055);
	between(usual(g, 200, 32768), 0.027, 0.033);
	/* more than ever: more requests, or more bytes */
	assert_true(isnan(usual(g, 1000, 4096)));
	assert_true(isnan(usual(g, 4000, 65536)));
	assert_true(isnan(usual(g, 400, 655360)));
	/* larger but fewer: at most as much longer as they are larger */
	between(usual(g, 25, 262144), 0.11, 0.13);
	/* the farther the class, the more is allowed */
	between(threshold(g, 100, 4096, 2), 0.018, 0.022);
	between(threshold(g, 6, 4096, 2), 0.009, 0.011);
	between(threshold(g, 0.3, 4096, 2), 0.03, 0.05);
}

/* Whoever waits for a disk that is k times slower asks k times less of it, and this is noticed. */
/* Above every load that was seen the highest one tells, once that is known; at loads that were seen it does not. */
static void highest_test(void **state)
{
	struct group *g = *state;
	const struct load surge = { 1000, 0 };
	struct baseline_usual u;

	learn(g, BASELINE_SEEN - 10, 10, 0, 0.005);
	learn(g, 8, 100, 0, 0.010);
	assert_false(baseline_highest(g->baselines, KEY, &surge, &u)); /* too young */
	learn(g, 20, 100, 0, 0.010);
	assert_true(baseline_highest(g->baselines, KEY, &surge, &u));
	between(u.value, 0.009, 0.011);
	between(baseline_threshold(&u, 5), 0.045, 0.06);
	assert_true(isnan(usual(g, 1000, 0)));
	assert_false(baseline_highest(g->baselines, KEY, &(struct load){ 100, 0 }, &u));
	assert_false(baseline_highest(g->baselines, KEY, &(struct load){ 50, 0 }, &u));
	/* a new load at which all is well is learned */
	learn(g, 20, 1000, 0, 0.012);
	assert_false(baseline_highest(g->baselines, KEY, &surge, &u));
	between(usual(g, 1000, 0), 0.011, 0.013);
}

static void closed_loop_test(void **state)
{
	struct group *g = *state;

	learn(g, 50, 500, 8192, 0.002);
	for (double times = 2.5; times < 1000; times *= 1.1)
		assert_true(0.002 * times > threshold(g, 500 / times, 8192, 2));
}

/* A value that varies threefold when nothing is wrong must exceed that. */
static void variation_test(void **state)
{
	struct group *g = *state;

	for (unsigned i = 0; i < 100; i++) {
		learn(g, 9, 100, 0, 0.01);
		learn(g, 1, 100, 0, 0.05);
	}
	between(usual(g, 100, 0), 0.009, 0.011);
	between(threshold(g, 100, 0, 2), 0.05, 0.07);
}

static void reject_test(void **state)
{
	struct group *g = *state;

	learn(g, 100, 100, 0, 0.01);
	for (unsigned i = 0; i < 200; i++) {
		/* three windows get slow, then the alert fires, for three more */
		learn(g, 3, 100, 0, 0.1);
		for (unsigned j = 0; j < 3; j++) {
			g->now_ns += WINDOW;
			assert_false(baseline_reject(g->baselines, KEY, g->now_ns));
		}
		/* the first one after that still has some of it */
		g->now_ns += WINDOW / 2;
		baseline_learn(g->baselines, KEY,
			       &(struct baseline_window){ { 100, 0 }, 0.1, NULL, WINDOW }, false,
			       g->now_ns);
		learn(g, 6, 100, 0, 0.01);
	}
	between(threshold(g, 100, 0, 2), 0.018, 0.022);
}

/* However long it is pending, nothing is learned of it before it is clear that no alert comes of it. */
static void pending_test(void **state)
{
	struct group *g = *state;

	learn(g, 20, 100, 0, 0.01);
	for (unsigned i = 0; i < 30; i++) {
		g->now_ns += WINDOW;
		baseline_learn(g->baselines, KEY,
			       &(struct baseline_window){ { 25, 0 }, 0.02, NULL, WINDOW }, true,
			       g->now_ns);
	}
	between(usual(g, 25, 0), 0.009, 0.011);
	learn(g, 1, 100, 0, 0.01);
	between(usual(g, 100, 0), 0.009, 0.011);
	/* it did not fire, so some of it is learned: how much this varies */
	learn(g, 30, 25, 0, 0.02);
	between(usual(g, 25, 0), 0.018, 0.022);
}

/* Learns a day of windows, which change by so much in it. */
static void learn_day(struct group *g, double rate, double from, double times)
{
	const unsigned windows = (unsigned)(DAY / WINDOW);

	for (unsigned i = 0; i < windows; i++)
		learn(g, 1, rate, 0, from * pow(times, (double)i / windows));
}

static void drift_test(void **state)
{
	struct group *g = *state;
	double now = 0.01;

	learn_day(g, 100, now, 1);
	for (unsigned day = 0; day < 7; day++, now *= 1.15) {
		learn_day(g, 100, now, 1.15);
		assert_true(threshold(g, 100, 0, 2) < 3 * 0.85 * now);
		assert_true(threshold(g, 100, 0, 2) > now * 1.15 * 1.2);
	}
}

static void growth_test(void **state)
{
	struct group *g = *state;
	double before;

	learn_day(g, 100, 0.01, 1);
	before = usual(g, 100, 0);
	learn_day(g, 100, 0.019, 1);
	between(usual(g, 100, 0), before, before * BASELINE_GROWTH * 1.01);
	learn_day(g, 100, 0.019, 1);
	between(usual(g, 100, 0), before * 1.4, before * BASELINE_GROWTH * BASELINE_GROWTH * 1.02);
	/* what was faster is known within hours */
	learn(g, 2100, 100, 0, 0.005);
	between(usual(g, 100, 0), 0.0045, 0.0055);
}

/* An hour without the daemon, a week without events: nothing grows by itself, nothing is forgotten. */
static void pause_test(void **state)
{
	struct group *g = *state;
	double before;

	learn_day(g, 100, 0.01, 1);
	before = usual(g, 100, 0);
	g->now_ns += 7 * DAY;
	assert_true(usual(g, 100, 0) == before);
	learn(g, 300, 100, 0, 0.019);
	between(usual(g, 100, 0), before, before * BASELINE_GROWTH * 1.02);
}

static void accept_test(void **state)
{
	struct group *g = *state;
	u64 begin_ns;

	learn(g, 100, 100, 0, 0.01);
	begin_ns = g->now_ns;
	do
		g->now_ns += WINDOW;
	while (!baseline_reject(g->baselines, KEY, g->now_ns));
	between((double)(g->now_ns - begin_ns), BASELINE_ACCEPT_NS, BASELINE_ACCEPT_NS + WINDOW);
	assert_true(isnan(usual(g, 100, 0)));
	assert_false(baseline_reject(g->baselines, KEY, g->now_ns + WINDOW));
	learn(g, 20, 100, 0, 0.1);
	between(usual(g, 100, 0), 0.08, 0.12);
	/* a pause begins it anew */
	for (unsigned i = 0; i < 100; i++) {
		learn(g, 1, 100, 0, 0.1);
		for (u64 ns = 0; ns < DAY / 2; ns += 30 * 60 * SECOND)
			assert_false(
				baseline_reject(g->baselines, KEY, g->now_ns += 30 * 60 * SECOND));
	}
	assert_false(isnan(usual(g, 100, 0)));
	baseline_forget(g->baselines, KEY);
	assert_true(isnan(usual(g, 100, 0)));
}

/* As after the file of baselines was lost: what fires still ends. */
static void accept_unknown_test(void **state)
{
	struct group *g = *state;
	u64 begin_ns = g->now_ns;

	while (!baseline_reject(g->baselines, KEY, g->now_ns))
		g->now_ns += WINDOW;
	between((double)(g->now_ns - begin_ns), BASELINE_ACCEPT_NS, BASELINE_ACCEPT_NS + WINDOW);
}

/* Not all values are times: those of a ratio are usually 0. */
static void value_test(void **state)
{
	struct group *g = *state;

	learn(g, 100, 0, 0, 0);
	assert_true(usual(g, 0, 0) == 0 && threshold(g, 0, 0, 3) == 0);
	baseline_forget(g->baselines, KEY);
	learn(g, 100, 0, 0, 3e12);
	between(usual(g, 0, 0), 2.7e12, 3.3e12);
	baseline_learn(g->baselines, KEY, &(struct baseline_window){ { 0, 0 }, NAN, NULL, WINDOW },
		       false, g->now_ns + WINDOW);
	baseline_learn(g->baselines, KEY,
		       &(struct baseline_window){ { INFINITY, 0 }, 1, NULL, WINDOW }, false,
		       g->now_ns + WINDOW);
	baseline_learn(g->baselines, KEY, &(struct baseline_window){ { 0, 0 }, 1, NULL, 0 }, false,
		       g->now_ns + WINDOW);
	between(usual(g, 0, 0), 2.7e12, 3.3e12);
}

/* The distribution is that of the events, whatever the value is, and says how many there were in a second. */
static void hist_test(void **state)
{
	struct group *g = *state;
	struct hist hist = { 0 }, got;
	double seconds;
	const struct baseline_window w = { { 1000, 0 }, 0.005, &hist, WINDOW };

	for (unsigned i = 0; i < 2000; i++)
		hist.bucket[60 + random() % 40] += 5;
	for (unsigned i = 0; i < 20000; i++) {
		g->now_ns += WINDOW;
		baseline_learn(g->baselines, KEY, &w, false, g->now_ns);
	}
	assert_true(baseline_hist(g->baselines, KEY, &w.load, &got, &seconds));
	between((double)hist_count(&got) / seconds, 980, 1020);
	for (double q = 0.05; q < 1; q += 0.05)
		between(hist_quantile(&got, q), 0.96 * hist_quantile(&hist, q),
			1.04 * hist_quantile(&hist, q));
	assert_false(baseline_hist(g->baselines, KEY + 1, &w.load, &got, &seconds));
}

/* Millions of events in a window. */
static void many_events_test(void **state)
{
	struct group *g = *state;
	struct hist hist = { 0 }, got;
	double seconds;
	const struct baseline_window w = { { 5e6, 0 }, 0.001, &hist, WINDOW };

	hist.bucket[80] = 49000000;
	hist.bucket[90] = 1000000;
	for (unsigned i = 0; i < 300; i++) {
		g->now_ns += WINDOW;
		baseline_learn(g->baselines, KEY, &w, false, g->now_ns);
	}
	assert_true(baseline_hist(g->baselines, KEY, &w.load, &got, &seconds));
	between((double)hist_count(&got) / seconds, 4.9e6, 5.1e6);
	between((double)(got.bucket[90] + got.bucket[91]) / (double)hist_count(&got), 0.019, 0.021);
}

static u64 cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (u64)t.tv_sec * SECOND + (u64)t.tv_nsec;
}

/* A distribution as services have: some 50 buckets. */
static void hist_fill(struct hist *h, double median)
{
	memset(h, 0, sizeof(*h));
	for (unsigned i = 0; i < 1000; i++) {
		double x = 0;

		for (unsigned j = 0; j < 12; j++)
			x += (double)random() / RAND_MAX;
		x = (log2(median) + (x - 6) - HIST_MIN_EXP) * HIST_SUB;
		h->bucket[x < 0 ? 0 : x < HIST_BUCKETS ? (unsigned)x : HIST_BUCKETS - 1]++;
	}
}

/*
 * 1,000 services with three rules, 100 devices with four operations, days of loads that come and go: within 8 MiB, and at most
 * 1 us for a key and tick.
 */
static void size_test(void **state)
{
	enum { SERVICES = 3000, KEYS = SERVICES + 400, TICKS = 700 };
	struct group *g = *state;
	struct baselines *b = baselines_new(8 << 20);
	static struct hist hists[32];
	u64 learn_ns = 0, usual_ns = 0, known = 0;

	for (unsigned i = 0; i < 32; i++)
		hist_fill(&hists[i], 0.001 * (i + 1));
	for (unsigned tick = 0; tick < TICKS; tick++) {
		u64 begin_ns = cpu_ns();

		g->now_ns += WINDOW / 2;
		for (u64 key = 0; key < KEYS; key++) {
			const struct hist *h = &hists[key % 32];
			/* a fourfold day; disks: sizes as well */
			const struct baseline_window w = {
				{ 50 * exp2(sin(tick / 300.0 + (double)key)),
				  key < SERVICES ? 0 : 16384 * exp2(2 * sin(tick / 37.0)) },
				0.01 * (1 + (double)((key * tick) % 100) / 100),
				h,
				WINDOW
			};

			baseline_learn(b, key, &w, false, g->now_ns);
		}
		learn_ns += cpu_ns() - begin_ns;
		begin_ns = cpu_ns();
		for (u64 key = 0; key < KEYS; key++) {
			struct baseline_usual u;

			known +=
				baseline_usual(b, key,
					       &(struct load){ 26, key < SERVICES ? 0 : 4096 }, &u);
		}
		usual_ns += cpu_ns() - begin_ns;
	}
	printf("# %u keys: %.1f MiB; %.0f ns to learn, %.0f ns to look up\n", KEYS,
	       (double)baselines_bytes(b) / (1 << 20), (double)learn_ns / TICKS / KEYS,
	       (double)usual_ns / TICKS / KEYS);
	assert_true(baselines_bytes(b) < 7 << 20);
	assert_true(known > (u64)KEYS * TICKS * 8 / 10);
	baselines_free(b);
}

static void bound_test(void **state)
{
	struct group *g = *state;
	struct baselines *b = baselines_new(256 << 10);
	struct baseline_usual u;
	u64 known = 0;

	for (unsigned round = 0; round < 20; round++) {
		g->now_ns += WINDOW;
		for (u64 key = 0; key < 10000; key++) {
			const struct baseline_window w = { { 100, 0 }, 0.01, NULL, WINDOW };

			/* the first 100 go on, of the others each comes once */
			if (key >= 100 && key % 20 != round)
				continue;
			baseline_learn(b, key, &w, false, g->now_ns);
			assert_true(baselines_bytes(b) <= 256 << 10);
		}
	}
	for (u64 key = 0; key < 100; key++)
		known += baseline_usual(b, key, &(struct load){ 100, 0 }, &u);
	assert_int_equal(known, 100);
	baselines_free(b);
}

static void state_test(void **state)
{
	struct group *g = *state;
	struct buf saved = { 0 }, again = { 0 };
	struct baselines *b = baselines_new(1 << 20);
	double before, high;

	learn(g, 300, 100, 4096, 0.01);
	learn(g, 300, 10, 4096, 0.005);
	before = usual(g, 100, 4096);
	high = threshold(g, 100, 4096, 0);
	baselines_save(g->baselines, &saved);
	assert_false(saved.failed);
	for (size_t i = 0; i < saved.len; i++) {
		saved.data[i] ^= 0x10;
		assert_int_equal(baselines_load(b, saved.data, saved.len), -EINVAL);
		saved.data[i] ^= 0x10;
		assert_int_equal(baselines_load(b, saved.data, i), -EINVAL);
	}
	assert_int_equal(baselines_bytes(b), 0);
	assert_int_equal(baselines_load(b, saved.data, saved.len), 0);
	baselines_free(g->baselines);
	g->baselines = b;
	assert_true(usual(g, 100, 4096) == before && threshold(g, 100, 4096, 0) == high);
	baselines_save(b, &again);
	assert_int_equal(again.len, saved.len);
	assert_memory_equal(again.data, saved.data, saved.len);
	/* another boot: the clock begins anew */
	g->now_ns = 20 * SECOND;
	learn(g, 30, 100, 4096, 0.01);
	between(usual(g, 100, 4096), 0.009, 0.011);
	buf_release(&saved);
	buf_release(&again);
}

static void key_test(void **state)
{
	struct rule_pair where = { "direction", "inbound" };
	struct rule_conf r = { .alert = "A",
			       .term = { "seismo_x", &where, 1 },
			       .by = { "service" },
			       .by_cnt = 1,
			       .value = RULE_QUANTILE,
			       .quantile = 0.99,
			       .window_ns = WINDOW };
	const char *a[] = { "a" }, *b[] = { "b" };
	u64 key = baseline_key(&r, a);

	(void)state;
	assert_true(key != baseline_key(&r, b));
	r.alert = "B";
	r.factor = 3;
	assert_true(key == baseline_key(&r, a));
	r.quantile = 0.5;
	assert_true(key != baseline_key(&r, a));
	r.quantile = 0.99;
	where.value = "outbound";
	assert_true(key != baseline_key(&r, a));
	where.value = "inbound";
	r.load.metric = "seismo_y";
	assert_true(key != baseline_key(&r, a));
	r.load.metric = NULL;
	assert_true(key == baseline_key(&r, a));
}

static void file_write(const char *root, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void disk_test(void **state)
{
	char root[] = "/tmp/baseline_test.XXXXXX", path[256];
	u64 first, second;

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/sda", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/sda/device", root);
	mkdir(path, 0755);
	assert_true(disk_identity(root, "sda") == 0);
	file_write(root, "sda/size", "1000\n");
	first = disk_identity(root, "sda");
	assert_true(first != 0);
	file_write(root, "sda/size", "2000\n");
	assert_true(disk_identity(root, "sda") != first);
	/* as of virtio: not to be read */
	file_write(root, "sda/size", "1000\n");
	file_write(root, "sda/serial", "disk-1");
	assert_true(disk_identity(root, "sda") == first);
	file_write(root, "sda/device/wwid", "naa.5000c500a1b2c3d4\n");
	second = disk_identity(root, "sda");
	/* it may grow */
	file_write(root, "sda/size", "3000\n");
	assert_true(disk_identity(root, "sda") == second);
	file_write(root, "sda/device/wwid", "naa.5000c500a1b2c3d5\n");
	assert_true(disk_identity(root, "sda") != second);
	file_write(root, "size", "1\n");
	assert_true(disk_identity(root, "..") == 0 && disk_identity(root, ".") == 0 &&
		    disk_identity(root, "") == 0 && disk_identity(root, "sda/../sda") == 0);
	for (const char *const *f =
		     (const char *const[]){ "sda/size", "sda/serial", "sda/device/wwid",
					    "sda/device", "sda", "size", "", NULL };
	     *f; f++) {
		snprintf(path, sizeof(path), "%s/%s", root, *f);
		remove(path);
	}
}

#define WITH_GROUP(test) cmocka_unit_test_setup_teardown(test, group_setup, group_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GROUP(warm_up_test),	 WITH_GROUP(overlap_test),
		WITH_GROUP(load_test),		 WITH_GROUP(highest_test),
		WITH_GROUP(closed_loop_test),	 WITH_GROUP(variation_test),
		WITH_GROUP(reject_test),	 WITH_GROUP(pending_test),
		WITH_GROUP(drift_test),		 WITH_GROUP(growth_test),
		WITH_GROUP(pause_test),		 WITH_GROUP(accept_test),
		WITH_GROUP(accept_unknown_test), WITH_GROUP(value_test),
		WITH_GROUP(hist_test),		 WITH_GROUP(many_events_test),
		WITH_GROUP(size_test),		 WITH_GROUP(bound_test),
		WITH_GROUP(state_test),		 cmocka_unit_test(key_test),
		cmocka_unit_test(disk_test),
	};

	return cmocka_run_group_tests_name("baseline", tests, NULL, NULL);
}
