// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "expo/expo.h"
#include "metric/label.h"

#define ROW(n, k, u, h)   \
	((struct metric){ \
		.name = (n), .kind = METRIC_##k, .unit = UNIT_##u, .help = (h), .service = true })

static const struct metric rows[] = {
	ROW("seismo_syscalls_total", COUNTER, NONE, "System calls that returned."),
	ROW("seismo_cpu_seconds_total", COUNTER, SECONDS, "Time on a CPU."),
	ROW("seismo_nothing_total", COUNTER, NONE, "Has no series, is not shown."),
	ROW("seismo_memory_resident_bytes", GAUGE, BYTES, "A \\ \"b\"\nc"),
	ROW("seismo_age", GAUGE, SECONDS, "A unit that the name does not tell."),
	ROW("seismo_wait_seconds", HISTOGRAM, SECONDS, "Time spent waiting."),
	{ .name = "seismo_calls_total", .help = "Is not shown.", .hidden = true },
};

#define FAMILIES (sizeof(rows) / sizeof(*rows))

static struct series *add(struct registry *r, size_t family, const char *service)
{
	return family_series(r->families[family], (const char *[SERIES_LABELS]){ service });
}

static void fill(struct registry *r)
{
	struct hist *h;

	buckets_fine(&r->buckets[BUCKETS_SLO]);
	for (size_t i = 0; i < FAMILIES; i++)
		registry_add(r, &rows[i]);
	*add(r, 0, "nginx.service")->value = 9223372036854775807;
	*add(r, 0, "a\"b\\c\nd\xff")->value = 0;
	*add(r, 1, NULL)->value = 1500000001;
	*add(r, 3, NULL)->value = -4096;
	*add(r, 4, NULL)->value = 2000000000;
	h = add(r, 5, "x")->hist;
	h->bucket[0] = 1;		  /* up to 2^-20 */
	h->bucket[8] = 2;		  /* the last in (2^-20, 2^-19] */
	h->bucket[9] = 4;		  /* the first beyond 2^-19 */
	h->bucket[20 * 8] = 8;		  /* the last up to 1 s */
	h->bucket[HIST_BUCKETS - 2] = 16; /* the last up to 64 s */
	h->bucket[HIST_BUCKETS - 1] = 32;
	h->sum_ns = 3000250000000;
	add(r, 5, NULL);
	*add(r, 6, NULL)->value = 1;
}

/* clang-format off */
#define SAMPLES_CALLS \
	"seismo_syscalls_total{service=\"nginx.service\"} 9223372036854775807\n" \
	"seismo_syscalls_total{service=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 0\n"
#define SAMPLES_CPU    "seismo_cpu_seconds_total 1.500000001\n"
#define SAMPLES_MEMORY "seismo_memory_resident_bytes -4096\n"
#define SAMPLES_AGE    "seismo_age 2\n"

#define BUCKET(l, le, n) "seismo_wait_seconds_bucket{" l "le=\"" le "\"} " n "\n"

/* The buckets with the labels l, whole numbers ending in w, and the counts where they change. */
#define BUCKETS(l, w, n20, n19, n18, n0, n6, inf) \
	BUCKET(l, "9.5367431640625e-07", n20) \
	BUCKET(l, "1.9073486328125e-06", n19) \
	BUCKET(l, "3.814697265625e-06", n18) \
	BUCKET(l, "7.62939453125e-06", n18) \
	BUCKET(l, "1.52587890625e-05", n18) \
	BUCKET(l, "3.0517578125e-05", n18) \
	BUCKET(l, "6.103515625e-05", n18) \
	BUCKET(l, "0.0001220703125", n18) \
	BUCKET(l, "0.000244140625", n18) \
	BUCKET(l, "0.00048828125", n18) \
	BUCKET(l, "0.0009765625", n18) \
	BUCKET(l, "0.001953125", n18) \
	BUCKET(l, "0.00390625", n18) \
	BUCKET(l, "0.0078125", n18) \
	BUCKET(l, "0.015625", n18) \
	BUCKET(l, "0.03125", n18) \
	BUCKET(l, "0.0625", n18) \
	BUCKET(l, "0.125", n18) \
	BUCKET(l, "0.25", n18) \
	BUCKET(l, "0.5", n18) \
	BUCKET(l, "1" w, n0) \
	BUCKET(l, "2" w, n0) \
	BUCKET(l, "4" w, n0) \
	BUCKET(l, "8" w, n0) \
	BUCKET(l, "16" w, n0) \
	BUCKET(l, "32" w, n0) \
	BUCKET(l, "64" w, n6) \
	BUCKET(l, "+Inf", inf)

#define SAMPLES_WAIT(w) \
	BUCKETS("service=\"x\",", w, "1", "3", "7", "15", "31", "63") \
	"seismo_wait_seconds_sum{service=\"x\"} 3000.25\n" \
	"seismo_wait_seconds_count{service=\"x\"} 63\n" \
	BUCKETS("", w, "0", "0", "0", "0", "0", "0") \
	"seismo_wait_seconds_sum 0\n" \
	"seismo_wait_seconds_count 0\n"

static const char golden_text[] =
	"# HELP seismo_syscalls_total System calls that returned.\n"
	"# TYPE seismo_syscalls_total counter\n"
	SAMPLES_CALLS
	"# HELP seismo_cpu_seconds_total Time on a CPU.\n"
	"# TYPE seismo_cpu_seconds_total counter\n"
	SAMPLES_CPU
	"# HELP seismo_memory_resident_bytes A \\\\ \"b\"\\nc\n"
	"# TYPE seismo_memory_resident_bytes gauge\n"
	SAMPLES_MEMORY
	"# HELP seismo_age A unit that the name does not tell.\n"
	"# TYPE seismo_age gauge\n"
	SAMPLES_AGE
	"# HELP seismo_wait_seconds Time spent waiting." BUCKETS_HELP "\n"
	"# TYPE seismo_wait_seconds histogram\n"
	SAMPLES_WAIT("");

static const char golden_openmetrics[] =
	"# HELP seismo_syscalls System calls that returned.\n"
	"# TYPE seismo_syscalls counter\n"
	SAMPLES_CALLS
	"# HELP seismo_cpu_seconds Time on a CPU.\n"
	"# TYPE seismo_cpu_seconds counter\n"
	"# UNIT seismo_cpu_seconds seconds\n"
	SAMPLES_CPU
	"# HELP seismo_memory_resident_bytes A \\\\ \\\"b\\\"\\nc\n"
	"# TYPE seismo_memory_resident_bytes gauge\n"
	"# UNIT seismo_memory_resident_bytes bytes\n"
	SAMPLES_MEMORY
	"# HELP seismo_age A unit that the name does not tell.\n"
	"# TYPE seismo_age gauge\n"
	SAMPLES_AGE
	"# HELP seismo_wait_seconds Time spent waiting." BUCKETS_HELP "\n"
	"# TYPE seismo_wait_seconds histogram\n"
	"# UNIT seismo_wait_seconds seconds\n"
	SAMPLES_WAIT(".0")
	"# EOF\n";
/* clang-format on */

static void expect(const struct expo_format *format, const char *golden)
{
	struct registry r = { 0 };
	struct buf b = { 0 };

	fill(&r);
	expo_write(format, &r, NULL, &b);
	assert_false(b.failed);
	assert_string_equal(buf_cstr(&b), golden);
	assert_int_equal(b.len, strlen(golden));
	buf_release(&b);
	registry_release(&r);
}

static void text_as_specified(void **state)
{
	(void)state;
	expect(&expo_text, golden_text);
}

static void openmetrics_as_specified(void **state)
{
	(void)state;
	expect(&expo_openmetrics, golden_openmetrics);
}

static void nothing_is_nothing(void **state)
{
	struct registry r = { 0 };
	struct buf b = { 0 };

	(void)state;
	expo_write(&expo_text, &r, NULL, &b);
	assert_int_equal(b.len, 0);
	expo_write(&expo_openmetrics, &r, NULL, &b);
	assert_string_equal(buf_cstr(&b), "# EOF\n");
	buf_release(&b);
}

static void alert_samples(void *ctx, const struct metric *row, struct buf *b)
{
	struct buf labels = { 0 };

	assert_ptr_equal(ctx, row);
	label_add(&labels, "rule", "Slow");
	label_add(&labels, "device", "a\"b");
	expo_sample(b, row, &labels, 1);
	buf_reset(&labels);
	expo_sample(b, row, &labels, -2);
	buf_release(&labels);
}

static void no_samples(void *ctx, const struct metric *row, struct buf *b)
{
	(void)ctx;
	(void)row;
	(void)b;
}

static void samples_that_are_in_no_registry(void **state)
{
	static struct metric source_rows[] = {
		{ "seismo_alert_firing", METRIC_GAUGE, UNIT_NONE, "Fires." }, { .name = NULL }
	};
	struct expo_source source = { source_rows, alert_samples, source_rows };
	struct registry r = { 0 };
	struct buf b = { 0 };

	(void)state;
	expo_write(&expo_openmetrics, &r, &source, &b);
	assert_string_equal(buf_cstr(&b), "# HELP seismo_alert_firing Fires.\n"
					  "# TYPE seismo_alert_firing gauge\n"
					  "seismo_alert_firing{rule=\"Slow\",device=\"a\\\"b\"} 1\n"
					  "seismo_alert_firing -2\n"
					  "# EOF\n");
	buf_reset(&b);
	source.samples = no_samples;
	expo_write(&expo_text, &r, &source, &b);
	assert_int_equal(b.len, 0);
	buf_release(&b);
}

/* Each bound reads back as the power of two that it stands for. */
static void bounds_are_exact(void **state)
{
	struct registry r = { 0 };
	struct buf b = { 0 };
	const char *at;
	double bound = 1.0 / (1 << -HIST_MIN_EXP);

	(void)state;
	fill(&r);
	expo_write(&expo_openmetrics, &r, NULL, &b);
	at = buf_cstr(&b);
	for (int i = HIST_MIN_EXP; i <= HIST_MAX_EXP; i++, bound *= 2) {
		at = strstr(at, "le=\"") + 4;
		assert_true(strtod(at, NULL) == bound);
	}
	buf_release(&b);
	registry_release(&r);
}

/* A label that is not to be shown: what differs in nothing else is one. */
static void hidden_label_test(void **state)
{
	static const u64 no = 0;
	static const struct metric calls = { "calls_total", METRIC_COUNTER, .help = "Calls.",
					     .labels = { { "peer", .shown = &no } } };
	static const struct metric wait = { "wait_seconds", METRIC_HISTOGRAM, UNIT_SECONDS, "Wait.",
					    .labels = { { "peer", .shown = &no } } };
	const char *a[SERIES_LABELS] = { "a" }, *b[SERIES_LABELS] = { "b" };
	struct registry r = { 0 };
	struct buf out = { 0 };

	(void)state;
	buckets_fine(&r.buckets[BUCKETS_SLO]);
	registry_add(&r, &calls);
	registry_add(&r, &wait);
	*family_series(r.families[0], a)->value = 3;
	*family_series(r.families[0], b)->value = 4;
	family_series(r.families[1], a)->hist->bucket[0] = 5;
	family_series(r.families[1], b)->hist->bucket[HIST_BUCKETS - 1] = 6;
	family_series(r.families[1], b)->hist->sum_ns = 7000000000;
	expo_write(&expo_text, &r, NULL, &out);
	assert_non_null(strstr(buf_cstr(&out), "counter\ncalls_total 7\n# HELP"));
	assert_non_null(strstr(buf_cstr(&out), "le=\"64\"} 5\n"));
	assert_non_null(strstr(buf_cstr(&out), "le=\"+Inf\"} 11\n"
					       "wait_seconds_sum 7\nwait_seconds_count 11\n"));
	assert_null(strstr(buf_cstr(&out), "peer"));
	buf_release(&out);
	registry_release(&r);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(text_as_specified),
	cmocka_unit_test(openmetrics_as_specified),
	cmocka_unit_test(nothing_is_nothing),
	cmocka_unit_test(bounds_are_exact),
	cmocka_unit_test(samples_that_are_in_no_registry),
	cmocka_unit_test(hidden_label_test),
};

int main(void)
{
	return cmocka_run_group_tests_name("expo", tests, NULL, NULL);
}
