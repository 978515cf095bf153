// SPDX-License-Identifier: BSD-3-Clause
/* Diagnoses of what is made by hand: what is said of it, in the document and to people; when nothing is said, and when nothing is known. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "diagnose.h"

/* nginx, which asks a shop, which asks a database on a disk, which a backup reads as well. */
static void site(struct world *w, double per_second, double in_device)
{
	database(w, per_second, in_device, 0.00005);
	calls(w, "nginx.service", "http", "shop.service", per_second, 0.0025 + in_device);
	serves(w, "nginx.service", "http", per_second, 0.003 + in_device);
	reads(w, "backup.service", "sdb", 8, in_device, 0.00005);
	reads(w, "journal.service", "sda", 20, 0.0004, 0.00005);
	computes(w, "nginx.service", 0.01);
}

static void site_usual(struct world *w, int ticks)
{
	while (ticks--) {
		site(w, 200, 0.0004);
		tick(w);
	}
}

static void site_slow(struct world *w, int ticks)
{
	while (ticks--) {
		site(w, 50, 0.084);
		tick(w);
	}
}

static void lines_fit(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len > DIAGNOSIS_COLUMNS)
			fail_msg("a line of %zu: %.*s", len, (int)len, text);
		text += len + 1;
	}
}

static void a_chain_is_told_to_its_end(void **state)
{
	struct world *w = world_new();
	const json_t *cause;
	struct buf text = { 0 };
	double sum = 0;
	json_t *doc;
	size_t i;
	const json_t *part;

	(void)state;
	site_usual(w, 120);
	site_slow(w, 12);
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "wrong");
	assert_int_equal(json_array_size(json_object_get(doc, "causes")), 1);
	cause = first_cause(doc);
	assert_string_equal(text_of(json_object_get(cause, "subject"), "device"), "sdb");
	assert_string_equal(text_of(cause, "kind"), "hardware");
	assert_string_equal(text_of(cause, "cause"), "disk_slow_several");
	assert_string_equal(text_of(cause, "sure"), "high");
	assert_int_equal(json_array_size(json_object_get(cause, "chain")), 4);
	assert_string_equal(text_of(cause, "since"), "2025-12-31T23:26:40.000000000Z");
	assert_true(json_is_null(json_object_get(cause, "until")));
	assert_string_equal(text_of(json_array_get(json_object_get(cause, "victims"), 0),
				    "service"),
			    "postgresql.service");
	json_array_foreach(json_object_get(cause, "time"), i, part) sum +=
		json_number_value(json_object_get(part, "ratio"));
	assert_true(fabs(sum - 1) < 0.03);

	diagnosis_write(&text, doc);
	if (getenv("VERBOSE"))
		puts(buf_cstr(&text));
	lines_fit(buf_cstr(&text));
	has(buf_cstr(&text), "nginx.service has been slow since 23:26:40 UTC (60 s)");
	has(buf_cstr(&text), "CAUSE  hardware: ");
	has(buf_cstr(&text), "84 ms in sdb, usually 0.4 ms");
	has(buf_cstr(&text),
	    "nginx.service suffers because of shop.service, shop.service because of postgresql.service, "
	    "postgresql.service");
	has(buf_cstr(&text), "TIME   postgresql.service, of each second");
	has(buf_cstr(&text), "DO     1. move what");
	buf_release(&text);
	json_decref(doc);
	world_free(w);
}

/* What is over is told with its end, for as long as is asked for. */
static void what_is_over_is_told(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	site_usual(w, 100);
	site_slow(w, 12);
	site_usual(w, 60);
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "device"), "sdb");
	has(text_of(doc, "summary"), "was slow from");
	assert_false(json_is_null(json_object_get(first_cause(doc), "until")));
	json_decref(doc);
	doc = ask(w, 120 * NS_PER_SEC, NULL);
	assert_string_equal(text_of(doc, "verdict"), "nothing wrong");
	json_decref(doc);
	world_free(w);
}

static void two_causes_have_their_own_victims(void **state)
{
	struct world *w = world_new();
	json_t *doc, *causes;

	(void)state;
	for (int i = 0; i < 132; i++) {
		bool faulty = i >= 120;

		site(w, faulty ? 50 : 200, faulty ? 0.084 : 0.0004);
		serves(w, "mail.service", "http", 20, faulty ? 0.3 : 0.01);
		calls(w, "web.service", "http", "mail.service", 20, faulty ? 0.301 : 0.011);
		serves(w, "web.service", "http", 20, faulty ? 0.303 : 0.013);
		computes(w, "mail.service", 0.01);
		computes(w, "web.service", 0.01);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	causes = json_object_get(doc, "causes");
	assert_int_equal(json_array_size(causes), 2);
	assert_string_equal(text_of(json_object_get(json_array_get(causes, 0), "subject"),
				    "device"),
			    "sdb");
	assert_string_equal(text_of(json_object_get(json_array_get(causes, 1), "subject"),
				    "service"),
			    "mail.service");
	assert_string_equal(
		text_of(json_array_get(json_object_get(json_array_get(causes, 1), "victims"), 0),
			"service"),
		"web.service");
	json_decref(doc);

	doc = ask(w, SINCE_NS, "web.service");
	assert_int_equal(json_array_size(json_object_get(doc, "causes")), 1);
	json_decref(doc);
	doc = ask(w, SINCE_NS, "postgres.service");
	assert_string_equal(text_of(doc, "verdict"), "unknown");
	has(json_string_value(json_array_get(json_object_get(doc, "unknown"), 0)) ?: "",
	    "the service postgres.service: there is none of that name");
	json_decref(doc);
	doc = ask(w, SINCE_NS, "journal.service");
	assert_string_equal(text_of(doc, "verdict"), "nothing wrong");
	json_decref(doc);
	world_free(w);
}

/* Two services that ask each other: each is the other's reason. */
static void circles_end(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		double seconds = i >= 120 ? 0.3 : 0.01;

		serves(w, "a.service", "http", 20, seconds);
		calls(w, "a.service", "http", "b.service", 20, seconds);
		serves(w, "b.service", "http", 20, seconds);
		calls(w, "b.service", "http", "a.service", 20, seconds);
		computes(w, "a.service", 0.01);
		computes(w, "b.service", 0.01);
		reads(w, "a.service", "sda", 1, 0.0004, 0.00005);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "wrong");
	json_decref(doc);
	world_free(w);
}

static void nothing_wrong_is_short(void **state)
{
	struct world *w = world_new();
	struct buf text = { 0 };
	json_t *doc;

	(void)state;
	site_usual(w, 200);
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "nothing wrong");
	diagnosis_write(&text, doc);
	has(buf_cstr(&text), "nothing wrong: 3 services");
	has(buf_cstr(&text), "and that is usual for it");
	assert_ptr_equal(strchr(buf_cstr(&text), '\n'), buf_cstr(&text) + text.len - 1);
	buf_release(&text);
	json_decref(doc);
	world_free(w);
}

/* Batch work that runs into its own limits hurts nobody. */
static void batch_is_a_note(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	site_usual(w, 120);
	for (int i = 0; i < 6; i++) {
		count(w, "seismo_oom_kills_total", LABELS("batch.service", "cgroup"), 1);
		count(w, "seismo_syscall_errors_total", LABELS("batch.service", "write", "ENOSPC"),
		      20);
		site(w, 200, 0.0004);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "nothing wrong");
	assert_true(json_array_size(json_object_get(doc, "notes")) > 0);
	json_decref(doc);
	world_free(w);
}

/* Without history nothing is usual, and what is wrong by itself is still seen. */
static void absolute_signs_need_no_history(void **state)
{
	struct world *w = world_new();
	struct buf text = { 0 };
	json_t *doc;

	(void)state;
	site_slow(w, 3);
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "device"), "sdb");
	assert_string_equal(text_of(first_cause(doc), "sure"), "medium");
	diagnosis_write(&text, doc);
	has(buf_cstr(&text), "unknown: what is usual: Seismo has watched for 15 s only");
	assert_ptr_equal(strstr(buf_cstr(&text), "unknown: "), buf_cstr(&text));
	buf_release(&text);
	json_decref(doc);
	world_free(w);
}

static void lost_events_are_said_first(void **state)
{
	struct world *w = world_new();
	struct family *f = registry_find(&w->registry, "seismo_block_io_duration_seconds");
	json_t *doc;

	(void)state;
	f->sources = 1;
	site_usual(w, 60);
	site(w, 200, 0.0004);
	w->registry.now_ns += TICK_NS;
	assert_int_equal(history_tick(w->history, 1), 0);
	doc = ask(w, SINCE_NS, NULL);
	has(json_string_value(json_array_get(json_object_get(doc, "unknown"), 0)) ?: "",
	    "disks: events were lost");
	json_decref(doc);
	world_free(w);
}

/* Where all was lost, or most, nothing was seen that could be wrong. */
static void lost_requests_are_no_health(void **state)
{
	struct world *w = world_new();
	struct family *f = registry_find(&w->registry, "seismo_requests_total");
	json_t *doc;

	(void)state;
	f->sources = 1;
	for (int i = 0; i < 60; i++) {
		site(w, 200, 0.0004);
		w->registry.now_ns += TICK_NS;
		assert_int_equal(history_tick(w->history, 1), 0);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "unknown");
	has(json_string_value(json_array_get(json_object_get(doc, "unknown"), 0)) ?: "",
	    "requests: events were lost in 100 % of the time");
	has(json_string_value(json_array_get(json_object_get(doc, "unknown"), 1)) ?: "",
	    "Seismo has watched for 5 min only");
	json_decref(doc);
	world_free(w);
}

/* Of who is slowest, what is usual is measured, or not told. */
static void the_slowest_is_compared(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 2; i++) {
		serves(w, "shop.service", "http", 1, 0.01);
		tick(w);
	}
	doc = ask(w, 10 * NS_PER_SEC, NULL);
	assert_null(strstr(text_of(doc, "summary"), "usual"));
	has(json_string_value(json_array_get(json_object_get(doc, "unknown"), 0)) ?: "",
	    "what is usual");
	json_decref(doc);
	world_free(w);
}

/* A tenth of the requests become slow: they are not a quarter. */
static void a_tail_is_called_a_tail(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		serves(w, "shop.service", "http", 90, 0.01);
		serves(w, "shop.service", "http", 10, i >= 120 ? 2 : 0.01);
		computes(w, "shop.service", 0.01);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	has(text_of(doc, "summary"), "one in twenty of its inbound http requests takes more than");
	json_decref(doc);
	world_free(w);
}

/* Nothing is watched: then nothing is fine. */
static void blindness_is_no_health(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	json_t *doc;

	(void)state;
	w->registry.now_ns = START_NS;
	w->history = history_new(&w->registry, START_NS, 1 << 20);
	w->changes = changes_new();
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "unknown");
	json_decref(doc);
	for (int i = 0; i < 10; i++)
		tick(w);
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "unknown");
	json_decref(doc);
	world_free(w);
}

/* A thousand services, all of which become slow at once. */
static void many_services_cost_little(void **state)
{
	struct world *w = world_new();
	struct timespec begin, end;
	size_t series = 0;
	char name[64];
	double took = 1;
	json_t *doc;

	(void)state;
	for (int t = 0; t < 240; t++) {
		for (int i = 0; i < 1000; i++) {
			double slow = t >= 228 ? 0.3 : 0.01;

			snprintf(name, sizeof(name), "service-%d.service", i);
			serves(w, name, "http", 10 + (t * i) % 7, slow);
			calls(w, name, "http", i ? "service-0.service" : "service-1.service", 10,
			      slow / 2);
			calls(w, name, "postgresql", "db.service", 10, slow / 3);
			computes(w, name, 0.01);
			reads(w, name, i % 2 ? "sda" : "sdb", 1, 0.001, 0.0001);
			if (t == 1)
				for (int c = 0; c < 40; c++) {
					snprintf(name, sizeof(name), "call-%d", c);
					count(w, "seismo_syscall_errors_total",
					      LABELS("service.service", name, "EAGAIN"), 1);
				}
		}
		tick(w);
	}
	for (size_t i = 0; i < w->registry.family_cnt; i++)
		series += w->registry.families[i]->series_cnt;
	/* again where others have the other half of the core, or its caches */
	for (int i = 0; i < 5 && took >= 1; i++) {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
		doc = ask(w, SINCE_NS, NULL);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
		took = (double)(end.tv_sec - begin.tv_sec) +
		       (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
		assert_string_equal(text_of(doc, "verdict"), "wrong");
		json_decref(doc);
	}
	print_message("# a diagnosis with %zu series: %.0f ms\n", series, took * 1e3);
	assert_true(took < 1);
	world_free(w);
}

/* What somebody has put into the name of a program is no command to a terminal, nor a line of its own. */
static void names_rule_no_terminal(void **state)
{
	struct world *w = world_new();
	struct buf text = { 0 };
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		serves(w,
		       "a\033[2Jb\xc2\x9b"
		       "c\nd",
		       "http", 50, i >= 120 ? 0.4 : 0.01);
		computes(w,
			 "a\033[2Jb\xc2\x9b"
			 "c\nd",
			 0.01);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_string_equal(text_of(doc, "verdict"), "wrong");
	diagnosis_write(&text, doc);
	has(buf_cstr(&text), "a\\x1b[2Jb\\xc2\\x9bc\\x0ad has been slow");
	for (const char *c = buf_cstr(&text); *c; c++)
		assert_true((unsigned char)*c >= ' ' || *c == '\n');
	assert_null(strstr(buf_cstr(&text), "\xc2\x9b"));
	buf_release(&text);
	json_decref(doc);
	world_free(w);
}

/* Programs of a moment that end with an error have said no; services that do so die. */
static void short_commands_are_no_note(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	site_usual(w, 120);
	for (int i = 0; i < 6; i++) {
		set(w, "seismo_processes", LABELS("grep"), i == 3); /* it is seen now and then */
		count(w, "seismo_process_exits_total", LABELS("grep", "error"), 5);
		site(w, 200, 0.0004);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_int_equal(json_array_size(json_object_get(doc, "notes")), 0);
	json_decref(doc);
	for (int i = 0; i < 6; i++) {
		set(w, "seismo_processes", LABELS("mail.service"), 0);
		count(w, "seismo_process_exits_total", LABELS("mail.service", "error"), 5);
		site(w, 200, 0.0004);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	assert_int_equal(json_array_size(json_object_get(doc, "notes")), 1);
	json_decref(doc);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_is_told_to_its_end),
		cmocka_unit_test(what_is_over_is_told),
		cmocka_unit_test(two_causes_have_their_own_victims),
		cmocka_unit_test(circles_end),
		cmocka_unit_test(nothing_wrong_is_short),
		cmocka_unit_test(batch_is_a_note),
		cmocka_unit_test(absolute_signs_need_no_history),
		cmocka_unit_test(lost_events_are_said_first),
		cmocka_unit_test(lost_requests_are_no_health),
		cmocka_unit_test(the_slowest_is_compared),
		cmocka_unit_test(a_tail_is_called_a_tail),
		cmocka_unit_test(blindness_is_no_health),
		cmocka_unit_test(names_rule_no_terminal),
		cmocka_unit_test(short_commands_are_no_note),
		cmocka_unit_test(many_services_cost_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
