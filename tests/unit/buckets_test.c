// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metric/buckets.h"

/* Each ends where a native bucket does, which is nowhere else than its text says, after the one before. */
static void assert_sound(const struct buckets *b)
{
	for (unsigned i = 0; i < b->cnt; i++) {
		double le = strtod(b->at[i].le, NULL);

		assert_true(le == exp2(HIST_MIN_EXP + (b->at[i].end - 1) / (double)HIST_SUB));
		assert_int_equal(b->at[i].whole, le == floor(le));
		assert_true(!i || b->at[i].end > b->at[i - 1].end);
		assert_in_range(b->at[i].end, 1, HIST_BUCKETS - 1);
	}
}

/* Within half a native bucket of what people write into their objectives. */
static void the_default_has_what_people_alert_on(void **state)
{
	static const double slo[] = {
		.0001, .001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10
	};
	struct buckets b;

	(void)state;
	buckets_default(&b, BUCKETS_SLO);
	assert_sound(&b);
	assert_int_equal(b.cnt, sizeof(slo) / sizeof(*slo));
	for (unsigned i = 0; i < b.cnt; i++)
		assert_true(fabs(log2(strtod(b.at[i].le, NULL) / slo[i])) <= 0.5 / HIST_SUB);
	assert_string_equal(b.at[7].le, "0.25");
	assert_string_equal(b.at[9].le, "1");
	assert_int_equal(buckets_samples(&b), 16);
}

static void the_others_are_few(void **state)
{
	struct buckets b;

	(void)state;
	for (int set = 0; set < BUCKET_SETS; set++) {
		buckets_default(&b, (enum bucket_set)set);
		assert_sound(&b);
		assert_in_range(buckets_samples(&b), 5, set == BUCKETS_SLO ? 16 : 7);
	}
}

static void fine_ones_are_the_powers_of_two(void **state)
{
	struct buckets b;

	(void)state;
	buckets_fine(&b);
	assert_sound(&b);
	assert_int_equal(b.cnt, HIST_MAX_EXP - HIST_MIN_EXP + 1);
	assert_string_equal(b.at[0].le, "9.5367431640625e-07");
	assert_string_equal(b.at[26].le, "64");
}

static void a_list_is_taken_to_the_nearest(void **state)
{
	static const u64 ns[] = { 1, 1000, 1001000, 1002000, 64000000000, UINT64_MAX };
	struct buckets b;

	(void)state;
	buckets_list(&b, ns, sizeof(ns) / sizeof(*ns));
	assert_sound(&b);
	assert_int_equal(b.cnt, 4);
	assert_int_equal(b.at[0].end, 1);
	assert_int_equal(b.at[1].end, 2);
	assert_string_equal(b.at[2].le, "0.0009765625");
	assert_string_equal(b.at[3].le, "64");
}

/* Any bound is moved by less than half a native bucket. */
static void every_bound_has_its_nearest(void **state)
{
	struct buckets b;

	(void)state;
	for (u64 ns = 1000; ns < 64000000000; ns += ns / 100 + 1) {
		buckets_list(&b, &ns, 1);
		assert_sound(&b);
		assert_true(fabs(log2(strtod(b.at[0].le, NULL) * 1e9 / (double)ns)) <=
			    0.5 / HIST_SUB + 1e-9);
	}
}

static void no_more_than_there_is_room_for(void **state)
{
	u64 ns[2 * BUCKETS_MAX];
	struct buckets b;

	(void)state;
	for (unsigned i = 0; i < 2 * BUCKETS_MAX; i++)
		ns[i] = (u64)(1000 * pow(1.2, i));
	buckets_list(&b, ns, 2 * BUCKETS_MAX);
	assert_sound(&b);
	assert_int_equal(b.cnt, BUCKETS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_has_what_people_alert_on),
		cmocka_unit_test(the_others_are_few),
		cmocka_unit_test(fine_ones_are_the_powers_of_two),
		cmocka_unit_test(a_list_is_taken_to_the_nearest),
		cmocka_unit_test(every_bound_has_its_nearest),
		cmocka_unit_test(no_more_than_there_is_room_for),
	};

	return cmocka_run_group_tests_name("buckets", tests, NULL, NULL);
}
