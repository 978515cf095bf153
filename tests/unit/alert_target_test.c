// SPDX-License-Identifier: BSD-3-Clause
/* Targets: a kind made for the test, and commands. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alert/kinds.h"
#include "conf/target.h"
#include "lib/log.h"
#include "lib/loop.h"

#define SECOND_NS 1000000000ULL

static sem_t progressed;

static void progress(void *ctx)
{
	(void)ctx;
	sem_post(&progressed);
}

static bool progress_within(unsigned seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	return !sem_timedwait(&progressed, &until);
}

static struct notice *notice_of(u64 key, bool firing, enum rule_severity severity)
{
	struct rule_pair label = { .key = "team", .value = "storage" };
	struct rule_conf rule = { .alert = "SlowDisk",
				  .term = { .metric = "seismo_block_io_duration_seconds" },
				  .value = RULE_QUANTILE,
				  .by = { "device" },
				  .by_cnt = 1,
				  .labels = &label,
				  .label_cnt = 1,
				  .summary = "{{device}} takes {{value}}, usually {{baseline}}" };
	struct alert a = { .rule = &rule,
			   .label = { "sdb" },
			   .fingerprint = key,
			   .severity = severity,
			   .starts_at_ns = 1000 * (s64)SECOND_NS,
			   .value = 0.084,
			   .baseline = 0.0004 };
	const struct notice_labels common = { .instance = "host1" };
	json_t *labels = notice_labels(&a, &common);
	struct notice *n = notice_new(&a, labels, NOTICE_LOUD, NULL), *resolved;

	json_decref(labels);
	assert_non_null(n);
	if (firing)
		return n;
	resolved = notice_resolve(n, 1060 * (s64)SECOND_NS);
	notice_unref(n);
	return resolved;
}

static void put(struct target *t, u64 key, bool firing)
{
	struct notice *n = notice_of(key, firing, RULE_PAGE);

	target_put(t, n, TOLD_NOTHING);
	notice_unref(n);
}

/* --- a kind that does what the test says */

static struct {
	sem_t begun, go; /* each message */
	atomic_bool waits;
	_Atomic(enum send_result) result;
	atomic_uint messages, alerts;
} fake;

static void *fake_open(const void *conf)
{
	(void)conf;
	return &fake;
}

static enum send_result fake_send(void *self, const struct parcel *parcels, unsigned cnt,
				  struct sending *s)
{
	(void)self, (void)parcels;
	fake.messages++;
	fake.alerts += cnt;
	sem_post(&fake.begun);
	while (fake.waits && !*s->ending && sem_trywait(&fake.go))
		usleep(1000);
	if (fake.result != SEND_OK)
		buf_str(&s->error, "the test says so");
	return fake.result;
}

static void fake_close(void *self)
{
	(void)self;
}

static const struct target_kind fake_kind = { .name = "fake",
					      .batch = PARCELS_MAX,
					      .open = fake_open,
					      .send = fake_send,
					      .close = fake_close };

static struct target *target_of(const struct target_kind *kind, const void *conf)
{
	const struct target_options options = { .kind = kind,
						.name = "test",
						.conf = conf,
						.least = RULE_WARNING,
						.resend_ns = SECOND_NS / 5,
						.progress = progress };
	struct target *t = target_new(&options);

	assert_non_null(t);
	return t;
}

static int setup(void **state)
{
	(void)state;
	log_level = SEISMO_LOG_ERR;
	sem_init(&progressed, 0, 0);
	memset(&fake, 0, sizeof(fake));
	sem_init(&fake.begun, 0, 0);
	sem_init(&fake.go, 0, 0);
	return 0;
}

static void what_happens_together_is_told_together(void **state)
{
	struct target *t = target_of(&fake_kind, NULL);
	struct target_stats stats;

	(void)state;
	for (u64 key = 1; key <= 10; key++)
		put(t, key, true);
	assert_true(progress_within(60));
	assert_int_equal(fake.messages, 1);
	assert_int_equal(fake.alerts, 10);
	target_stats(t, &stats);
	assert_int_equal(stats.sent, 10);
	assert_int_equal(stats.waiting, 0);
	assert_true(stats.last_success_ns > 0);
	target_free(t);
}

static void what_is_not_grave_enough_is_not_told(void **state)
{
	struct notice *info = notice_of(1, true, RULE_INFO),
		      *warning = notice_of(2, true, RULE_WARNING);
	struct target *t = target_of(&fake_kind, NULL);

	(void)state;
	target_put(t, info, TOLD_NOTHING);
	target_put(t, warning, TOLD_NOTHING);
	assert_true(progress_within(60));
	assert_int_equal(fake.alerts, 1);
	notice_unref(info);
	notice_unref(warning);
	target_free(t);
}

static void what_is_not_accepted_is_tried_again_after_pauses(void **state)
{
	struct target *t = target_of(&fake_kind, NULL);
	struct target_stats stats;

	(void)state;
	fake.result = SEND_RETRY;
	put(t, 1, true);
	for (int i = 0; i < 5; i++)
		sem_wait(&fake.begun);
	target_stats(t, &stats);
	assert_int_equal(stats.sent, 0);
	assert_in_range(stats.failed, 4, 5);
	assert_int_equal(stats.waiting, 1);
	/* it ended meanwhile, and that is what is told when it can be */
	put(t, 1, false);
	fake.result = SEND_OK;
	do {
		assert_true(progress_within(60));
		target_stats(t, &stats);
	} while (stats.waiting);
	/* that it fired may have been under way */
	assert_in_range(stats.sent, 1, 2);
	target_free(t);
}

static void what_is_refused_is_not_tried_again(void **state)
{
	struct target *t = target_of(&fake_kind, NULL);
	struct target_stats stats;

	(void)state;
	fake.result = SEND_REFUSED;
	put(t, 1, true);
	assert_true(progress_within(60));
	usleep(300000);
	assert_int_equal(fake.messages, 1);
	target_stats(t, &stats);
	assert_int_equal(stats.failed, 1);
	assert_int_equal(stats.waiting, 0);
	target_free(t);
}

static void one_that_hangs_keeps_nobody_waiting(void **state)
{
	struct target *t = target_of(&fake_kind, NULL);
	u64 start_ns = clock_now_ns();

	(void)state;
	fake.waits = true;
	put(t, 1, true);
	sem_wait(&fake.begun);
	for (u64 key = 1; key < 1000; key++)
		put(t, key, true);
	assert_false(target_ended(t, 0));
	/* and ends when it is told to */
	target_end(t);
	assert_true(target_ended(t, clock_now_ns() + 30 * SECOND_NS));
	assert_true(clock_now_ns() - start_ns < 30 * SECOND_NS);
	target_free(t);
}

/* --- commands */

static const char *user = "nobody";
static char output[] = "/tmp/alert_target_test.XXXXXX";

/* Runs it for one alert, and waits. Whether it was told. */
static bool run(char **argv, u64 timeout_ns, unsigned seconds)
{
	const struct command_target conf = { .command = argv,
					     .user = (char *)user,
					     .timeout_ns = timeout_ns };
	struct target *t = target_of(&target_command, &conf);
	bool told;

	put(t, 1, true);
	told = progress_within(seconds);
	if (told) {
		struct target_stats stats;

		target_stats(t, &stats);
		told = stats.sent;
	}
	target_free(t);
	return told;
}

static char *output_text(void)
{
	static char text[65536];
	int fd = open(output, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static int output_setup(void **state)
{
	int fd;

	strcpy(output + strlen("/tmp/alert_target_test."), "XXXXXX");
	fd = mkstemp(output);
	if (fd < 0 || fchmod(fd, 0666))
		return -1;
	close(fd);
	return setup(state);
}

static int output_teardown(void **state)
{
	(void)state;
	return unlink(output);
}

static void a_command_gets_alerts_as_json(void **state)
{
	char script[128];
	json_t *doc, *alert;

	(void)state;
	snprintf(script, sizeof(script), "cat >%s", output);
	assert_true(run((char *[]){ "/bin/sh", "-c", script, NULL }, 30 * SECOND_NS, 60));
	doc = json_loads(output_text(), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(doc, "status")), "firing");
	assert_string_equal(json_string_value(json_object_get(doc, "version")), "4");
	alert = json_array_get(json_object_get(doc, "alerts"), 0);
	assert_string_equal(json_string_value(json_object_get(alert, "startsAt")),
			    "1970-01-01T00:16:40.000000000Z");
	assert_string_equal(json_string_value(json_object_get(json_object_get(doc, "commonLabels"),
							      "device")),
			    "sdb");
	assert_string_equal(json_string_value(json_object_get(json_object_get(alert, "annotations"),
							      "summary")),
			    "sdb takes 84 ms, usually 0.4 ms");
	json_decref(doc);
}

static void a_command_has_nothing_of_the_daemon(void **state)
{
	char script[256];
	int fd = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */

	(void)state;
	setenv("SECRET", "secret", 1);
	snprintf(script, sizeof(script),
		 "exec >%s; id -u; id -G; env | sort; ls /proc/self/fd | wc -l; "
		 "awk '/^NoNewPrivs|^SigBlk/ { print }' /proc/self/status; pwd",
		 output);
	assert_true(run((char *[]){ "/bin/sh", "-c", script, NULL }, 30 * SECOND_NS, 60));
	close(fd);
	assert_null(strstr(output_text(), "SECRET"));
	assert_non_null(strstr(output_text(), "\nNoNewPrivs:\t1\n"));
	assert_non_null(strstr(output_text(), "SigBlk:\t0000000000000000\n"));
	assert_non_null(
		strstr(output_text(), "\n4\n")); /* 0, 1, 2, and the folder that is listed */
	if (!geteuid())
		assert_int_equal(strncmp(output_text(), "65534\n65534\n", 12), 0);
}

static void a_command_as_root_has_no_capabilities(void **state)
{
	char script[256];

	(void)state;
	if (geteuid())
		skip();
	snprintf(script, sizeof(script),
		 "exec >%s; id -u; awk '/^Cap(Inh|Prm|Eff|Amb)/ { print $2 }' /proc/self/status",
		 output);
	user = "root";
	assert_true(run((char *[]){ "/bin/sh", "-c", script, NULL }, 30 * SECOND_NS, 60));
	user = "nobody";
	assert_string_equal(output_text(), "0\n0000000000000000\n0000000000000000\n"
					   "0000000000000000\n0000000000000000\n");
}

static void a_command_that_takes_too_long_is_killed_with_its_children(void **state)
{
	char script[256];
	u64 start_ns = clock_now_ns();
	pid_t child;

	(void)state;
	snprintf(script, sizeof(script), "sleep 100 & echo $! >%s; sleep 100", output);
	assert_false(run((char *[]){ "/bin/sh", "-c", script, NULL }, 2 * SECOND_NS, 60));
	assert_in_range((clock_now_ns() - start_ns) / NS_PER_MS, 2000, 60000);
	child = (pid_t)atol(output_text());
	assert_true(child > 1);
	for (int i = 0; i < 3000 && !kill(child, 0); i++) {
		char path[64], state_of[64] = "";
		FILE *f;

		/* nobody may have waited for it yet */
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
		f = fopen(path, "r");
		if (f && fscanf(f, "%*d %*s %1s", state_of) == 1 && *state_of == 'Z') {
			fclose(f);
			return;
		}
		if (f)
			fclose(f);
		usleep(10000);
	}
	assert_int_not_equal(kill(child, 0), 0);
}

static void a_command_that_writes_much_or_reads_nothing_ends(void **state)
{
	(void)state;
	assert_true(run((char *[]){ "/bin/sh", "-c", "head -c 10000000 /dev/zero", NULL },
			30 * SECOND_NS, 60));
	assert_true(run((char *[]){ "/bin/true", NULL }, 30 * SECOND_NS, 60));
	/* nor does what it leaves behind keep others waiting */
	assert_true(run((char *[]){ "/bin/sh", "-c", "setsid yes & sleep 0.2", NULL },
			30 * SECOND_NS, 60));
}

static void a_command_that_fails_is_not_run_again_unless_it_says_so(void **state)
{
	char script[128];

	(void)state;
	snprintf(script, sizeof(script), "echo x >>%s; exit 1", output);
	assert_false(run((char *[]){ "/bin/sh", "-c", script, NULL }, 30 * SECOND_NS, 60));
	assert_string_equal(output_text(), "x\n");
	snprintf(script, sizeof(script), "echo x >>%s; [ $(wc -l <%s) -ge 4 ] || exit 75", output,
		 output);
	assert_true(run((char *[]){ "/bin/sh", "-c", script, NULL }, 30 * SECOND_NS, 60));
	assert_string_equal(output_text(), "x\nx\nx\nx\n");
	/* as the service manager stops it with the daemon */
	snprintf(script, sizeof(script), "echo x >>%s; [ $(wc -l <%s) -ge 6 ] || kill $$", output,
		 output);
	assert_true(run((char *[]){ "/bin/sh", "-c", script, NULL }, 30 * SECOND_NS, 60));
	assert_string_equal(output_text(), "x\nx\nx\nx\nx\nx\n");
	/* what cannot be run at all is tried again */
	assert_false(run((char *[]){ "/nonexistent", NULL }, 5 * SECOND_NS, 1));
}

#define TEST(f)	   cmocka_unit_test_setup(f, setup)
#define COMMAND(f) cmocka_unit_test_setup_teardown(f, output_setup, output_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_happens_together_is_told_together),
		TEST(what_is_not_grave_enough_is_not_told),
		TEST(what_is_not_accepted_is_tried_again_after_pauses),
		TEST(what_is_refused_is_not_tried_again),
		TEST(one_that_hangs_keeps_nobody_waiting),
		COMMAND(a_command_gets_alerts_as_json),
		COMMAND(a_command_has_nothing_of_the_daemon),
		COMMAND(a_command_as_root_has_no_capabilities),
		COMMAND(a_command_that_takes_too_long_is_killed_with_its_children),
		COMMAND(a_command_that_writes_much_or_reads_nothing_ends),
		COMMAND(a_command_that_fails_is_not_run_again_unless_it_says_so),
	};

	return cmocka_run_group_tests_name("alert_target", tests, NULL, NULL);
}
