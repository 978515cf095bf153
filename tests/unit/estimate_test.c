// SPDX-License-Identifier: BSD-3-Clause
/* Histograms of which the kernel side times some events, and of the others a sample. */
#include "collect.h"
#include "metric/hist.h"

#define ALPHA "service=\"alpha\",kind=\"odd\""
#define BETA  "service=\"beta\",kind=\"odd\""

enum { QUICK = 40, SLOWER = 60, SLOW = 150 }; /* buckets */

static struct fixture *f;

static int setup(void **state)
{
	(void)state;
	f = fixture_with_services();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

static void sample(u32 id, u32 bucket, u64 ns, u32 n)
{
	while (n--)
		count_time_of(1, CALL_SAMPLE, id, 1, bucket, ns);
}

static const struct hist *calls_hist(const char *labels)
{
	return fixture_hist(f, "call_seconds", labels);
}

static void slow_ones_count_once_and_quick_ones_for_all(void **state)
{
	const struct hist *h;

	(void)state;
	count(0, CALLS, 1, 7, 1000);
	count(1, CALLS, 3, 9, 500);
	count(1, CALLS, 1, 8, 123); /* of another kind */
	for (int i = 0; i < 20; i++)
		count_time_of(0, CALL_SECONDS, 1, 1, SLOW, 1000000);
	sample(1, QUICK, 100, 30);
	sample(3, SLOWER, 500, 10);
	h = calls_hist(ALPHA);
	assert_int_equal(h->bucket[SLOW], 20);
	assert_int_equal(hist_count(h), 1500);
	assert_in_range(h->bucket[QUICK], 1480 * 3 / 4, 1480 * 3 / 4 + 1);
	assert_in_range(h->bucket[SLOWER], 1480 / 4, 1480 / 4 + 1);
	assert_in_range(h->sum_ns, 20 * 1000000 + 1480 * 200 - 1, 20 * 1000000 + 1480 * 200);
	assert_null(calls_hist("service=\"alpha\",kind=\"even\""));
	assert_null(registry_find(&f->registry, "call_sample_seconds")->series);
}

static void without_a_sample_nothing_is_said_of_the_rest(void **state)
{
	(void)state;
	count(0, CALLS, 1, 7, 1000);
	count_time_of(0, CALL_SECONDS, 1, 1, SLOW, 1000000);
	assert_int_equal(hist_count(calls_hist(ALPHA)), 1);
	sample(1, QUICK, 100, 20);
	assert_int_equal(hist_count(calls_hist(ALPHA)), 1000);
}

static void others_stand_in_for_who_has_no_sample(void **state)
{
	const struct hist *h;

	(void)state;
	count(0, CALLS, 1, 7, 1000);
	count(0, CALLS, 2, 7, 100);
	count_time_of(0, CALL_SECONDS, 1, 1, SLOW, 1000000);
	sample(2, QUICK, 100, 100);
	h = calls_hist(ALPHA);
	assert_int_equal(h->bucket[QUICK], 999);
	assert_int_equal(h->bucket[SLOW], 1);
	assert_int_equal(calls_hist(BETA)->bucket[QUICK], 100);
}

/* One call at each reading: most buckets have less than one call each time. */
static void no_bucket_gains_in_the_long_run(void **state)
{
	enum { READINGS = 20000 };
	const struct hist *h = NULL;

	(void)state;
	sample(1, QUICK, 100, 150);
	sample(1, SLOWER, 500, 50);
	for (int i = 0; i < READINGS; i++) {
		count(0, CALLS, 1, 7, 1);
		h = calls_hist(ALPHA);
		assert_int_equal(hist_count(h), i + 1);
	}
	assert_in_range(h->bucket[SLOWER], READINGS / 4 - 300, READINGS / 4 + 300);
}

static void what_was_sampled_lately_counts_more(void **state)
{
	const struct hist *h;
	u64 before;

	(void)state;
	count(0, CALLS, 1, 7, 100000);
	sample(1, QUICK, 100, 100000);
	h = calls_hist(ALPHA);
	assert_int_equal(h->bucket[QUICK], 100000);
	for (int i = 0; i < 20; i++) {
		sample(1, SLOWER, 500, 1000);
		count(0, CALLS, 1, 7, 1000);
		calls_hist(ALPHA);
	}
	before = h->bucket[SLOWER];
	count(0, CALLS, 1, 7, 1000);
	h = calls_hist(ALPHA);
	assert_in_range(h->bucket[SLOWER] - before, 900, 1000);
}

static void a_sample_that_ends_takes_nothing_back(void **state)
{
	const struct hist *h;

	(void)state;
	count(0, CALLS, 1, 7, 1000);
	sample(3, QUICK, 100, 40);
	assert_int_equal(hist_count(calls_hist(ALPHA)), 1000);
	identity_end(3);
	fixture_wait(f, REUSE_SECONDS);
	assert_true(kernel.freed[3] > 0);
	identity_make(3, "beta");
	count(0, CALLS, 1, 7, 1000);
	count(0, CALLS, 3, 7, 50);
	sample(3, SLOWER, 500, 20);
	h = calls_hist(ALPHA);
	assert_int_equal(h->bucket[QUICK], 2000);
	assert_int_equal(calls_hist(BETA)->bucket[SLOWER], 50);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(slow_ones_count_once_and_quick_ones_for_all),
		TEST(without_a_sample_nothing_is_said_of_the_rest),
		TEST(others_stand_in_for_who_has_no_sample),
		TEST(no_bucket_gains_in_the_long_run),
		TEST(what_was_sampled_lately_counts_more),
		TEST(a_sample_that_ends_takes_nothing_back),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
