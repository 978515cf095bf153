// SPDX-License-Identifier: BSD-3-Clause
/* From the engine's alerts to a command, over restarts; the engine is played by the test. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alert/deliver.h"
#include "lib/log.h"

#define SECOND_NS 1000000000ULL

static char folder[64], told[96], pass[96];
static struct loop *loop;
static struct registry registry;
static struct conf conf;
static struct deliver *deliver;
static s64 wall_ns;

static s64 wall_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * (s64)SECOND_NS + now.tv_nsec;
}

/* --- the engine */

static char *by_device[] = { "device" };
static struct rule_conf rule = { .alert = "SlowDisk",
				 .term = { .metric = "seismo_block_io_duration_seconds" },
				 .value = RULE_QUANTILE,
				 .by_cnt = 1 };
#define STORM 500
#define MOST  2048 /* that are kept */
static struct alert alerts[MOST + 2];
static unsigned alert_cnt;

void __wrap_engine_each(const struct engine *e, void (*each)(void *ctx, const struct alert *a),
			void *ctx)
{
	(void)e;
	for (unsigned i = 0; i < alert_cnt; i++)
		each(ctx, &alerts[i]);
}

static struct alert *alert_add(u64 fingerprint, const char *device)
{
	struct alert *a = &alerts[alert_cnt++];

	*a = (struct alert){ .rule = &rule,
			     .label = { device },
			     .fingerprint = fingerprint,
			     .state = ALERT_FIRING,
			     .severity = RULE_PAGE,
			     .starts_at_ns = wall_ns,
			     .value = 0.084,
			     .baseline = NAN };
	return a;
}

/* --- the daemon's life */

static void tick_expired(void *ctx, u64 now_ns)
{
	wall_ns = wall_now_ns();
	deliver_run(deliver, NULL, now_ns, wall_ns);
	deliver_read(deliver);
	if (ctx && !--*(unsigned *)ctx)
		loop_end(loop, 0);
}

static void run_ms(unsigned ms)
{
	unsigned ticks = ms / 10;
	struct timer *timer = loop_timer(loop, tick_expired, &ticks);

	timer_set_every(timer, 10 * NS_PER_MS);
	assert_int_equal(loop_run(loop), 0);
	timer_remove(timer);
}

static void start(void)
{
	loop = loop_new();
	assert_non_null(loop);
	deliver = deliver_new(loop, &registry, &conf);
	assert_non_null(deliver);
	assert_int_equal(deliver_configure(deliver, &conf), 0);
}

static void stop(void)
{
	assert_true(deliver_end(deliver, 30 * SECOND_NS));
	deliver_free(deliver);
	loop_free(loop);
	registry_release(&registry);
	registry = (struct registry){ 0 };
}

/* What the command was told: "sdb:firing sdb:resolved". */
static const char *heard(void)
{
	static char text[4 << 20]; /* what fires is told again and again */
	FILE *f = fopen(told, "r");
	json_t *doc, *alert;
	size_t len = 0, i;

	text[0] = '\0';
	assert_non_null(f);
	while ((doc = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL))) {
		json_array_foreach(json_object_get(doc, "alerts"), i, alert) len +=
			(size_t)snprintf(text + len, sizeof(text) - len, "%s%s:%s", len ? " " : "",
					 json_string_value(
						 json_object_get(json_object_get(alert, "labels"),
								 "device")),
					 json_string_value(json_object_get(alert, "status")));
		json_decref(doc);
	}
	assert_true(len < sizeof(text));
	fclose(f);
	return text;
}

static void hears(const char *expected)
{
	for (int i = 0; i < 1000 && strcmp(heard(), expected) != 0; i++)
		run_ms(50);
	run_ms(200); /* and no more than that */
	assert_string_equal(heard(), expected);
}

static int setup(void **state)
{
	static char *command[] = { "/bin/sh", "-c", NULL, NULL };
	static struct command_target target;
	static char script[256], *listen[] = { (char *)"127.0.0.1:9469", NULL };
	FILE *f;

	(void)state;
	log_level = SEISMO_LOG_ERR;
	snprintf(folder, sizeof(folder), "/tmp/deliver_test.XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0755))
		return -1;
	snprintf(told, sizeof(told), "%s/told", folder);
	snprintf(pass, sizeof(pass), "%s/pass", folder);
	/* who asks later is asked again: as long as the file is there */
	snprintf(script, sizeof(script), "[ -e %s ] || exit 75; cat >>%s", pass, told);
	command[2] = script;
	target = (struct command_target){ .command = command,
					  .user = "nobody",
					  .timeout_ns = 30 * SECOND_NS,
					  .severity = RULE_INFO };
	conf = (struct conf){ .listen = listen,
			      .data_dir = folder,
			      .interval_ns = 100 * NS_PER_MS,
			      .alert_resend_ns = SECOND_NS / 2,
			      .commands = &target,
			      .command_cnt = 1 };
	rule.by[0] = by_device[0];
	alert_cnt = 0;
	wall_ns = wall_now_ns();
	for (const char *const *path = (const char *const[]){ told, pass, NULL }; *path; path++) {
		f = fopen(*path, "w");
		if (!f || fchmod(fileno(f), 0666))
			return -1;
		fclose(f);
	}
	start();
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	stop();
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void what_fires_and_ends_is_told_once(void **state)
{
	(void)state;
	alert_add(1, "sdb");
	alert_add(2, "sdc")->state = ALERT_PENDING;
	hears("sdb:firing");
	run_ms(1000); /* it is told again to who wants that, not to commands */
	alerts[0].state = ALERT_RESOLVED;
	alerts[0].ends_at_ns = wall_ns;
	hears("sdb:firing sdb:resolved");
}

/* The engine forgets it, or its rule is gone. */
static void what_is_not_there_any_more_has_ended(void **state)
{
	(void)state;
	alert_add(1, "sdb");
	hears("sdb:firing");
	alert_cnt = 0;
	hears("sdb:firing sdb:resolved");
	alert_add(1, "sdb");
	hears("sdb:firing sdb:resolved sdb:firing");
}

static void unknown_does_not_end_it(void **state)
{
	(void)state;
	alert_add(1, "sdb");
	hears("sdb:firing");
	alerts[0].unknown = true;
	hears("sdb:firing");
}

static void another_severity_is_another_alert(void **state)
{
	(void)state;
	alert_add(1, "sdb")->severity = RULE_INFO;
	hears("sdb:firing");
	alerts[0].severity = RULE_PAGE;
	/* both at once, in either order */
	for (int i = 0; i < 1000 && !strstr(heard(), "resolved"); i++)
		run_ms(50);
	run_ms(200);
	assert_non_null(strstr(heard(), "sdb:resolved"));
	assert_int_equal(strlen(heard()), strlen("sdb:firing sdb:firing sdb:resolved"));
}

static void after_a_restart_nothing_is_new(void **state)
{
	(void)state;
	alert_add(1, "sdb");
	hears("sdb:firing");
	stop();
	start();
	hears("sdb:firing");
	alert_cnt = 0;
	stop();
	start();
	/* the engine may not know of it yet */
	hears("sdb:firing");
	alert_add(1, "sdb");
	run_ms(100);
	alert_cnt = 0;
	hears("sdb:firing sdb:resolved");
	stop();
	start();
	hears("sdb:firing sdb:resolved");
}

static void what_was_not_told_is_told_after_a_restart(void **state)
{
	FILE *f;

	(void)state;
	alert_add(1, "sdb");
	alert_add(2, "sdc");
	hears("sdb:firing sdc:firing");
	unlink(pass);
	alerts[0].state = ALERT_RESOLVED;
	alerts[0].ends_at_ns = wall_ns;
	run_ms(1000);
	assert_string_equal(heard(), "sdb:firing sdc:firing");
	stop();
	alerts[0] = alerts[1]; /* the engine has forgotten it */
	alert_cnt = 1;
	start();
	run_ms(500);
	f = fopen(pass, "w");
	assert_non_null(f);
	fchmod(fileno(f), 0666);
	fclose(f);
	hears("sdb:firing sdc:firing sdb:resolved");
}

static void silenced_and_expected_alerts_are_not_told(void **state)
{
	struct rule_pair match = { .key = "device", .value = "sd*" };
	struct expectation expected = { .match = &match,
					.match_cnt = 1,
					.from_ns = 1,
					.to_ns = INT64_MAX,
					.reason = "a drill" };
	const struct silence *silence;
	struct buf error = { 0 };
	char id[SILENCE_ID_SIZE];

	(void)state;
	assert_int_equal(silences_add(deliver_silences(deliver), "device=sdb", 100 * SECOND_NS,
				      "a test", clock_now_ns(), wall_ns, &silence, &error),
			 0);
	memcpy(id, silence->id, sizeof(id));
	alert_add(1, "sdb");
	alert_add(2, "sdc");
	hears("sdc:firing");
	assert_int_equal(deliver_mute(deliver, &alerts[0], wall_ns, &error), NOTICE_SILENCED);
	assert_string_equal(buf_cstr(&error), "a test");
	assert_int_equal(deliver_mute(deliver, &alerts[1], wall_ns, &error), NOTICE_LOUD);
	stop();
	start();
	hears("sdc:firing");
	assert_true(silences_end(deliver_silences(deliver), id));
	hears("sdc:firing sdb:firing");
	conf.expect = &expected;
	conf.expect_cnt = 1;
	for (int i = 0; i < 1000 &&
			strlen(heard()) < strlen("sdc:firing sdb:firing sdc:resolved sdb:resolved");
	     i++)
		run_ms(50);
	assert_non_null(strstr(heard(), "sdb:resolved"));
	assert_non_null(strstr(heard(), "sdc:resolved"));
	buf_release(&error);
}

static void a_target_that_is_added_hears_what_fires(void **state)
{
	struct command_target two[2] = { conf.commands[0], conf.commands[0] };

	(void)state;
	alert_add(1, "sdb");
	hears("sdb:firing");
	conf.commands = two;
	conf.command_cnt = 2;
	assert_int_equal(deliver_configure(deliver, &conf), 0);
	hears("sdb:firing sdb:firing");
	conf.command_cnt = 0;
	assert_int_equal(deliver_configure(deliver, &conf), 0);
	alert_cnt = 0;
	hears("sdb:firing sdb:firing");
}

/* Until so many of `d` are told. */
static void hears_storm(unsigned storm)
{
	unsigned cnt = 0;
	const char *at;

	for (unsigned i = 0; i < storm / 5 && cnt < storm; i++) {
		run_ms(50);
		cnt = 0;
		for (at = heard(); (at = strstr(at, "d:firing")); at++)
			cnt++;
	}
	assert_int_equal(cnt, storm);
}

/* More than is made in one call. */
static void a_storm_is_told_whole(void **state)
{
	(void)state;
	for (u64 i = 0; i < STORM; i++)
		alert_add(i, "d");
	hears_storm(STORM);
}

static void hears_of(const char *what)
{
	for (int i = 0; i < 1000 && !strstr(heard(), what); i++)
		run_ms(50);
	assert_non_null(strstr(heard(), what));
}

/* What is less grave gives way, then what has ended. */
static void a_page_finds_room(void **state)
{
	(void)state;
	for (u64 i = 0; i < MOST; i++)
		alert_add(i, i ? "d" : "first")->severity = RULE_INFO;
	hears_storm(MOST - 1);
	alert_add(MOST, "late")->severity = RULE_INFO;
	run_ms(200);
	assert_null(strstr(heard(), "late"));
	alert_add(MOST + 1, "page");
	hears_of("page:firing");
	hears_of("first:resolved");
	alerts[1].state = ALERT_RESOLVED;
	alerts[0].state = ALERT_PENDING;
	hears_of("late:firing");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_fires_and_ends_is_told_once),
		TEST(what_is_not_there_any_more_has_ended),
		TEST(unknown_does_not_end_it),
		TEST(another_severity_is_another_alert),
		TEST(after_a_restart_nothing_is_new),
		TEST(what_was_not_told_is_told_after_a_restart),
		TEST(silenced_and_expected_alerts_are_not_told),
		TEST(a_target_that_is_added_hears_what_fires),
		TEST(a_storm_is_told_whole),
		TEST(a_page_finds_room),
	};

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
