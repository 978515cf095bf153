// SPDX-License-Identifier: BSD-3-Clause
#include "metric/hist.h"

#include <math.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* The bucket that holds a duration in ns, by the definition in types.h. */
static unsigned bucket_of(double ns)
{
	double i = ceil((log2(ns / 1e9) - HIST_MIN_EXP) * HIST_SUB);

	return i < 0 ? 0 : i > HIST_BUCKETS - 1 ? HIST_BUCKETS - 1 : (unsigned)i;
}

static void add(struct hist *h, double ns, u64 n)
{
	h->bucket[bucket_of(ns)] += n;
	h->sum_ns += (u64)ns * n;
}

/* In the right bucket, whose bounds are 2^(1/8) apart. */
static void quantile_check(const struct hist *h, double q, double ns)
{
	double got = hist_quantile(h, q) * 1e9;

	if (got < ns / 1.0906 || got > ns * 1.0906)
		fail_msg("quantile %g is %g ns, not %g", q, got, ns);
}

static void empty_test(void **state)
{
	struct hist h = { 0 };

	(void)state;
	assert_int_equal(hist_count(&h), 0);
	assert_true(isnan(hist_quantile(&h, 0.5)));
}

static void quantile_test(void **state)
{
	(void)state;
	for (double ns = 2e3; ns < 6e10; ns *= 1.37) {
		struct hist h = { 0 };

		add(&h, ns, 90);
		add(&h, ns * 1.5, 9);
		add(&h, ns * 1.9, 1);
		assert_int_equal(hist_count(&h), 100);
		quantile_check(&h, 0.5, ns);
		quantile_check(&h, 0.9, ns);
		if (ns * 2 < 6e10) {
			quantile_check(&h, 0.95, ns * 1.5);
			quantile_check(&h, 0.995, ns * 1.9);
			quantile_check(&h, 1, ns * 1.9);
		}
	}
}

static void double_equal(double a, double b)
{
	if (fabs(a - b) > 1e-12)
		fail_msg("%.17g is not %.17g", a, b);
}

/* Within a bucket as Prometheus does it: on a logarithmic scale, but from 0 in the first. */
static void interpolation_test(void **state)
{
	struct hist h = { 0 };

	(void)state;
	h.bucket[1 + 20 * HIST_SUB] = 4; /* (1 s, 2^(1/8) s] */
	double_equal(hist_quantile(&h, 0.25), exp2(1.0 / 32));
	double_equal(hist_quantile(&h, 0.5), exp2(1.0 / 16));
	double_equal(hist_quantile(&h, 1), exp2(1.0 / 8));
	h.bucket[0] = 4;
	double_equal(hist_quantile(&h, 0.25), exp2(HIST_MIN_EXP) / 2);
	double_equal(hist_quantile(&h, 0.5), exp2(HIST_MIN_EXP));
	double_equal(hist_quantile(&h, 0.75), exp2(1.0 / 16));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Against the sorted values of smooth distributions, interpolation is far better than a bucket is wide. */
static void sorted_test(void **state)
{
	static double ns[20000];
	const size_t cnt = sizeof(ns) / sizeof(*ns);

	(void)state;
	srandom(1);
	for (int widest = 1; widest < 14; widest++) {
		struct hist h = { 0 };

		for (size_t i = 0; i < cnt; i++) {
			ns[i] = 5000 * exp2(widest * (double)random() / RAND_MAX);
			add(&h, ns[i], 1);
		}
		qsort(ns, cnt, sizeof(*ns), compare);
		for (double q = 0.01; q < 1; q += 0.01) {
			double got = hist_quantile(&h, q) * 1e9, truth = ns[(size_t)(q * cnt)];

			if (fabs(got / truth - 1) > 0.04)
				fail_msg("quantile %g is %g ns, not %g", q, got, truth);
		}
	}
}

/* What is above all buckets has the one bound that there is. */
static void edges_test(void **state)
{
	struct hist h = { 0 };

	(void)state;
	h.bucket[HIST_BUCKETS - 1] = 9;
	assert_true(hist_quantile(&h, 0.5) == exp2(HIST_MAX_EXP));
	h.bucket[0] = 1;
	assert_true(hist_quantile(&h, 0.5) == exp2(HIST_MAX_EXP));
	assert_true(hist_quantile(&h, 0.1) == exp2(HIST_MIN_EXP));
	assert_true(hist_quantile(&h, 0) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_test),	      cmocka_unit_test(quantile_test),
		cmocka_unit_test(interpolation_test), cmocka_unit_test(sorted_test),
		cmocka_unit_test(edges_test),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
