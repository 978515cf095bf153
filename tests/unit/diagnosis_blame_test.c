// SPDX-License-Identifier: BSD-3-Clause
/* Diagnoses of what is made by hand: who is blamed, and who is not though it stands out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "diagnose.h"

/* What the caller sees of them. */
static void asks_for(struct world *w, const char *caller, const char *service, double per_second,
		     double seconds)
{
	observe(w, "seismo_request_duration_seconds", LABELS(caller, "outbound", "http", service),
		seconds, per_second * TICK_S);
	count(w, "seismo_requests_total", LABELS(caller, "outbound", "http", "200", service),
	      per_second * TICK_S);
	computes(w, caller, 0.01);
}

static void asks(struct world *w, const char *caller, const char *service, double per_second)
{
	asks_for(w, caller, service, per_second, 0.01);
}

/* A scrape a second is answered; most of what others ask from elsewhere fails. */
static void a_healthy_caller_acquits_nobody_else(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		answers(w, "shop.service", 100, i >= 120 ? 0.6 : 0);
		asks(w, "prometheus.service", "shop.service", 1);
		asks(w, "commands", "shop.service", i < 2 ? 1 : 0);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "wrong");
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "service"),
			    "shop.service");
	json_decref(doc);
	world_free(w);
}

/* Who is asked by services alone, none of which minds, hurts nobody. */
static void callers_that_are_well_acquit(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		answers(w, "cache.service", 100, i >= 120 ? 0.6 : 0);
		asks(w, "shop.service", "cache.service", 100);
		answers(w, "shop.service", 50, 0);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "nothing wrong");
	json_decref(doc);
	world_free(w);
}

/* Of eight requests a second one fails now and then, as a connection to the smaller of its callees is reset. */
static void who_is_reset_is_blamed(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 136; i++) {
		bool bad = i >= 130;

		answers(w, "shop.service", 8, bad ? 0.03 : 0);
		answers(w, "nginx.service", 8, bad ? 0.03 : 0);
		asks(w, "nginx.service", "shop.service", 8);
		count(w, "seismo_requests_total",
		      LABELS("nginx.service", "outbound", "http", "500", "shop.service"), bad);
		asks_for(w, "shop.service", "db.service", 8, 0.008);
		asks_for(w, "shop.service", "price.service", 8, 0.002);
		answers(w, "db.service", 8, 0);
		answers(w, "price.service", 8, 0);
		count(w, "seismo_tcp_resets_total", LABELS("shop.service", "outbound"), bad);
		count(w, "seismo_tcp_resets_total", LABELS("price.service", "inbound"), bad);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(first_cause(doc), "cause"), "resets");
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "peer"),
			    "price.service");
	assert_int_equal(json_array_size(json_object_get(doc, "causes")), 1);
	json_decref(doc);
	world_free(w);
}

/* The same without anything that explains it: it happens. */
static void few_errors_are_no_verdict(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 136; i++) {
		answers(w, "shop.service", 8, i >= 130 ? 0.03 : 0);
		answers(w, "nginx.service", 8, i >= 130 ? 0.03 : 0);
		asks(w, "nginx.service", "shop.service", 8);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "nothing wrong");
	json_decref(doc);
	world_free(w);
}

/* A database becomes so slow that half of the requests give up; the service that is asked after it is asked less, and is as fast as ever. */
static void who_is_waited_for_in_vain_is_blamed(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		bool bad = i >= 120;

		observe(w, "seismo_request_duration_seconds",
			LABELS("shop.service", "inbound", "http"), bad ? 4 : 0.01,
			(bad ? 20 : 60) * TICK_S);
		count(w, "seismo_requests_total", LABELS("shop.service", "inbound", "http", "200"),
		      (bad ? 10 : 60) * TICK_S);
		count(w, "seismo_requests_total", LABELS("shop.service", "inbound", "http", "500"),
		      (bad ? 10 : 0) * TICK_S);
		asks_for(w, "shop.service", "db.service", bad ? 20 : 60, bad ? 3.9 : 0.005);
		asks_for(w, "shop.service", "price.service", bad ? 10 : 60, 0.003);
		observe(w, "seismo_request_duration_seconds",
			LABELS("db.service", "inbound", "postgresql"), bad ? 3.9 : 0.005,
			(bad ? 20 : 60) * TICK_S);
		count(w, "seismo_cpu_throttled_seconds_total", LABELS("db.service"),
		      bad ? 0.9 * TICK_S : 0);
		count(w, "seismo_cpu_throttled_periods_total", LABELS("db.service"),
		      bad ? 9 * TICK_S : 0);
		computes(w, "db.service", 0.02);
		computes(w, "shop.service", 0.02);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "service"),
			    "db.service");
	json_decref(doc);
	world_free(w);
}

/* `usual`: seconds that it has always taken to answer; it is watched for a minute. */
static void resolves(double usual, double now, const char *cause)
{
	struct world *w = world_new();
	json_t *doc;

	for (int i = 0; i < 12; i++) {
		double seconds = i >= 6 ? now : usual;

		observe(w, "seismo_request_duration_seconds",
			LABELS("resolver.service", "inbound", "dns"), seconds, 10 * TICK_S);
		count(w, "seismo_requests_total",
		      LABELS("resolver.service", "inbound", "dns", "ok"), 10 * TICK_S);
		computes(w, "resolver.service", 0.01);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(first_cause(doc), "cause"), cause);
	json_decref(doc);
	world_free(w);
}

static void a_slow_resolver_is_blamed(void **state)
{
	(void)state;
	resolves(0.0006, 0.25, "names_late");
	resolves(0.25, 0.25, "names_late");
	resolves(0.04, 0.04, "");
}

/* A subscription that never ends, on a disk that becomes slow. `protocol`: of the subscription. */
static void who_always_waits(const char *protocol, double ever_since)
{
	struct world *w = world_new();
	json_t *doc;

	for (int i = 0; i < 132; i++) {
		double in_device = i >= 120 ? 0.084 : 0.0004;

		reads(w, "shop.service", "sdb", 100, in_device, 0.00005);
		serves(w, "shop.service", "http", 100, 0.002 + in_device);
		computes(w, "shop.service", 0.05);
		computes(w, "feed.service", 0.01);
		serves(w, "feed.service", protocol, 1, 0.001);
		calls(w, "shop.service", protocol, "feed.service", 1, 0.001);
		set(w, "seismo_request_oldest_seconds",
		    LABELS("shop.service", "outbound", protocol, "feed.service"),
		    ever_since + i * TICK_S);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "device"), "sdb");
	assert_int_equal(json_array_size(json_object_get(doc, "causes")), 1);
	json_decref(doc);
	world_free(w);
}

static void who_always_waits_is_not_blamed(void **state)
{
	(void)state;
	who_always_waits("redis", 7200);
	who_always_waits("redis", 0);
	who_always_waits("unknown", 0);
}

/* Of who has always waited 2 s, and waits on, that is told. */
static void who_waits_for_longer_is_blamed(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 126; i++) {
		double age = i >= 120 ? (i - 119) * TICK_S : 2;

		serves(w, "shop.service", "http", i < 120 ? 100 : 1, i < 120 ? 0.01 : age);
		serves(w, "feed.service", "redis", i < 120 ? 10 : 0, 0.009);
		computes(w, "shop.service", 0.05);
		computes(w, "feed.service", 0.01);
		calls(w, "shop.service", "redis", "feed.service", i < 120 ? 10 : 0, 0.01);
		set(w, "seismo_request_oldest_seconds",
		    LABELS("shop.service", "outbound", "redis", "feed.service"), age);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "service"),
			    "feed.service");
	json_decref(doc);
	world_free(w);
}

static void replaces(struct world *w, const char *service)
{
	changes_note(w->changes, CHANGE_REPLACED, service, "", 1, w->registry.now_ns);
}

/* Broken by one deploy, mended by another one: the first is the reason. `mended`: when, in ticks after it began. */
static void a_deploy(int broken, int mended)
{
	struct world *w = world_new();
	json_t *doc;

	changes_watch(w->changes, CHANGE_REPLACED, true);
	for (int i = 0; i < 400; i++) {
		bool bad = i >= 100 && i < mended;

		if (i == broken || i == mended)
			replaces(w, "shop.service");
		answers(w, "shop.service", 100, bad ? 0.6 : 0);
		tick(w);
	}
	doc = ask(w, 3600 * NS_PER_SEC, NULL);
	assert_string_equal(text_of(first_cause(doc), "cause"),
			    broken >= 0 ? "errors_replaced" : "errors_own");
	json_decref(doc);
	world_free(w);
}

static void what_mends_it_is_not_blamed(void **state)
{
	(void)state;
	a_deploy(98, 300);
	a_deploy(98, 130);
	a_deploy(-1, 300);
}

/* Five times as many requests, by who is elsewhere or by a batch on this host, beside a scrape that is as ever. */
static void more_load(bool local)
{
	struct world *w = world_new();
	json_t *doc;

	for (int i = 0; i < 132; i++) {
		double factor = i >= 120 ? 5 : 1;

		serves(w, "shop.service", "http", 100 * factor, i >= 120 ? 0.2 : 0.01);
		computes(w, "shop.service", 0.15 * factor);
		observe(w, "seismo_run_queue_wait_seconds", LABELS("shop.service"),
			i >= 120 ? 0.08 : 0.0001, 100 * factor * TICK_S);
		asks(w, "prometheus.service", "shop.service", 5);
		if (local)
			asks_for(w, "batch.service", "shop.service", 80 * factor,
				 i >= 120 ? 0.2 : 0.01);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(first_cause(doc), "kind"), "own load");
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "service"),
			    local ? "batch.service" : "shop.service");
	if (!local)
		has(json_string_value(json_array_get(json_object_get(first_cause(doc), "do"), 0)),
		    "clients that are not on this host");
	json_decref(doc);
	world_free(w);
}

static void who_asks_more_is_blamed(void **state)
{
	(void)state;
	more_load(true);
	more_load(false);
}

/* The first figures are of the requests that take long, whomever they wait for. */
static void figures_of_who_waits_are_there(void **state)
{
	struct world *w = world_new();
	const json_t *now;
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		double seconds = i >= 120 ? 0.3 : 0.01;

		serves(w, "shop.service", "http", 100, seconds + 0.001);
		computes(w, "shop.service", 0.01);
		calls(w, "shop.service", "postgresql", "192.0.2.1:5432", 100, seconds);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(first_cause(doc), "kind"), "callee");
	now = json_array_get(json_object_get(first_cause(doc), "figures"), 0);
	assert_string_equal(text_of(now, "section"), "now");
	assert_true(json_number_value(json_object_get(now, "count_total")) > 1000);
	assert_null(json_object_get(json_object_get(now, "labels"), "peer"));
	json_decref(doc);
	world_free(w);
}

/* Only what is little and as usual is ruled out: not a disk that always takes 80 %, not load that has grown, not what is not known. */
static void what_is_ruled_out_is_little(void **state)
{
	struct world *w = world_new();
	const char *ruled_out;
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		bool bad = i >= 120;

		serves(w, "shop.service", "http", bad ? 500 : 100, bad ? 0.5 : 0.01);
		reads(w, "shop.service", "sda", bad ? 500 : 100, bad ? 0.4 : 0.008, 0);
		computes(w, "shop.service", bad ? 1 : 0.01);
		if (bad)
			count(w, "seismo_syscall_errors_total",
			      LABELS("shop.service", "accept4", "EMFILE"), 100);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	ruled_out = text_of(first_cause(doc), "not");
	assert_null(strstr(ruled_out, "disk"));
	assert_null(strstr(ruled_out, "load"));
	has(ruled_out, "callees: none");
	json_decref(doc);
	world_free(w);
}

/* Somebody takes the CPUs: a database waits for one, and for its disk, of which each request takes longer as well. */
static json_t *starve(const char *device, double cpu_wait, double disk)
{
	struct world *w = world_new();
	json_t *doc;

	for (int i = 0; i < 132; i++) {
		bool bad = i >= 120;

		serves(w, "db.service", "postgresql", 60, bad ? cpu_wait + disk + 0.004 : 0.006);
		observe(w, "seismo_run_queue_wait_seconds", LABELS("db.service"),
			bad ? cpu_wait : 0.0002, 60 * TICK_S);
		reads(w, "db.service", device, 60, bad ? disk : 0.001, 0);
		computes(w, "db.service", 0.05);
		computes(w, "batch.service", bad ? 1.8 : 0.01);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	world_free(w);
	return doc;
}

/* Is the disk among what is told to be the cause, or the first one? */
static bool blames_disk(json_t *doc, bool first)
{
	const json_t *causes = json_object_get(doc, "causes"), *cause;
	bool ret = false;
	size_t i;

	json_array_foreach(causes, i, cause)
	{
		if (i && first)
			break;
		ret |= !strncmp(text_of(cause, "cause"), "disk_slow", 9);
	}
	json_decref(doc);
	return ret;
}

static void a_disk_that_is_served_by_the_cpu_is_not_blamed_for_it(void **state)
{
	(void)state;
	assert_false(blames_disk(starve("loop1", 0.04, 0.0165), false));
	assert_false(blames_disk(starve("loop1", 0.09, 0.036), false));
	assert_true(blames_disk(starve("sdb", 0.04, 0.0165), false));
	assert_true(blames_disk(starve("loop1", 0.01, 0.06), true));
	assert_true(blames_disk(starve("sdb", 0.01, 0.06), true));
}

/* A disk takes four times as long, and both services ask a little more of it: as seldom as that is, they do not wait for each other. */
static json_t *loads(double per_second, double more)
{
	struct world *w = world_new();
	json_t *doc;

	for (int i = 0; i < 132; i++) {
		bool bad = i >= 120;
		double took = bad ? 0.008 : 0.002;

		serves(w, "db.service", "postgresql", per_second, took + 0.002);
		reads(w, "db.service", "sda", bad ? per_second * 1.2 : per_second, took, 0);
		reads(w, "kernel", "sda", bad ? per_second * more : 1, took, 0);
		computes(w, "db.service", 0.01);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	world_free(w);
	return doc;
}

static void little_load_is_not_blamed(void **state)
{
	(void)state;
	assert_true(blames_disk(loads(12, 0.5), true));
	assert_false(blames_disk(loads(120, 1), true));
	assert_true(blames_disk(loads(12, 1.3), true));
}

/* A client asks a database ten times as often, which loads its disk with that. */
static void who_asks_so_much_that_a_disk_is_slow_is_blamed(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		bool bad = i >= 120;
		double took = bad ? 0.03 : 0.002, rate = bad ? 600 : 60;

		serves(w, "db.service", "postgresql", rate, took + 0.001);
		asks_for(w, "shop.service", "db.service", rate, took + 0.001);
		reads(w, "db.service", "sda", rate, took, 0);
		computes(w, "db.service", 0.05);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(first_cause(doc), "cause"), "disk_requests");
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "service"),
			    "shop.service");
	json_decref(doc);
	world_free(w);
}

/* A service is killed at the limit of its memory once, and is there again: until then who asks it is refused. */
static void a_callee_that_was_killed_is_blamed(void **state)
{
	struct world *w = world_new();
	const json_t *subject;
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		bool bad = i >= 130;

		answers(w, "shop.service", 40, 0);
		answers(w, "nginx.service", 40, bad ? 0.4 : 0);
		asks(w, "nginx.service", "shop.service", 40);
		set(w, "seismo_processes", LABELS("shop.service"), 1);
		set(w, "seismo_processes", LABELS("nginx.service"), 1);
		count(w, "seismo_process_starts_total", LABELS("shop.service"), 0);
		count(w, "seismo_oom_kills_total", LABELS("shop.service", "cgroup"), 0);
		if (i == 130) {
			count(w, "seismo_oom_kills_total", LABELS("shop.service", "cgroup"), 1);
			changes_note(w->changes, CHANGE_STARTED, "shop.service", "", 1,
				     w->registry.now_ns);
		}
		count(w, "seismo_tcp_connect_failures_total",
		      LABELS("nginx.service", "ECONNREFUSED"), bad ? 80 : 0);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	subject = json_object_get(first_cause(doc), "subject");
	assert_string_equal(text_of(first_cause(doc), "kind"), "quota");
	assert_string_equal(text_of(subject, "service"), "shop.service");
	json_decref(doc);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_caller_acquits_nobody_else),
		cmocka_unit_test(callers_that_are_well_acquit),
		cmocka_unit_test(who_is_reset_is_blamed),
		cmocka_unit_test(few_errors_are_no_verdict),
		cmocka_unit_test(who_is_waited_for_in_vain_is_blamed),
		cmocka_unit_test(a_slow_resolver_is_blamed),
		cmocka_unit_test(who_always_waits_is_not_blamed),
		cmocka_unit_test(who_waits_for_longer_is_blamed),
		cmocka_unit_test(what_mends_it_is_not_blamed),
		cmocka_unit_test(who_asks_more_is_blamed),
		cmocka_unit_test(figures_of_who_waits_are_there),
		cmocka_unit_test(what_is_ruled_out_is_little),
		cmocka_unit_test(a_disk_that_is_served_by_the_cpu_is_not_blamed_for_it),
		cmocka_unit_test(little_load_is_not_blamed),
		cmocka_unit_test(who_asks_so_much_that_a_disk_is_slow_is_blamed),
		cmocka_unit_test(a_callee_that_was_killed_is_blamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
