// SPDX-License-Identifier: BSD-3-Clause
#include "collect.h"
#include "collect/services.h"

#define ALPHA	   "service=\"alpha\""
#define BETA	   "service=\"beta\""
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

/* --- slots in, registry out */

static void counts_of_all_cpus_add_up(void **state)
{
	(void)state;
	count(0, CALLS, 1, 7, 3);
	count(1, CALLS, 1, 7, 4);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 7);
	count(1, CALLS, 1, 7, 5);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 12);
}

static void dimensions_and_services_are_apart(void **state)
{
	(void)state;
	count(0, CALLS, 1, 7, 1);
	count(0, CALLS, 1, 8, 2);
	count(0, CALLS, 2, 7, 4);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 8)), 2);
	assert_int_equal(fixture_value(f, "calls_total", CALL(BETA, 7)), 4);
	assert_int_equal(fixture_value(f, "calls_total", CALL(BETA, 8)), -1);
}

static void identities_of_a_service_add_up(void **state)
{
	(void)state;
	count(0, CALLS, 1, 7, 1);
	count(1, CALLS, 3, 7, 2);
	count_time(0, WAIT, 1, 5, 100);
	count_time(1, WAIT, 3, 5, 200);
	count_time(1, WAIT, 3, 6, 300);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 3);
	assert_int_equal(fixture_hist(f, "wait_seconds", ALPHA)->bucket[5], 2);
	assert_int_equal(fixture_hist(f, "wait_seconds", ALPHA)->bucket[6], 1);
	assert_int_equal(fixture_hist(f, "wait_seconds", ALPHA)->sum_ns, 600);
	assert_null(fixture_hist(f, "wait_seconds", BETA));
}

static void a_metric_without_service_has_none(void **state)
{
	(void)state;
	count(0, ERRORS, 0, 9, 1);
	assert_int_equal(fixture_value(f, "errors_total", "device=\"9\""), 1);
}

static void families_that_are_off_are_not_there(void **state)
{
	struct registry registry = { 0 };
	struct collector *c;

	(void)state;
	kernel.run.state = PROBE_UNAVAILABLE;
	c = collector_new(&kernel.tables, f->conf, &registry, kernel.runs, NULL, NULL);
	assert_int_equal(registry.family_cnt, 0);
	count(0, CALLS, 1, 7, 1);
	assert_int_equal(collector_read(c, 1), 0);
	collector_free(c);
	registry_release(&registry);
}

static void a_move_within_a_service_is_no_start(void **state)
{
	(void)state;
	count(0, STARTS, 1, 0, 1);	 /* forked */
	count(0, STARTS, 1, 1 + 3, 10);	 /* was alpha before, too */
	count(0, STARTS, 1, 1 + 2, 100); /* was beta before */
	assert_int_equal(fixture_value(f, "starts_total", ALPHA), 101);
}

/* --- what the task scan tells */

static void gauges_are_those_alive(void **state)
{
	(void)state;
	kernel.alive[1].processes = 5;
	assert_int_equal(fixture_value(f, "alive", ALPHA), 6);
	assert_int_equal(fixture_value(f, "alive", BETA), 1);
	identity_end(2);
	assert_int_equal(fixture_value(f, "alive", BETA), 0);
	identity_end(1);
	assert_int_equal(fixture_value(f, "alive", ALPHA), 1);
}

/* Identities 1 and 3 are one service. */
static void gauges_of_a_scan_are_as_it_found_them(void **state)
{
	(void)state;
	assert_int_equal(fixture_value(f, "waiting", ALPHA), -1);
	kernel.waiting_ns[1][0] = 7;
	kernel.waiting_ns[1][1] = 5;
	kernel.waiting_ns[3][0] = 6;
	kernel.waiting_ns[2][0] = 1;
	assert_int_equal(fixture_value(f, "waiting", ALPHA), 3);
	assert_int_equal(fixture_value(f, "oldest_seconds", ALPHA), 7);
	assert_int_equal(fixture_value(f, "waiting", BETA), 1);
	kernel.waiting_ns[1][0] = kernel.waiting_ns[2][0] = 0;
	assert_int_equal(fixture_value(f, "waiting", ALPHA), 2);
	assert_int_equal(fixture_value(f, "oldest_seconds", ALPHA), 6);
	assert_int_equal(fixture_value(f, "waiting", BETA), 0);
	assert_int_equal(fixture_value(f, "oldest_seconds", BETA), 0);
}

static void a_limit_that_is_gone_is_absent(void **state)
{
	(void)state;
	kernel.alive[1].cpu_quota = 2;
	kernel.alive[3].cpu_quota = 1;
	assert_int_equal(fixture_value(f, "limit", ALPHA), 2);
	assert_int_equal(fixture_value(f, "limit", BETA), -1);
	kernel.alive[1].cpu_quota = 0;
	assert_int_equal(fixture_value(f, "limit", ALPHA), 1);
	kernel.alive[3].cpu_quota = 0;
	assert_int_equal(fixture_value(f, "limit", ALPHA), -1);
}

static void what_is_still_to_come_is_counted_once(void **state)
{
	(void)state;
	count(0, USED, 1, 0, 100);
	kernel.alive[1].cpu_ns = 50;
	assert_int_equal(fixture_value(f, "used_total", ALPHA), 150);
	count(0, USED, 1, 0, 60); /* the 50, and 10 more */
	kernel.alive[1].cpu_ns = 0;
	assert_int_equal(fixture_value(f, "used_total", ALPHA), 160);
}

/* The task has left its CPU, which is not to be seen in the slots yet. */
static void what_was_shown_as_to_come_stays(void **state)
{
	(void)state;
	kernel.alive[1].cpu_ns = 50;
	assert_int_equal(fixture_value(f, "used_total", ALPHA), 50);
	kernel.alive[1].cpu_ns = 0;
	assert_int_equal(fixture_value(f, "used_total", ALPHA), 50);
	count(0, USED, 1, 0, 50);
	assert_int_equal(fixture_value(f, "used_total", ALPHA), 50);
}

static void a_scan_that_fails_is_told(void **state)
{
	(void)state;
	count(0, CALLS, 1, 7, 1);
	kernel.scan_err = -EIO;
	assert_int_equal(collector_read(f->collector, f->now_ns), -EIO);
	identity_end(1);
	fixture_wait(f, REUSE_SECONDS);
	assert_int_equal(kernel.freed[1], 0);
	kernel.scan_err = 0;
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 1);
}

/* --- identities that end */

static void counts_outlive_their_identity(void **state)
{
	(void)state;
	count(0, CALLS, 1, 7, 3);
	count(1, CALLS, 1, 7, 4);
	count(0, CALLS, 3, 7, 10);
	count_time(1, WAIT, 1, 5, 100);
	fixture_read(f);
	count(0, CALLS, 1, 7, 20); /* not read before it ends */
	identity_end(1);
	fixture_wait(f, REUSE_SECONDS);
	assert_int_equal(kernel.freed[1], 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 37);
	assert_int_equal(fixture_hist(f, "wait_seconds", ALPHA)->bucket[5], 1);
	count(0, CALLS, 3, 7, 100);
	count_time(0, WAIT, 3, 5, 100);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 137);
	assert_int_equal(fixture_hist(f, "wait_seconds", ALPHA)->bucket[5], 2);
	assert_int_equal(fixture_hist(f, "wait_seconds", ALPHA)->sum_ns, 200);
}

static void a_number_is_used_again(void **state)
{
	u64 *cached = table_row(&kernel.tables.slot_caches[0], 1);
	u32 gen = kernel.tables.states[1].gen;

	(void)state;
	count(0, CALLS, 1, 7, 3);
	*cached = 77;
	identity_end(1);
	fixture_wait(f, REUSE_SECONDS);
	assert_int_equal(kernel.freed[1], 1);
	assert_int_not_equal(kernel.tables.states[1].gen, gen);
	assert_int_equal(*cached, 0);
	identity_make(1, "gamma");
	count(0, CALLS, 1, 7, 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 3);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"gamma\"", 7)), 1);
}

/* A hundred programs, one after the other, by three numbers. */
/* CPU time of before an exec is counted at the next switch, which may be late. */
static void a_late_event_names_nobody(void **state)
{
	(void)state;
	count(0, CALLS, 2, 7, 3);
	identity_end(2);
	fixture_wait(f, REUSE_SECONDS);
	assert_int_equal(kernel.freed[2], 1);
	count(0, CALLS, 2, 7, 1);
	assert_int_equal(fixture_sum(f, "calls_total"), 3);
	identity_make(2, "gamma");
	count(0, CALLS, 2, 7, 10);
	assert_int_equal(fixture_value(f, "calls_total", CALL(BETA, 7)), 3);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"gamma\"", 7)), 11);
}

static void slots_are_used_again(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		u32 id = 4 + (u32)i % 3;

		identity_make(id, i % 2 ? "odd" : "even");
		count(0, CALLS, id, 7, 1);
		count_time(1, WAIT, id, 5, 10);
		identity_end(id);
		fixture_wait(f, REUSE_SECONDS);
		fixture_read(f);
	}
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"odd\"", 7)), 50);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"even\"", 7)), 50);
	assert_int_equal(fixture_hist(f, "wait_seconds", "service=\"odd\"")->bucket[5], 50);
	assert_int_equal(kernel.tables.budgets[CALLS].used, 0);
	assert_int_equal(kernel.tables.budgets[CALLS].dropped, 0);
}

static void who_is_alive_keeps_its_number(void **state)
{
	(void)state;
	count(0, CALLS, 1, 7, 3);
	fixture_wait(f, REUSE_SECONDS);
	identity_end(1);
	fixture_wait(f, REUSE_SECONDS / 8);
	kernel.alive[1].tasks = 1; /* a child that was on its way */
	fixture_wait(f, REUSE_SECONDS);
	assert_int_equal(kernel.freed[1], 0);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 3);
}

static void services_are_forgotten(void **state)
{
	u64 seconds = f->conf->limits.forget_after_ns / SECOND;

	(void)state;
	count(0, CALLS, 1, 7, 3);
	count(0, CALLS, 2, 7, 5);
	identity_end(2);
	fixture_wait(f, REUSE_SECONDS + seconds / 2);
	assert_int_equal(fixture_value(f, "calls_total", CALL(BETA, 7)), 5);
	fixture_wait(f, seconds);
	assert_int_equal(fixture_value(f, "calls_total", CALL(BETA, 7)), -1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 3);
}

/* What their names have in common in labels is one service, which lasts as long as one of them. */
static void names_that_look_the_same_are_one_service(void **state)
{
	const char *labels = "service=\"a\xef\xbf\xbd\",call=\"7\"";

	(void)state;
	identity_make(4, "a\xfe");
	identity_make(5, "a\xff");
	count(0, CALLS, 4, 7, 3);
	count(0, CALLS, 5, 7, 5);
	assert_int_equal(fixture_value(f, "calls_total", labels), 8);
	identity_end(5);
	fixture_wait(f, REUSE_SECONDS + f->conf->limits.forget_after_ns / SECOND);
	count(0, CALLS, 4, 7, 1);
	assert_int_equal(fixture_value(f, "calls_total", labels), 9);
}

/* --- what cgroups count */

static void cgroups_count_from_one_reading_to_the_next(void **state)
{
	const struct cgroup_stats full = { .found = true, .inode = 7, .swap_ins = 5 };
	struct cgroup_stats *now = &kernel.cgroup;

	(void)state;
	identity_make(4, "ignored");
	identity_in_cgroup(4, "web.service", NULL);
	count(0, CALLS, 4, 7, 1);
	*now = full;
	assert_int_equal(fixture_value(f, "swap_ins_total", "service=\"web.service\""), 5);
	now->swap_ins = 6;
	assert_int_equal(fixture_value(f, "swap_ins_total", "service=\"web.service\""), 6);
	*now = (struct cgroup_stats){ .failed = true };
	assert_int_equal(fixture_value(f, "swap_ins_total", "service=\"web.service\""), 6);
	*now = full;
	now->swap_ins = 7;
	assert_int_equal(fixture_value(f, "swap_ins_total", "service=\"web.service\""), 7);
	*now = full; /* made anew by the same name */
	now->inode = 9;
	assert_int_equal(fixture_value(f, "swap_ins_total", "service=\"web.service\""), 12);
	now->swap_ins = 1; /* made anew, with a number that is used again */
	assert_int_equal(fixture_value(f, "swap_ins_total", "service=\"web.service\""), 13);
}

/* As the kernel side notes it; identities 1 and 3 are alpha. */
static void usage_note(u32 id, u64 serial, u64 periods)
{
	struct cgroup_usages *row = table_row(&kernel.tables.usages, id);

	if (row->quota[0].serial != serial)
		row->quota[0] = (struct cgroup_usage){ .serial = serial, .counted[0] = periods };
	row->quota[0].now[0] = periods;
}

static void a_cgroup_counts_once_for_each_service_in_it(void **state)
{
	(void)state;
	usage_note(1, 77, 10); /* what was before does not concern it */
	assert_int_equal(fixture_value(f, "periods_total", ALPHA), 0);
	usage_note(1, 77, 13);
	usage_note(3, 77, 14); /* comes after four, of which three are known */
	usage_note(2, 77, 14);
	assert_int_equal(fixture_value(f, "periods_total", ALPHA), 4);
	assert_int_equal(fixture_value(f, "periods_total", BETA), 0);
	usage_note(1, 77, 15);
	usage_note(3, 77, 16);
	usage_note(2, 77, 16);
	assert_int_equal(fixture_value(f, "periods_total", ALPHA), 6);
	assert_int_equal(fixture_value(f, "periods_total", BETA), 2);
	usage_note(3, 78, 100); /* another cgroup */
	usage_note(3, 78, 101);
	usage_note(1, 77, 17);
	assert_int_equal(fixture_value(f, "periods_total", ALPHA), 8);
}

static void pressure_has_a_series_where_there_was_some(void **state)
{
	struct cgroup_usages *row = table_row(&kernel.tables.usages, 1);

	(void)state;
	row->pressure = (struct cgroup_usage){ .serial = 5, .now = { 0, 0, 7 } };
	assert_int_equal(fixture_value(f, "stalled_total", ALPHA ",kind=\"2\""), 7);
	assert_int_equal(fixture_value(f, "stalled_total", ALPHA ",kind=\"0\""), -1);
	assert_int_equal(fixture_value(f, "periods_total", ALPHA), -1);
}

/* A cgroup has the memory of those below it, which are not added again, unless they are another service's. */
static void memory_of_cgroups_counts_once(void **state)
{
	struct service_rule rules[] = {
		{ .name = "inner", .match = { .cgroup = "/outer/inner" } },
		{ .name = "inner", .match = { .cgroup = "/outer" } },
	};
	struct conf conf = *f->conf;

	(void)state;
	conf.services = rules;
	conf.service_cnt = 2;
	identity_make(4, "ignored");
	identity_in_cgroup(4, "outer", NULL);
	identity_make(5, "ignored");
	identity_in_cgroup(5, "inner", "outer");
	count(0, CALLS, 4, 7, 1);
	count(0, CALLS, 5, 7, 1);
	kernel.cgroup = (struct cgroup_stats){ .found = true, .page_cache_bytes = 10 };
	collector_reconfigure(f->collector, &conf, f->now_ns);
	assert_int_equal(fixture_value(f, "cached_bytes", "service=\"inner\""), 10);
	rules[1].name = "outer";
	collector_reconfigure(f->collector, &conf, f->now_ns);
	assert_int_equal(fixture_value(f, "cached_bytes", "service=\"inner\""), 10);
	assert_int_equal(fixture_value(f, "cached_bytes", "service=\"outer\""), 10);
}

/* --- other rules */

static void new_rules_name_what_is_counted_from_now_on(void **state)
{
	struct service_rule rule = { .name = "gamma", .match = { .exe = "alpha" } };
	struct conf conf = *f->conf;

	(void)state;
	conf.services = &rule;
	conf.service_cnt = 1;
	for (u32 id = 1; id < 4; id++) {
		count(0, CALLS, id, 7, 10);
		count_time(0, WAIT, id, 5, 10);
		count(0, USED, id, 0, 1000);
		kernel.alive[id].cpu_ns = 0;
	}
	fixture_read(f);
	count(1, CALLS, 1, 7, 5); /* not read before the rules */
	count_time(1, WAIT, 1, 5, 10);
	collector_reconfigure(f->collector, &conf, f->now_ns);
	count(0, CALLS, 1, 7, 100);
	count_time(1, WAIT, 1, 5, 10);
	count(0, USED, 1, 0, 7);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 25);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"gamma\"", 7)), 100);
	assert_int_equal(fixture_value(f, "calls_total", CALL(BETA, 7)), 10);
	assert_int_equal(fixture_hist(f, "wait_seconds", ALPHA)->bucket[5], 3);
	assert_int_equal(fixture_hist(f, "wait_seconds", "service=\"gamma\"")->bucket[5], 1);
	assert_int_equal(fixture_value(f, "used_total", ALPHA), 2000);
	assert_int_equal(fixture_value(f, "used_total", "service=\"gamma\""), 7);
	assert_int_equal(fixture_value(f, "alive", "service=\"gamma\""), 2);
	assert_int_equal(fixture_value(f, "alive", ALPHA), 0);
	collector_reconfigure(f->collector, f->conf, f->now_ns);
	count(0, CALLS, 1, 7, 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(ALPHA, 7)), 26);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"gamma\"", 7)), 100);
}

/* It was shown for the old name: the new one has what is more, when it is counted. */
static void what_is_still_to_come_moves_once(void **state)
{
	struct service_rule rule = { .name = "gamma", .match = { .exe = "alpha" } };
	struct conf conf = *f->conf;

	(void)state;
	conf.services = &rule;
	conf.service_cnt = 1;
	count(0, USED, 1, 0, 1000);
	kernel.alive[1].cpu_ns = 50;
	assert_int_equal(fixture_value(f, "used_total", ALPHA), 1050);
	collector_reconfigure(f->collector, &conf, f->now_ns);
	kernel.alive[1].cpu_ns = 60;
	assert_int_equal(fixture_value(f, "used_total", ALPHA), 1050);
	assert_int_equal(fixture_value(f, "used_total", "service=\"gamma\""), 10);
	count(0, USED, 1, 0, 70);
	kernel.alive[1].cpu_ns = 0;
	assert_int_equal(fixture_value(f, "used_total", ALPHA), 1050);
	assert_int_equal(fixture_value(f, "used_total", "service=\"gamma\""), 20);
}

static void new_rules_name_peers_too(void **state)
{
	struct service_rule rule = { .name = "gamma", .match = { .exe = "beta" } };
	struct conf conf = *f->conf;

	(void)state;
	conf.services = &rule;
	conf.service_cnt = 1;
	count_time_of(0, PEER_WAIT, 1, 2, 5, 10);
	assert_int_equal(fixture_hist(f, "peer_wait_seconds", ALPHA ",peer=\"beta\"")->bucket[5],
			 1);
	collector_reconfigure(f->collector, &conf, f->now_ns);
	count_time_of(0, PEER_WAIT, 1, 2, 5, 10);
	assert_non_null(fixture_hist(f, "peer_wait_seconds", ALPHA ",peer=\"gamma\""));
	assert_int_equal(fixture_hist(f, "peer_wait_seconds", ALPHA ",peer=\"gamma\"")->bucket[5],
			 1);
	assert_int_equal(fixture_hist(f, "peer_wait_seconds", ALPHA ",peer=\"beta\"")->bucket[5],
			 1);
}

/* --- names that take some time */

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UNNAMED	  "service=\"0123456789ab\"" /* when nothing is known of the container */

static struct loop *loop; /* which does not run: no answer comes */
static struct worker *worker;

static int setup_slow(void **state)
{
	(void)state;
	loop = loop_new();
	worker = worker_new(loop, 8);
	f = fixture_new(16, 1000, worker);
	identity_make(1, "alpha");
	identity_make(2, "beta");
	identity_in_cgroup(2, "docker-" CONTAINER ".scope", NULL);
	return worker ? 0 : -1;
}

static int teardown_slow(void **state)
{
	worker_free(worker);
	teardown(state);
	loop_free(loop);
	return 0;
}

static void what_was_counted_waits_for_the_name(void **state)
{
	(void)state;
	count(0, CALLS, 2, 7, 3);
	assert_int_equal(fixture_sum(f, "calls_total"), 0);
	f->now_ns += 6 * SECOND;
	assert_int_equal(fixture_value(f, "calls_total", CALL(UNNAMED, 7)), 3);
}

/* ... also when the identity ends before, and numbers are reused at every tick. */
static void an_identity_waits_for_its_name(void **state)
{
	(void)state;
	for (u32 id = 3; id < IDENTITIES - 1; id++)
		identity_make(id, "alpha");
	count(0, CALLS, 2, 7, 3);
	count_time(1, WAIT, 2, 5, 10);
	identity_end(2);
	fixture_wait(f, 4);
	assert_int_equal(kernel.freed[2], 0);
	fixture_wait(f, 6);
	assert_int_equal(kernel.freed[2], 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(UNNAMED, 7)), 3);
	assert_int_equal(fixture_hist(f, "wait_seconds", UNNAMED)->bucket[5], 1);
}

/* Without the rule the metadata tells the name; until that is read, the old one stays. */
static void a_new_name_may_come_later(void **state)
{
	struct service_rule rule = { .name = "gamma", .match = { .exe = "beta" } };
	struct conf conf = *f->conf;

	(void)state;
	conf.services = &rule;
	conf.service_cnt = 1;
	collector_reconfigure(f->collector, &conf, f->now_ns);
	count(0, CALLS, 2, 7, 3);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"gamma\"", 7)), 3);
	collector_reconfigure(f->collector, f->conf, f->now_ns);
	count(0, CALLS, 2, 7, 2);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"gamma\"", 7)), 5);
	f->now_ns += 6 * SECOND;
	fixture_read(f);
	count(0, CALLS, 2, 7, 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL(UNNAMED, 7)), 1);
	assert_int_equal(fixture_value(f, "calls_total", CALL("service=\"gamma\"", 7)), 5);
}

/* What is known of a peer by then is its number; when its name is known, nothing is counted twice. */
static void a_peer_may_get_its_name_later(void **state)
{
	struct service_rule rule = { .name = "gamma", .match = { .exe = "alpha" } };
	struct conf conf = *f->conf;

	(void)state;
	conf.services = &rule;
	conf.service_cnt = 1;
	peers_known = false;
	count_time_of(0, PEER_WAIT, 1, 2, 5, 10);
	assert_int_equal(fixture_hist(f, "peer_wait_seconds", ALPHA ",peer=\"2\"")->bucket[5], 1);
	peers_known = true;
	collector_reconfigure(f->collector, &conf, f->now_ns);
	count_time_of(1, PEER_WAIT, 1, 2, 5, 10);
	f->now_ns += 6 * SECOND;
	assert_int_equal(fixture_hist(f, "peer_wait_seconds",
				      "service=\"gamma\",peer=\"0123456789ab\"")
				 ->bucket[5],
			 1);
	assert_int_equal(fixture_hist(f, "peer_wait_seconds", ALPHA ",peer=\"2\"")->bucket[5], 1);
}

/* A slot ends when it has a series, not before. */
static void a_slot_waits_for_its_peers_name(void **state)
{
	(void)state;
	for (u32 id = 3; id < IDENTITIES - 1; id++)
		identity_make(id, "alpha");
	count_time_of(0, PEER_WAIT, 1, 2, 5, 10);
	identity_end(1);
	fixture_wait(f, 4);
	assert_int_equal(kernel.freed[1], 0);
	fixture_wait(f, 6);
	assert_int_equal(kernel.freed[1], 1);
	assert_int_equal(
		fixture_hist(f, "peer_wait_seconds", ALPHA ",peer=\"0123456789ab\"")->bucket[5], 1);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_SLOW(name) cmocka_unit_test_setup_teardown(name, setup_slow, teardown_slow)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts_of_all_cpus_add_up),
		TEST(dimensions_and_services_are_apart),
		TEST(identities_of_a_service_add_up),
		TEST(a_metric_without_service_has_none),
		TEST(families_that_are_off_are_not_there),
		TEST(a_move_within_a_service_is_no_start),
		TEST(gauges_are_those_alive),
		TEST(gauges_of_a_scan_are_as_it_found_them),
		TEST(a_limit_that_is_gone_is_absent),
		TEST(what_is_still_to_come_is_counted_once),
		TEST(what_was_shown_as_to_come_stays),
		TEST(a_scan_that_fails_is_told),
		TEST(counts_outlive_their_identity),
		TEST(a_number_is_used_again),
		TEST(a_late_event_names_nobody),
		TEST(slots_are_used_again),
		TEST(who_is_alive_keeps_its_number),
		TEST(services_are_forgotten),
		TEST(names_that_look_the_same_are_one_service),
		TEST(memory_of_cgroups_counts_once),
		TEST(cgroups_count_from_one_reading_to_the_next),
		TEST(a_cgroup_counts_once_for_each_service_in_it),
		TEST(pressure_has_a_series_where_there_was_some),
		TEST(new_rules_name_what_is_counted_from_now_on),
		TEST(what_is_still_to_come_moves_once),
		TEST(new_rules_name_peers_too),
		TEST_SLOW(what_was_counted_waits_for_the_name),
		TEST_SLOW(an_identity_waits_for_its_name),
		TEST_SLOW(a_new_name_may_come_later),
		TEST_SLOW(a_peer_may_get_its_name_later),
		TEST_SLOW(a_slot_waits_for_its_peers_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
