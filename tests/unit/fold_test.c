// SPDX-License-Identifier: BSD-3-Clause
/* Short commands count together, until their program matters. */
#include "collect.h"

#define ALPHA	   "service=\"alpha\""
#define BETA	   "service=\"beta\""
#define COMMANDS   "service=\"commands\""
#define CALL(s, n) s ",call=\"" #n "\""

static struct fixture *f;

/* A program that starts now. */
static void program_make(u32 id, const char *exe)
{
	identity_make(id, exe);
	kernel.alive[id].since_ns = f->now_ns;
}

static int setup(void **state)
{
	(void)state;
	f = fixture_new(4, 1000, NULL);
	f->conf->short_commands = SHORT_COMMANDS_FOLD;
	program_make(1, "alpha");
	program_make(2, "beta");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

/* One call and one wait of each of them. */
static void act(void)
{
	for (u32 id = 1; id <= 2; id++) {
		count(id % CPUS, CALLS, id, 7, 1);
		count_time(id % CPUS, WAIT, id, 5, 10);
	}
}

static void calls_are(const char *service, s64 calls)
{
	char labels[64];

	snprintf(labels, sizeof(labels), "%s,call=\"7\"", service);
	assert_int_equal(fixture_value(f, "calls_total", labels), calls);
	if (calls >= 0)
		assert_int_equal(fixture_hist(f, "wait_seconds", service)->bucket[5], calls);
	else
		assert_null(fixture_hist(f, "wait_seconds", service));
}

static void short_commands_are_one_service(void **state)
{
	struct collector_stats stats;

	(void)state;
	act();
	calls_are(COMMANDS, 2);
	calls_are(ALPHA, -1);
	assert_int_equal(fixture_value(f, "alive", COMMANDS), 2);
	collector_stats(f->collector, &stats);
	assert_int_equal(stats.services, 0);
}

/* One that executes another stays one. */
static void an_exec_among_them_is_no_start(void **state)
{
	(void)state;
	count(0, STARTS, 1, 0, 1);
	count(0, STARTS, 2, 1 + 1, 1);
	assert_int_equal(fixture_value(f, "starts_total", COMMANDS), 1);
	kernel.tables.states[1].matters = 1;
	count(0, STARTS, 2, 1 + 1, 1); /* not read before that */
	fixture_read(f);
	count(0, STARTS, 2, 1 + 1, 10);
	assert_int_equal(fixture_value(f, "starts_total", COMMANDS), 11);
}

/* What it counts from then on has its name; the rest stays where it was shown. */
static void who_serves_has_a_name(void **state)
{
	(void)state;
	act();
	calls_are(COMMANDS, 2);
	kernel.tables.states[1].matters = 1;
	act(); /* not read before that */
	calls_are(COMMANDS, 4);
	act();
	calls_are(COMMANDS, 5);
	calls_are(ALPHA, 1);
	calls_are(BETA, -1);
	assert_int_equal(fixture_value(f, "alive", ALPHA), 1);
	assert_int_equal(fixture_value(f, "alive", COMMANDS), 1);
}

static void who_lives_for_a_minute_has_a_name(void **state)
{
	(void)state;
	act();
	calls_are(COMMANDS, 2);
	fixture_wait(f, 30);
	kernel.alive[2].since_ns = f->now_ns; /* a later process: the first has ended */
	fixture_wait(f, 29);
	act();
	calls_are(COMMANDS, 4);
	fixture_wait(f, 1);
	fixture_read(f);
	act();
	calls_are(ALPHA, 1);
	calls_are(COMMANDS, 5);
	fixture_wait(f, 31);
	fixture_read(f);
	act();
	calls_are(BETA, 1);
	calls_are(COMMANDS, 5);
}

/* It was there before the daemon. */
static void who_is_older_has_a_name_at_once(void **state)
{
	(void)state;
	kernel.alive[1].since_ns = f->now_ns - 61 * SECOND;
	memcpy(kernel.tables.task_totals, kernel.alive, sizeof(kernel.alive)); /* at the start */
	act();
	calls_are(ALPHA, 1);
	calls_are(COMMANDS, 1);
}

static void rules_and_units_name_at_once(void **state)
{
	struct service_rule rule = { .name = "gamma", .match = { .exe = "alpha" } };
	struct conf conf = *f->conf;

	(void)state;
	identity_in_cgroup(2, "unit.service", NULL);
	conf.services = &rule;
	conf.service_cnt = 1;
	act();
	fixture_read(f);
	collector_reconfigure(f->collector, &conf, f->now_ns);
	act();
	calls_are("service=\"unit.service\"", 2);
	calls_are("service=\"gamma\"", 1);
	calls_are(COMMANDS, 1);
}

static void kernel_threads_are_no_commands(void **state)
{
	struct identity *row = table_row(&kernel.tables.identities, 1);

	(void)state;
	row->kernel = 1;
	act();
	calls_are("service=\"kernel\"", 1);
}

/* A daemon that crashes in a loop keeps its name as long as it is known, also under another identity. */
static void a_name_that_mattered_stays(void **state)
{
	u64 seconds = f->conf->limits.forget_after_ns / SECOND;

	(void)state;
	kernel.tables.states[1].matters = 1;
	act();
	calls_are(ALPHA, 1);
	identity_end(1);
	fixture_wait(f, REUSE_SECONDS);
	assert_int_equal(kernel.freed[1], 1);
	program_make(1, "alpha");
	act();
	calls_are(ALPHA, 2);
	identity_end(1);
	fixture_wait(f, REUSE_SECONDS + seconds);
	program_make(1, "alpha");
	act();
	calls_are(ALPHA, -1);
	calls_are(COMMANDS, 3); /* the third of beta has its own name: it has lived for long */
}

/* The same program in other cgroups. */
static void others_of_that_name_follow(void **state)
{
	(void)state;
	program_make(3, "alpha");
	act();
	count(0, CALLS, 3, 7, 1);
	count_time(0, WAIT, 3, 5, 10);
	calls_are(COMMANDS, 3);
	kernel.tables.states[1].matters = 1;
	fixture_read(f);
	fixture_read(f);
	count(0, CALLS, 3, 7, 1);
	count_time(0, WAIT, 3, 5, 10);
	calls_are(ALPHA, 1);
	calls_are(COMMANDS, 3);
}

/* A unit or container that happens to have the name of a command does not make it one. */
static void a_namesake_changes_nothing(void **state)
{
	(void)state;
	program_make(3, "x");
	identity_in_cgroup(3, "alpha", "lxc");
	count(0, CALLS, 3, 7, 1);
	count_time(0, WAIT, 3, 5, 10);
	act();
	calls_are(ALPHA, 1);
	calls_are(COMMANDS, 2);
}

static void a_reload_changes_it(void **state)
{
	struct conf conf = *f->conf;

	(void)state;
	conf.short_commands = SHORT_COMMANDS_NAME;
	act();
	calls_are(COMMANDS, 2);
	collector_reconfigure(f->collector, &conf, f->now_ns);
	act();
	calls_are(ALPHA, 1);
	calls_are(BETA, 1);
	calls_are(COMMANDS, 2);
	kernel.tables.states[2].matters = 1;
	fixture_read(f);
	collector_reconfigure(f->collector, f->conf, f->now_ns);
	act();
	calls_are(ALPHA, 1);
	calls_are(BETA, 2);
	calls_are(COMMANDS, 3);
}

/* A thousand, one after the other, in a table of 32: none is lost, and none has a name. */
static void a_thousand_commands_are_one_service(void **state)
{
	struct collector_stats stats;

	(void)state;
	identity_end(1);
	identity_end(2);
	for (u32 i = 0; i < 1000; i++) {
		u32 id = 3 + i % 20;
		char name[16];

		assert_int_equal(kernel.freed[id], i / 20);
		snprintf(name, sizeof(name), "command-%u", i);
		program_make(id, name);
		count(0, CALLS, id, 7, 1);
		count_time(0, WAIT, id, 5, 10);
		identity_end(id);
		fixture_wait(f, 1);
		if (i % 5 == 0)
			fixture_read(f);
	}
	calls_are(COMMANDS, 1000);
	assert_int_equal(fixture_sum(f, "calls_total"), 1000);
	collector_stats(f->collector, &stats);
	assert_int_equal(stats.services, 0);
	assert_int_equal(stats.dropped[CALLS] + stats.dropped[WAIT], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(short_commands_are_one_service),
		TEST(an_exec_among_them_is_no_start),
		TEST(who_serves_has_a_name),
		TEST(who_lives_for_a_minute_has_a_name),
		TEST(who_is_older_has_a_name_at_once),
		TEST(rules_and_units_name_at_once),
		TEST(kernel_threads_are_no_commands),
		TEST(a_name_that_mattered_stays),
		TEST(others_of_that_name_follow),
		TEST(a_namesake_changes_nothing),
		TEST(a_reload_changes_it),
		TEST(a_thousand_commands_are_one_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
