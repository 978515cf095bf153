// SPDX-License-Identifier: BSD-3-Clause
/* Diagnoses of what is made by hand: what is found, however long or short it is and however long is looked at. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "diagnose.h"

#define MINUTE (60 / (int)TICK_S)

static void shop(struct world *w, int ticks, double errors)
{
	while (ticks--) {
		answers(w, "shop.service", 100, errors);
		tick(w);
		while (history_tidy(w->history))
			;
	}
}

static void finds(const struct world *w, u64 since_s, const char *cause, const char *verdict)
{
	json_t *doc = ask(w, since_s * NS_PER_SEC, NULL);

	if (strcmp(text_of(doc, "verdict"), verdict) != 0)
		fail_msg("since %llu s: %s", (unsigned long long)since_s, text_of(doc, "verdict"));
	if (cause)
		assert_string_equal(text_of(first_cause(doc), "cause"), cause);
	json_decref(doc);
}

/* It began before what is asked for, and before what is compared with that. */
static void what_lasts_is_found(void **state)
{
	struct world *w = world_new();

	(void)state;
	shop(w, 60 * MINUTE, 0);
	shop(w, 25 * MINUTE, 0.3);
	finds(w, 900, "errors_own", "wrong");
	finds(w, 60, "errors_own", "wrong");
	shop(w, 60 * MINUTE, 0);
	finds(w, 900, NULL, "nothing wrong");
	world_free(w);
}

/* It has been so for as long as anything is known. */
static void what_was_always_wrong_is_found(void **state)
{
	struct world *w = world_new();

	(void)state;
	shop(w, 90 / (int)TICK_S, 0.3);
	finds(w, 900, NULL, "wrong");
	shop(w, 30 * MINUTE, 0.3);
	finds(w, 900, NULL, "wrong");
	world_free(w);
}

/* A long time has long steps; what lasts half a minute is none of them. */
static void what_is_short_is_found_in_a_long_time(void **state)
{
	struct world *w = world_new();

	(void)state;
	shop(w, 1200 * MINUTE, 0);
	shop(w, 6, 0.08);
	finds(w, 86400, "errors_own", "wrong");
	shop(w, 10, 0);
	finds(w, 86400, "errors_own", "wrong");
	world_free(w);
}

/* Steps of an hour and more are longer than a minute. */
static void limits_are_found_in_a_long_time(void **state)
{
	struct world *w = world_new();

	(void)state;
	shop(w, 300 * MINUTE, 0);
	for (int i = 0; i < 4; i++) {
		count(w, "seismo_oom_kills_total", LABELS("shop.service", "cgroup"), 1);
		shop(w, 1, 0);
	}
	shop(w, 20 * MINUTE, 0);
	finds(w, 3 * 3600, "oom_limit", "wrong");
	world_free(w);
}

/* Each once, in however many ways it is used. */
static void services_and_devices_are_counted_once(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	for (int i = 0; i < 30; i++) {
		const char *const operations[] = { "read", "write", "flush" };

		for (size_t k = 0; k < 3; k++)
			for (int d = 0; d < 2; d++)
				observe(w, "seismo_block_io_duration_seconds",
					LABELS(d ? "sda" : "sdb", operations[k], "device"), 0.001,
					10);
		serves(w, "shop.service", "http", 10, 0.01);
		serves(w, "shop.service", "redis", 10, 0.01);
		serves(w, "blog.service", "http", 10, 0.01);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	has(text_of(doc, "summary"), "2 services");
	has(text_of(doc, "summary"), "2 disks");
	json_decref(doc);
	world_free(w);
}

/* Beside a trouble that weighs much more, and beside more victims than are listed. */
static void who_asks_about_a_service_hears_of_it(void **state)
{
	struct world *w = world_new();
	char name[64];
	json_t *doc;

	(void)state;
	for (int i = 0; i < 132; i++) {
		bool bad = i >= 120;

		for (int k = 0; k < 20; k++) {
			double seconds = bad ? 0.5 : 0.002;

			snprintf(name, sizeof(name), "web-%d.service", k);
			reads(w, name, "sdb", 10, seconds, 0.00005);
			serves(w, name, "http", 10, seconds + 0.002);
			computes(w, name, 0.01);
		}
		serves(w, "small.service", "http", 20, bad ? 0.022 : 0.01);
		computes(w, "small.service", bad ? 0.3 : 0.05);
		count(w, "seismo_oom_kills_total", LABELS("batch.service", "cgroup"), bad);
		tick(w);
	}
	for (int k = 0; k < 20; k++) {
		snprintf(name, sizeof(name), "web-%d.service", k);
		doc = ask(w, SINCE_NS, name);
		assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "device"),
				    "sdb");
		json_decref(doc);
	}
	doc = ask(w, SINCE_NS, "small.service");
	assert_string_equal(text_of(doc, "verdict"), "wrong");
	assert_string_equal(text_of(json_object_get(first_cause(doc), "subject"), "service"),
			    "small.service");
	assert_int_equal(json_array_size(json_object_get(doc, "notes")), 0);
	json_decref(doc);
	world_free(w);
}

/* Seismo starts beside a service that starts: whoever asks whether that is ready is told no again and again, and then yes, or never yes. */
static void who_becomes_ready_is_fine(void **state)
{
	(void)state;
	for (int ready = 0; ready < 2; ready++) {
		struct world *w = world_new();
		json_t *doc;

		for (int i = 0; i < 4; i++) {
			bool yes = ready && i == 3;

			observe(w, "seismo_request_duration_seconds",
				LABELS("shop.service", "inbound", "http"), 0.001, 2);
			count(w, "seismo_requests_total",
			      LABELS("shop.service", "inbound", "http", yes ? "200" : "503"), 2);
			computes(w, "shop.service", 0.01);
			tick(w);
		}
		doc = ask(w, SINCE_NS, NULL);
		if (ready)
			assert_int_equal(json_array_size(json_object_get(doc, "causes")), 0);
		else
			assert_string_equal(text_of(doc, "verdict"), "wrong");
		json_decref(doc);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lasts_is_found),
		cmocka_unit_test(what_was_always_wrong_is_found),
		cmocka_unit_test(what_is_short_is_found_in_a_long_time),
		cmocka_unit_test(limits_are_found_in_a_long_time),
		cmocka_unit_test(services_and_devices_are_counted_once),
		cmocka_unit_test(who_asks_about_a_service_hears_of_it),
		cmocka_unit_test(who_becomes_ready_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
