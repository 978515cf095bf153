// SPDX-License-Identifier: BSD-3-Clause
/* What finds no room: slots in the kernel, services, samples. Nothing is lost, nothing is "other" for longer than need be. */
#include "collect.h"
#include "collect/services.h"

#define ALPHA	   "service=\"alpha\""
#define BETA	   "service=\"beta\""
#define OTHER	   "service=\"other\""
#define CALL(s, n) s ",call=\"" #n "\""

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

static void a_full_metric_counts_under_other(void **state)
{
	struct collector_stats stats;

	(void)state;
	for (u64 call = 0; call < BUDGET + 5; call++)
		count(0, CALLS, 1, call, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 23)), 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 24)), -1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, other)), 50);
	assert_int_equal(fixture_sum(f, "calls_total"), 10 * (BUDGET + 5));
	collector_stats(f->collector, &stats);
	assert_true(stats.dropped[CALLS] > 0);
	assert_int_equal(stats.dropped[WAIT], 0);
}

static void a_full_histogram_counts_under_other(void **state)
{
	(void)state;
	kernel.tables.budgets[WAIT].max = 1;
	count_time(0, WAIT, 1, 5, 10);
	count_time(0, WAIT, 2, 6, 20);
	count_time(1, WAIT, 2, 6, 20);
	assert_int_equal(fixture_hist(f, "wait_seconds", ALPHA)->bucket[5], 1);
	assert_null(fixture_hist(f, "wait_seconds", BETA));
	assert_int_equal(fixture_hist(f, "wait_seconds", OTHER)->bucket[6], 2);
}

static int setup_small(void **state)
{
	(void)state;
	f = fixture_new(2, 1000, NULL);
	/* one more series of each family, and four */
	f->conf->limits.series = f->registry.reserved + 4;
	for (u32 id = 1; id < 8; id++) {
		char name[16];

		snprintf(name, sizeof(name), "s%u", id);
		identity_make(id, name);
	}
	return 0;
}

static void services_beyond_the_limit_are_other(void **state)
{
	struct collector_stats stats;

	(void)state;
	for (u32 id = 1; id < 8; id++)
		count(id % CPUS, CALLS, id, 1, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s1\"", 1)), 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s2\"", 1)), 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s3\"", 1)), -1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, 1)), 50);
	collector_stats(f->collector, &stats);
	assert_int_equal(stats.services, 2);
	assert_int_equal(stats.dropped[CALLS], 50);
	assert_int_equal(stats.dropped[WAIT], 0);
}

static void events_that_are_other_are_counted(void **state)
{
	struct collector_stats stats;

	(void)state;
	count(0, CALLS, 1, 1, 1);
	count(0, CALLS, 2, 1, 1);
	for (int i = 0; i < 3; i++) {
		count(0, CALLS, 3, 1, 100);
		count_time(i % CPUS, WAIT, 3, 5, 10);
		fixture_read(f);
	}
	identity_end(3);
	fixture_wait(f, REUSE_SECONDS);
	collector_stats(f->collector, &stats);
	assert_int_equal(stats.dropped[CALLS], 300);
	assert_int_equal(stats.dropped[WAIT], 3);
}

/* Room for samples, where what has gone took all of it. */
static void services_that_are_gone_give_way_to_series(void **state)
{
	(void)state;
	for (u64 call = 0; call < 4; call++)
		count(0, CALLS, 1, call, 10);
	count(0, CALLS, 2, 1, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s2\"", 1)), -1);
	identity_end(1);
	fixture_wait(f, REUSE_SECONDS);
	fixture_read(f);
	count(0, CALLS, 2, 1, 100);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s2\"", 1)), 100);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s1\"", 1)), -1);
}

/* When another has gone for long enough. What it counted until then stays where it was shown. */
static void a_service_gets_its_name_when_there_is_room(void **state)
{
	struct collector_stats stats;

	(void)state;
	f->conf->limits.series = 1000;
	for (u32 id = 1; id < 4; id++) {
		count(0, CALLS, id, 1, 10);
		count_time(0, WAIT, id, 5, 10);
	}
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s3\"", 1)), -1);
	collector_exposed(f->collector);
	identity_end(1);
	fixture_wait(f, REUSE_SECONDS);
	count(0, CALLS, 3, 1, 1);
	count_time(0, WAIT, 3, 5, 10);
	fixture_read(f);
	count(0, CALLS, 3, 1, 100);
	count_time(0, WAIT, 3, 5, 10);
	count_time(1, WAIT, 3, 6, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s3\"", 1)), 100);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, 1)), 11);
	assert_int_equal(fixture_hist(f, "wait_seconds", "service=\"s3\"")->bucket[5], 1);
	assert_int_equal(fixture_hist(f, "wait_seconds", "service=\"s3\"")->bucket[6], 1);
	assert_int_equal(fixture_hist(f, "wait_seconds", "service=\"s3\"")->sum_ns, 20);
	assert_int_equal(fixture_hist(f, "wait_seconds", OTHER)->bucket[5], 2);
	collector_exposed(f->collector);
	identity_end(3);
	fixture_wait(f, SERVICE_KEEP_NS / SECOND / 2); /* others wait for a place, too */
	assert_int_equal(kernel.freed[3], 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s3\"", 1)), 100);
	assert_int_equal(fixture_hist(f, "wait_seconds", "service=\"s3\"")->bucket[5], 1);
	collector_stats(f->collector, &stats);
	assert_int_equal(stats.dropped[CALLS], 11);
	assert_int_equal(stats.dropped[WAIT], 2);
}

static void series_beyond_the_limit_are_other(void **state)
{
	(void)state;
	for (u64 call = 0; call < 10; call++)
		count(0, CALLS, 1, call, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, other)), 60);
	assert_int_equal(fixture_sum(f, "calls_total"), 100);
}

static void series_get_their_own_when_there_is_room(void **state)
{
	struct conf conf = *f->conf;

	(void)state;
	for (u64 call = 0; call < 10; call++)
		count(0, CALLS, 1, call, 10);
	count_time(0, WAIT, 1, 5, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, other)), 60);
	conf.limits.series = 1000;
	count(0, CALLS, 1, 9, 1);
	collector_reconfigure(f->collector, &conf, f->now_ns);
	fixture_read(f);
	count(0, CALLS, 1, 9, 2);
	count_time(0, WAIT, 1, 5, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s1\"", 9)), 2);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, other)), 61);
	assert_int_equal(fixture_hist(f, "wait_seconds", "service=\"s1\"")->bucket[5], 1);
	assert_int_equal(fixture_hist(f, "wait_seconds", OTHER)->bucket[5], 1);
}

static void what_was_other_outlives_its_identity(void **state)
{
	(void)state;
	for (u32 id = 1; id < 8; id++)
		count(0, CALLS, id, 1, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, 1)), 50);
	identity_end(5);
	fixture_wait(f, REUSE_SECONDS);
	assert_int_equal(kernel.freed[5], 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, 1)), 50);
}

static void an_identity_that_nobody_got_is_other(void **state)
{
	(void)state;
	count(0, CALLS, IDENTITY_OTHER, 7, 2);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, 7)), 2);
}

/* --- services that have gone, where there is no room for new ones */

static int setup_empty(void **state)
{
	(void)state;
	f = fixture_new(2, 1000, NULL);
	return 0;
}

/* One after the other, each in a cgroup of its own; `seen`: all values are exposed. The last one is there. */
static void throw_away(unsigned cnt, bool seen)
{
	for (unsigned i = 0; i < cnt; i++) {
		u32 id = 10 + i % 4;
		char name[32];

		if (i >= 4) /* 20 seconds ago */
			assert_int_equal(kernel.freed[id], i / 4);
		snprintf(name, sizeof(name), "run-%u.service", i);
		identity_make(id, "ci");
		identity_in_cgroup(id, name, "system.slice");
		count(0, CALLS, id, 1, 10);
		count_time(0, WAIT, id, 5, 10);
		count(0, USED, id, 0, 1000);
		fixture_read(f);
		count(1, CALLS, id, 1, 1); /* not read before it ends */
		identity_end(id);
		for (int s = 0; s < 5; s++) {
			fixture_wait(f, 1);
			fixture_read(f);
			if (seen)
				collector_exposed(f->collector);
		}
	}
}

static void is_named_at_once(void)
{
	identity_make(20, "server");
	identity_in_cgroup(20, "new.service", "system.slice");
	count(0, CALLS, 20, 1, 7);
	count_time(0, WAIT, 20, 5, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"new.service\"", 1)), 7);
	assert_int_equal(fixture_hist(f, "wait_seconds", "service=\"new.service\"")->bucket[5], 1);
}

/* What nobody has seen yet is "other" by then, to the event, and told. */
static void who_was_never_seen_gives_way_at_once(void **state)
{
	struct collector_stats stats;

	(void)state;
	throw_away(40, false);
	is_named_at_once();
	assert_int_equal(fixture_sum(f, "calls_total"), 40 * 11 + 7);
	assert_int_equal(fixture_sum(f, "used_total"), 40 * 1000);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, 1)), 39 * 11);
	assert_int_equal(fixture_hist(f, "wait_seconds", OTHER)->bucket[5], 39);
	assert_int_equal(fixture_hist(f, "wait_seconds", OTHER)->sum_ns, 390);
	collector_stats(f->collector, &stats);
	assert_int_equal(stats.dropped[CALLS], 39 * 11);
	assert_int_equal(stats.dropped[WAIT], 39);
	assert_int_equal(stats.services, 2);
}

static void who_was_seen_gives_way_at_once(void **state)
{
	struct collector_stats stats;

	(void)state;
	throw_away(40, true);
	is_named_at_once();
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, 1)), -1);
	collector_stats(f->collector, &stats);
	assert_int_equal(stats.dropped[CALLS], 0);
	assert_int_equal(stats.services, 2);
}

/* Its last values are not known to anybody yet. */
static void who_was_seen_in_part_waits(void **state)
{
	(void)state;
	f->conf->limits.series = 1000;
	identity_in_cgroup(1, "s1.service", "system.slice");
	count(0, CALLS, 1, 1, 10);
	count(0, CALLS, 2, 1, 10);
	fixture_read(f);
	collector_exposed(f->collector);
	count(0, CALLS, 1, 1, 5);
	identity_end(1);
	count(0, CALLS, 3, 1, 1);
	fixture_wait(f, 8);
	count(0, CALLS, 3, 1, 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s3\"", 1)), -1);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s1.service\"", 1)), 15);
	collector_exposed(f->collector);
	fixture_wait(f, 1);
	fixture_read(f);
	count(0, CALLS, 3, 1, 100);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s3\"", 1)), 100);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s1.service\"", 1)), -1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(OTHER, 1)), 2);
}

/* It may run again, and would count from 0 then. */
static void a_program_waits(void **state)
{
	(void)state;
	f->conf->limits.series = 1000;
	count(0, CALLS, 1, 1, 10);
	count(0, CALLS, 2, 1, 10);
	identity_end(1);
	count(0, CALLS, 3, 1, 1);
	fixture_read(f);
	for (int i = 0; i < 30; i++) {
		fixture_wait(f, 1);
		fixture_read(f);
		collector_exposed(f->collector);
	}
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s1\"", 1)), 10);
	identity_make(1, "s1");
	count(0, CALLS, 1, 1, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"s1\"", 1)), 20);
}

#define TEST(name)	 cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_EMPTY(name) cmocka_unit_test_setup_teardown(name, setup_empty, teardown)
#define TEST_SMALL(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_metric_counts_under_other),
		TEST(a_full_histogram_counts_under_other),
		TEST_SMALL(services_beyond_the_limit_are_other),
		TEST_SMALL(events_that_are_other_are_counted),
		TEST_SMALL(services_that_are_gone_give_way_to_series),
		TEST_SMALL(a_service_gets_its_name_when_there_is_room),
		TEST_SMALL(series_beyond_the_limit_are_other),
		TEST_SMALL(series_get_their_own_when_there_is_room),
		TEST_SMALL(what_was_other_outlives_its_identity),
		TEST_SMALL(an_identity_that_nobody_got_is_other),
		TEST_EMPTY(who_was_never_seen_gives_way_at_once),
		TEST_EMPTY(who_was_seen_gives_way_at_once),
		TEST_SMALL(who_was_seen_in_part_waits),
		TEST_SMALL(a_program_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
