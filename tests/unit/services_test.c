// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "expo/services.h"

#define NS_PER_SEC 1000000000ULL

static const struct metric requests_row = {
	.name = "seismo_requests_total",
	.service = true,
	.labels = { { "direction" }, { "protocol" }, { "status" }, { "peer" } },
};
static const struct metric durations_row = {
	.name = "seismo_request_duration_seconds",
	.kind = METRIC_HISTOGRAM,
	.service = true,
	.labels = { { "direction" }, { "protocol" }, { "peer" } },
};

static struct registry registry;
static struct history *history;
static struct family *requests, *durations;
static json_t *doc;

static int begin(void **state)
{
	(void)state;
	registry = (struct registry){ .now_ns = NS_PER_SEC };
	requests = registry_add(&registry, &requests_row);
	durations = registry_add(&registry, &durations_row);
	history = history_new(&registry, NS_PER_SEC, 16 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	json_decref(doc);
	doc = NULL;
	history_free(history);
	registry_release(&registry);
	return 0;
}

static void request(const char *service, const char *direction, const char *status,
		    const char *peer, u64 cnt)
{
	const char *labels[SERIES_LABELS] = { service, direction, "http", status, peer };
	struct hist *h;

	*family_series(requests, labels)->value += (s64)cnt;
	labels[3] = peer;
	labels[4] = NULL;
	h = family_series(durations, labels)->hist;
	h->bucket[80] += cnt;
	h->sum_ns += cnt * 1000000;
}

static void seconds_pass(unsigned cnt)
{
	registry.now_ns += cnt * NS_PER_SEC;
	assert_int_equal(history_tick(history, 0), 0);
}

/* The parameters of the request; NULL: not sent. */
static const char *window, *ago;

static const char *param(void *ctx, const char *key)
{
	(void)ctx;
	return !strcmp(key, "window") ? window : !strcmp(key, "ago") ? ago : NULL;
}

static void ask(void)
{
	const struct expo_params params = { param, NULL };
	struct buf out = { 0 };

	json_decref(doc);
	assert_int_equal(expo_services(&registry, history, &params, &out), 200);
	assert_false(out.failed);
	doc = json_loadb(out.data, out.len, 0, NULL);
	assert_non_null(doc);
	buf_release(&out);
}

static void window_is(double seconds)
{
	assert_true(json_number_value(json_object_get(doc, "window_seconds")) == seconds);
}

static json_t *service(size_t i, const char *name, size_t request_cnt, size_t call_cnt)
{
	json_t *s = json_array_get(json_object_get(doc, "services"), i);

	assert_string_equal(json_string_value(json_object_get(s, "service")), name);
	assert_int_equal(json_array_size(json_object_get(s, "requests")), request_cnt);
	assert_int_equal(json_array_size(json_object_get(s, "calls")), call_cnt);
	return s;
}

static json_t *call(const json_t *s, const char *kind, size_t i)
{
	return json_array_get(json_object_get(s, kind), i);
}

static void number_is(const json_t *call, const char *key, double value)
{
	const json_t *number = json_object_get(call, key);

	if (!json_is_number(number) || fabs(json_number_value(number) - value) > 1e-9)
		fail_msg("%s is %.12g, not %.12g", key, json_number_value(number), value);
}

static void counts_are(const json_t *call, double requests_total, double errors_total,
		       double requests_per_second, double errors_per_second)
{
	number_is(call, "requests_total", requests_total);
	number_is(call, "errors_total", errors_total);
	number_is(call, "requests_per_second", requests_per_second);
	number_is(call, "errors_per_second", errors_per_second);
}

static void peer_is(const json_t *call, const char *peer)
{
	assert_string_equal(json_string_value(json_object_get(call, "peer")), peer);
	assert_string_equal(json_string_value(json_object_get(call, "protocol")), "http");
}

static void nothing_yet(void **state)
{
	(void)state;
	ask();
	window_is(0);
	seconds_pass(5);
	ask();
	window_is(5);
	assert_int_equal(json_array_size(json_object_get(doc, "services")), 0);
}

static void statuses_are_added_up(void **state)
{
	json_t *s;

	(void)state;
	request("web", "inbound", "200", NULL, 90);
	request("web", "inbound", "404", NULL, 4);
	request("web", "inbound", "503", NULL, 6);
	request("web", "outbound", "5xx", "db", 3);
	request("web", "outbound", "error", "db", 2);
	request("web", "outbound", "ok", "db", 5);
	request("web", "outbound", "ok", "10.0.0.1:53", 1);
	request("app", "outbound", "50", "db", 1); /* no status of HTTP */
	request("app", "outbound", "200", NULL, 1);
	seconds_pass(5);
	ask();
	s = service(0, "app", 0, 2);
	assert_true(json_is_null(json_object_get(call(s, "calls", 0), "peer")));
	peer_is(call(s, "calls", 1), "db");
	counts_are(call(s, "calls", 1), 1, 0, 0.2, 0);
	s = service(1, "web", 1, 2);
	counts_are(call(s, "requests", 0), 100, 6, 20, 1.2);
	assert_null(json_object_get(call(s, "requests", 0), "peer"));
	peer_is(call(s, "calls", 0), "10.0.0.1:53");
	counts_are(call(s, "calls", 0), 1, 0, 0.2, 0);
	peer_is(call(s, "calls", 1), "db");
	counts_are(call(s, "calls", 1), 10, 5, 2, 1);
}

/* Whoever is gone by now has called all the same, and totals only grow. */
static void calls_stay(void **state)
{
	(void)state;
	request("curl", "outbound", "200", "web", 60);
	seconds_pass(5);
	for (unsigned s = 5; s <= 120; s += 5) {
		const json_t *c;

		ask();
		window_is(s < 60 ? s : 60);
		c = call(service(0, "curl", 0, 1), "calls", 0);
		counts_are(c, 60, 0, s <= 60 ? 60.0 / s : 0, 0);
		assert_true(json_is_number(json_object_get(c, "p99_seconds")) == (s <= 60));
		seconds_pass(5);
	}
	request("curl", "outbound", "503", "web", 61);
	registry.now_ns += NS_PER_SEC;
	ask();
	window_is(61);
	counts_are(call(service(0, "curl", 0, 1), "calls", 0), 121, 61, 1, 1);
}

static void durations_may_be_missing(void **state)
{
	(void)state;
	*family_series(requests, (const char *[SERIES_LABELS]){ "a", "inbound", "http", "200" })
		 ->value = 1;
	request("b", "inbound", "200", NULL, 1);
	seconds_pass(5);
	ask();
	assert_true(json_is_null(
		json_object_get(call(service(0, "a", 1, 0), "requests", 0), "p50_seconds")));
	assert_true(json_is_number(
		json_object_get(call(service(1, "b", 1, 0), "requests", 0), "p50_seconds")));
}

/* The family may not run. */
static void requests_may_be_off(void **state)
{
	const struct expo_params params = { param, NULL };
	struct registry none = { .now_ns = 1 };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(expo_services(&none, history, &params, &out), 200);
	assert_false(out.failed);
	buf_release(&out);
}

/* What was asked then, and is asked again later. */
static void window_may_be_past(void **state)
{
	json_t *then;

	(void)state;
	request("web", "inbound", "200", NULL, 30);
	seconds_pass(10);
	window = "10s";
	ask();
	window_is(10);
	counts_are(call(service(0, "web", 1, 0), "requests", 0), 30, 0, 3, 0);
	then = json_deep_copy(call(service(0, "web", 1, 0), "requests", 0));
	request("web", "inbound", "500", NULL, 100);
	request("late", "inbound", "200", NULL, 1);
	seconds_pass(20);
	ago = "20s";
	ask();
	assert_int_equal(json_array_size(json_object_get(doc, "services")), 1);
	for (int i = 0; i < 2; i++) {
		static const char *const keys[] = { "p99_seconds", "requests_per_second" };

		number_is(call(service(0, "web", 1, 0), "requests", 0), keys[i],
			  json_number_value(json_object_get(then, keys[i])));
	}
	json_decref(then);
	window = ago = NULL;
}

static void wrong_windows_are_refused(void **state)
{
	const struct expo_params params = { param, NULL };
	struct buf out = { 0 };

	(void)state;
	ago = "soon";
	assert_int_equal(expo_services(&registry, history, &params, &out), 400);
	ago = "10h";
	assert_int_equal(expo_services(&registry, history, &params, &out), 404);
	ago = NULL;
	buf_release(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

static const struct CMUnitTest tests[] = {
	TEST(nothing_yet),
	TEST(statuses_are_added_up),
	TEST(calls_stay),
	TEST(durations_may_be_missing),
	TEST(requests_may_be_off),
	TEST(window_may_be_past),
	TEST(wrong_windows_are_refused),
};

int main(void)
{
	return cmocka_run_group_tests_name("services", tests, NULL, NULL);
}
