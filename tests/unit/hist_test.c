// SPDX-License-Identifier: BSD-3-Clause
#include "metric/hist.h"

#include <math.h>
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

static void quantile_check(const struct hist *h, double q, double ns)
{
	double got = hist_quantile(h, q) * 1e9;

	if (got < ns / 1.045 || got > ns * 1.045)
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

/* What is below and above all buckets has the one bound that there is. */
static void edges_test(void **state)
{
	struct hist h = { 0 };

	(void)state;
	h.bucket[0] = 1;
	assert_true(hist_quantile(&h, 0.5) == exp2(HIST_MIN_EXP));
	h.bucket[HIST_BUCKETS - 1] = 9;
	assert_true(hist_quantile(&h, 0.5) == exp2(HIST_MAX_EXP));
}

static void since_test(void **state)
{
	struct hist before = { 0 }, now = { 0 }, since;

	(void)state;
	add(&before, 1e6, 5);
	add(&before, 1e9, 5);
	add(&now, 1e6, 7);
	add(&now, 1e9, 3); /* what was counted for who is gone */
	hist_since(&since, &now, &before);
	assert_int_equal(since.bucket[bucket_of(1e6)], 2);
	assert_int_equal(since.bucket[bucket_of(1e9)], 0);
	assert_int_equal(hist_count(&since), 2);
	assert_int_equal(since.sum_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_test),
		cmocka_unit_test(quantile_test),
		cmocka_unit_test(edges_test),
		cmocka_unit_test(since_test),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
