// SPDX-License-Identifier: BSD-3-Clause
/* Questions as clients ask them, and the numbers that they get. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expo/query.h"
#include "metric/hist.h"
#include "metric/query.h"

#define NS_PER_SEC 1000000000ULL
#define GROUPS_MAX 1000 /* that are answered */
#define TICK_NS	   (5 * NS_PER_SEC)

enum { REQUESTS, DURATION, MEMORY, CPU, BYTES, HIDDEN, FAMILIES };

static const struct metric rows[FAMILIES] = {
	[REQUESTS] = { .name = "seismo_requests_total",
		       .service = true,
		       .labels = { { "direction" }, { "peer" } } },
	[DURATION] = { .name = "seismo_request_duration_seconds",
		       .kind = METRIC_HISTOGRAM,
		       .unit = UNIT_SECONDS,
		       .service = true },
	[MEMORY] = { .name = "seismo_memory_resident_bytes",
		     .kind = METRIC_GAUGE,
		     .unit = UNIT_BYTES,
		     .service = true },
	[CPU] = { .name = "seismo_cpu_seconds_total", .unit = UNIT_SECONDS, .service = true },
	[BYTES] = { .name = "seismo_tcp_bytes_total", .unit = UNIT_BYTES, .service = true },
	[HIDDEN] = { .name = "seismo_calls_total", .service = true, .hidden = true },
};

struct world {
	struct registry registry;
	struct history *history;
	struct family *families[FAMILIES];
};

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->registry.now_ns = TICK_NS;
	for (int i = 0; i < FAMILIES; i++)
		w->families[i] = registry_add(&w->registry, &rows[i]);
	w->history = history_new(&w->registry, TICK_NS, 16 << 20);
	return w;
}

static void world_free(struct world *w)
{
	history_free(w->history);
	registry_release(&w->registry);
	free(w);
}

static struct series *get(struct world *w, int family, const char *service, const char *direction,
			  const char *peer)
{
	return family_series(w->families[family],
			     (const char *[SERIES_LABELS]){ service, direction, peer });
}

static void tick(struct world *w)
{
	w->registry.now_ns += TICK_NS;
	assert_int_equal(history_tick(w->history, 0), 0);
}

/* Parameters as in an URL, but decoded: a=b&c=d. */
static const char *param(void *ctx, const char *key)
{
	static char value[8][256];
	static unsigned turn;
	const char *text = ctx, *end;
	size_t len = strlen(key);

	for (; text; text = *end ? end + 1 : NULL) {
		end = strchrnul(text, '&');
		if (strncmp(text, key, len) || text[len] != '=')
			continue;
		turn = (turn + 1) % 8;
		snprintf(value[turn], sizeof(value[turn]), "%.*s", (int)(end - text - len - 1),
			 text + len + 1);
		return value[turn];
	}
	return NULL;
}

static json_t *ask(const struct world *w, const char *question, unsigned status)
{
	const struct expo_params params = { param, (void *)question };
	struct buf out = { 0 };
	json_error_t error;
	json_t *doc;
	unsigned got = expo_query(&w->registry, w->history, w->registry.now_ns + NS_PER_SEC,
				  &params, &out);

	if (got != status)
		fail_msg("%s: status %u, not %u: %.*s", question, got, status, (int)out.len,
			 out.data);
	assert_false(out.failed);
	doc = json_loadb(out.data, out.len, 0, &error);
	assert_non_null(doc);
	buf_release(&out);
	return doc;
}

static double number(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);

	if (!json_is_number(value))
		fail_msg("no number %s", key);
	return json_number_value(value);
}

static void number_is(const json_t *o, const char *key, double expected)
{
	if (fabs(number(o, key) - expected) > 1e-9 * fabs(expected))
		fail_msg("%s is %.12g, not %.12g", key, number(o, key), expected);
}

static const json_t *group(const json_t *doc, size_t i)
{
	const json_t *groups = json_object_get(doc, "groups");

	assert_true(i < json_array_size(groups));
	return json_array_get(groups, i);
}

static void label_is(const json_t *group, const char *name, const char *value)
{
	const json_t *labels = json_object_get(group, "labels");

	assert_string_equal(json_string_value(json_object_get(labels, name)), value);
}

static void groups_are(const json_t *doc, size_t cnt)
{
	assert_int_equal(json_array_size(json_object_get(doc, "groups")), cnt);
}

/* Two ticks: what was before the window does not count. */
static struct world *requests(void)
{
	struct world *w = world_new();

	*get(w, REQUESTS, "nginx", "inbound", NULL)->value = 1000;
	*get(w, REQUESTS, "nginx", "outbound", "db")->value = 1000;
	tick(w);
	*get(w, REQUESTS, "nginx", "inbound", NULL)->value += 50;
	*get(w, REQUESTS, "nginx", "outbound", "db")->value += 20;
	*get(w, REQUESTS, "nginx", "outbound", "a,\"b\\")->value += 5;
	*get(w, REQUESTS, "app", "outbound", "db")->value += 10;
	tick(w);
	return w;
}

static void counters_are_added_up(void **state)
{
	struct world *w = requests();
	json_t *doc = ask(w, "metric=seismo_requests_total&window=5s", 200);

	(void)state;
	groups_are(doc, 1);
	number_is(doc, "window_seconds", 5);
	number_is(doc, "requested_window_seconds", 5);
	number_is(doc, "age_seconds", 1);
	number_is(group(doc, 0), "count_total", 85);
	number_is(group(doc, 0), "rate_per_second", 17);
	number_is(group(doc, 0), "series_total", 4);
	number_is(group(doc, 0), "coverage_ratio", 1);
	json_decref(doc);

	doc = ask(w, "metric=seismo_requests_total&window=5s&by=service,direction", 200);
	groups_are(doc, 3);
	label_is(group(doc, 0), "service", "app");
	label_is(group(doc, 2), "service", "nginx");
	label_is(group(doc, 2), "direction", "outbound");
	number_is(group(doc, 0), "count_total", 10);
	number_is(group(doc, 1), "count_total", 50);
	number_is(group(doc, 2), "count_total", 25);
	json_decref(doc);

	doc = ask(w, "metric=seismo_requests_total&window=1m", 200);
	number_is(doc, "window_seconds", 10);
	number_is(doc, "requested_window_seconds", 60);
	number_is(group(doc, 0), "count_total", 2085);
	number_is(group(doc, 0), "rate_per_second", 208.5);
	number_is(group(doc, 0), "coverage_ratio", 10.0 / 60);
	assert_string_equal(json_string_value(
				    json_array_get(json_object_get(group(doc, 0), "missing"), 0)),
			    "before_start");
	json_decref(doc);
	world_free(w);
}

static void count_where(const struct world *w, const char *where, double cnt)
{
	char question[256];
	json_t *doc;

	snprintf(question, sizeof(question),
		 "metric=seismo_requests_total&window=5s&by=direction&where=%s", where);
	doc = ask(w, question, 200);
	if (!json_array_size(json_object_get(doc, "groups")))
		assert_true(cnt == 0);
	else
		number_is(group(doc, 0), "count_total", cnt);
	json_decref(doc);
}

static void series_are_chosen(void **state)
{
	struct world *w = requests();

	(void)state;
	count_where(w, "service=app", 10);
	count_where(w, "service=nginx,direction=outbound", 25);
	count_where(w, "direction=outbound,service=nginx,peer=db", 20);
	count_where(w, "peer=", 50);
	count_where(w, "peer=\"a,\\\"b\\\\\"", 5);
	count_where(w, "service=\"nginx\",peer=\"db\"", 20);
	count_where(w, "service=nobody", 0);
	count_where(w, "service=db", 0); /* a peer of this name, but no service */
	count_where(w, "service=nginx,service=nginx,peer=db", 20);
	count_where(w, "service=nginx,service=app", 0);
	count_where(w, "service=nobody,service=app", 0);
	world_free(w);
}

/* The increase of what the patterns choose, in the window of whole ticks. */
static u64 count_matching(const struct world *w, const struct query_match *where, size_t cnt)
{
	const struct query q = { .family = w->families[REQUESTS],
				 .window_ns = TICK_NS,
				 .where = where,
				 .where_cnt = cnt,
				 .groups_max = GROUPS_MAX,
				 .ticks = true };
	struct query_result r;
	u64 ret = 0;

	assert_int_equal(query_run(&q, w->history, &r), 0);
	assert_true(r.group_cnt <= 1);
	if (r.group_cnt)
		ret = r.groups[0]->delta;
	query_release(&r);
	return ret;
}

static void series_are_chosen_by_patterns(void **state)
{
	const struct query_match all = { 1, "*bound", true }, services = { 0, "ap*|x", true },
				 others = { 0, "!app|x", true }, peer = { 2, "?*", true },
				 none = { 2, "", true };
	const struct query_match several[] = { others, peer };
	struct world *w = requests();

	(void)state;
	/* what has not ended with a tick does not count */
	*get(w, REQUESTS, "app", "outbound", "db")->value += 1000;
	w->registry.now_ns += 1;
	assert_int_equal(count_matching(w, &all, 1), 85);
	assert_int_equal(count_matching(w, &services, 1), 10);
	assert_int_equal(count_matching(w, &others, 1), 75);
	assert_int_equal(count_matching(w, several, 2), 25);
	assert_int_equal(count_matching(w, &none, 1), 50);
	world_free(w);
}

static void groups_are_found_in_other_results(void **state)
{
	const struct query_match db = { 2, "db", false };
	const struct query q = { .family = NULL,
				 .window_ns = TICK_NS,
				 .by = { 1, QUERY_ABSENT, 0 },
				 .by_cnt = 3,
				 .groups_max = GROUPS_MAX,
				 .ticks = true,
				 .unsorted = true };
	struct world *w = requests();
	struct query all = q, to_db = q;
	struct query_result r, of;
	u32 found = 0;

	(void)state;
	all.family = to_db.family = w->families[REQUESTS];
	to_db.where = &db;
	to_db.where_cnt = 1;
	assert_int_equal(query_run(&all, w->history, &of), 0);
	assert_int_equal(query_run(&to_db, w->history, &r), 0);
	assert_int_equal(of.group_cnt, 3);
	for (u32 i = 0; i < of.group_cnt; i++) {
		const struct query_group *g = query_find(&r, of.groups[i]->label);

		assert_null(of.groups[i]->label[1]);
		if (!g)
			continue;
		found++;
		assert_int_equal(g->delta, strcmp(g->label[2], "app") ? 20 : 10);
	}
	assert_int_equal(found, 2);
	query_release(&r);
	query_release(&of);
	world_free(w);
}

static void histograms_are_merged(void **state)
{
	struct world *w = world_new();
	struct hist sum = { 0 };
	json_t *doc;

	(void)state;
	srandom(1);
	for (int i = 0; i < 2; i++) {
		struct hist *h = get(w, DURATION, i ? "a" : "b", NULL, NULL)->hist;

		for (int n = 0; n < 500; n++) {
			unsigned bucket = 50 + (unsigned)random() % 60;

			h->bucket[bucket]++;
			sum.bucket[bucket]++;
			h->sum_ns += 1000000;
			sum.sum_ns += 1000000;
		}
	}
	tick(w);
	doc = ask(w, "metric=seismo_request_duration_seconds&window=5s", 200);
	number_is(group(doc, 0), "count_total", 1000);
	number_is(group(doc, 0), "rate_per_second", 200);
	number_is(group(doc, 0), "sum_seconds", 1);
	number_is(group(doc, 0), "mean_seconds", 0.001);
	number_is(group(doc, 0), "p50_seconds", hist_quantile(&sum, 0.5));
	number_is(group(doc, 0), "p90_seconds", hist_quantile(&sum, 0.9));
	number_is(group(doc, 0), "p99_seconds", hist_quantile(&sum, 0.99));
	json_decref(doc);

	tick(w);
	doc = ask(w, "metric=seismo_request_duration_seconds&window=5s&by=service", 200);
	groups_are(doc, 2);
	number_is(group(doc, 1), "count_total", 0);
	assert_true(json_is_null(json_object_get(group(doc, 1), "p99_seconds")));
	assert_true(json_is_null(json_object_get(group(doc, 1), "mean_seconds")));
	json_decref(doc);
	world_free(w);
}

static void gauges_are_looked_back_at(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	*get(w, MEMORY, "a", NULL, NULL)->value = 100;
	tick(w);
	*get(w, MEMORY, "a", NULL, NULL)->value = 700;
	*get(w, MEMORY, "b", NULL, NULL)->value = 10;
	tick(w);
	*get(w, MEMORY, "a", NULL, NULL)->value = 100;
	tick(w);
	doc = ask(w, "metric=seismo_memory_resident_bytes&window=15s&by=service", 200);
	groups_are(doc, 2);
	number_is(group(doc, 0), "last_bytes", 100);
	number_is(group(doc, 0), "mean_bytes", 300);
	number_is(group(doc, 0), "max_bytes", 700);
	number_is(group(doc, 1), "mean_bytes", 10);
	number_is(group(doc, 1), "coverage_ratio", 2.0 / 3);
	json_decref(doc);
	doc = ask(w, "metric=seismo_memory_resident_bytes&window=15s", 200);
	number_is(group(doc, 0), "last_bytes", 110);
	number_is(group(doc, 0), "mean_bytes", 310);
	number_is(group(doc, 0), "max_bytes", 700);
	json_decref(doc);
	world_free(w);
}

static void keys_have_units(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	*get(w, CPU, "a", NULL, NULL)->value = 2500000000;
	*get(w, BYTES, "a", NULL, NULL)->value = 1 << 20;
	tick(w);
	doc = ask(w, "metric=seismo_cpu_seconds_total&window=5s", 200);
	number_is(group(doc, 0), "count_seconds", 2.5);
	number_is(group(doc, 0), "rate_seconds_per_second", 0.5);
	json_decref(doc);
	doc = ask(w, "metric=seismo_tcp_bytes_total&window=5s", 200);
	number_is(group(doc, 0), "count_bytes", 1 << 20);
	number_is(group(doc, 0), "rate_bytes_per_second", (1 << 20) / 5.0);
	json_decref(doc);
	world_free(w);
}

/* As they should not; then nothing is known to have been counted. */
static void counters_may_fall(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	*get(w, BYTES, "a", NULL, NULL)->value = 1000;
	*get(w, BYTES, "b", NULL, NULL)->value = 1000;
	tick(w);
	*get(w, BYTES, "a", NULL, NULL)->value = 900;
	*get(w, BYTES, "b", NULL, NULL)->value = 1005;
	tick(w);
	doc = ask(w, "metric=seismo_tcp_bytes_total&window=5s", 200);
	number_is(group(doc, 0), "count_bytes", 5);
	json_decref(doc);
	world_free(w);
}

static void groups_are_limited(void **state)
{
	struct world *w = world_new();
	json_t *doc;
	char name[32];

	(void)state;
	for (int i = 0; i < GROUPS_MAX + 10; i++) {
		snprintf(name, sizeof(name), "%d", i);
		*get(w, BYTES, name, NULL, NULL)->value = 1;
	}
	tick(w);
	doc = ask(w, "metric=seismo_tcp_bytes_total&by=service", 200);
	groups_are(doc, GROUPS_MAX);
	number_is(doc, "omitted_series_total", 10);
	json_decref(doc);
	doc = ask(w, "metric=seismo_tcp_bytes_total", 200);
	number_is(group(doc, 0), "count_bytes", GROUPS_MAX + 10);
	number_is(doc, "omitted_series_total", 0);
	json_decref(doc);
	world_free(w);
}

static void error_is(const struct world *w, const char *question, unsigned status, const char *text)
{
	json_t *doc = ask(w, question, status);
	const char *error = json_string_value(json_object_get(doc, "error"));

	assert_non_null(error);
	if (!strstr(error, text))
		fail_msg("%s: '%s' is not in: %s", question, text, error);
	json_decref(doc);
}

static void errors_say_what_is_right(void **state)
{
	struct world *w = world_new();

	(void)state;
	error_is(w, "metric=seismo_requests_total", 503, "nothing has been counted");
	tick(w);
	error_is(w, "", 400, "metric=NAME");
	error_is(w, "metric=", 400, "metric=NAME");
	error_is(w, "metric=seismo_request_total", 400,
		 "unknown metric 'seismo_request_total', did you mean 'seismo_requests_total'?");
	error_is(w, "metric=seismo_request_duration_second", 400,
		 "did you mean 'seismo_request_duration_seconds'?");
	error_is(w, "metric=x\xff", 400, "unknown metric 'x\xef\xbf\xbd' (known: seismo_requests_");
	error_is(w, "metric=seismo_requests_total&window=5", 400, "window '5' is no duration");
	error_is(w, "metric=seismo_requests_total&window=0s", 400, "between 1s and 24h");
	error_is(w, "metric=seismo_requests_total&window=25h", 400, "between 1s and 24h");
	error_is(w, "metric=seismo_requests_total&window=99999999999999999999s", 400,
		 "between 1s and 24h");
	error_is(w, "metric=seismo_requests_total&by=servic", 400,
		 "seismo_requests_total has no label 'servic', did you mean 'service'?");
	error_is(w, "metric=seismo_requests_total&by=service,zzz", 400,
		 "(known: service, direction, peer)");
	error_is(w, "metric=seismo_requests_total&where=pier=db", 400, "did you mean 'peer'?");
	error_is(w, "metric=seismo_requests_total&where=peer", 400, "LABEL=VALUE");
	error_is(w, "metric=seismo_requests_total&where=peer=\"db", 400, "LABEL=VALUE");
	error_is(w, "metric=seismo_requests_total&where=peer=\"db\"x", 400, "LABEL=VALUE");
	error_is(w,
		 "metric=seismo_requests_total&where=peer=a,peer=a,peer=a,peer=a,peer=a,peer=a,"
		 "peer=a,peer=a,peer=a,peer=a,peer=a,peer=a,peer=a,peer=a,peer=a,peer=a,peer=a",
		 400, "LABEL=VALUE");
	json_decref(ask(w,
			"metric=seismo_requests_total&by=service,service,direction,peer,peer,"
			"service,direction&where=",
			200));
	json_decref(ask(w, "metric=seismo_calls_total", 200));
	world_free(w);
}

/* A past window is answered as it was when it ended, whatever has come since: other values, and other series. */
static void past_is_as_it_was(void **state)
{
	static const char *const questions[] = {
		"metric=seismo_requests_total&window=20s&by=service,peer",
		"metric=seismo_request_duration_seconds&window=20s&by=service",
		"metric=seismo_memory_resident_bytes&window=20s&by=service",
	};
	enum { TICKS = 12, QUESTIONS = sizeof(questions) / sizeof(*questions) };
	struct world *w = world_new();
	json_t *then[TICKS][QUESTIONS];
	char question[256];

	(void)state;
	for (int t = 0; t < TICKS; t++) {
		const char *peer = t < 5 ? "db" : "late";

		struct hist *h = get(w, DURATION, t % 2 ? "web" : "app", NULL, NULL)->hist;

		*get(w, REQUESTS, "web", "outbound", peer)->value += 7 * t + 1;
		h->bucket[40 + t] += 3;
		h->sum_ns += 1000 * (u64)(t + 1);
		*get(w, MEMORY, t < 8 ? "web" : "late", NULL, NULL)->value = t * t % 11;
		tick(w);
		for (int q = 0; q < QUESTIONS; q++)
			then[t][q] = ask(w, questions[q], 200);
	}
	for (int t = 0; t < TICKS; t++)
		for (int q = 0; q < QUESTIONS; q++) {
			json_t *now;

			snprintf(question, sizeof(question), "%s&ago=%ds", questions[q],
				 5 * (TICKS - 1 - t));
			now = ask(w, question, 200);
			number_is(now, "age_seconds", 5 * (TICKS - 1 - t) + 1);
			number_is(now, "window_seconds", number(then[t][q], "window_seconds"));
			if (!json_equal(json_object_get(now, "groups"),
					json_object_get(then[t][q], "groups")))
				fail_msg("%s is not what it was", question);
			json_decref(now);
			json_decref(then[t][q]);
		}
	world_free(w);
}

static void past_is_refused_before_the_history(void **state)
{
	struct world *w = world_new();
	json_t *doc;

	(void)state;
	*get(w, REQUESTS, "web", NULL, NULL)->value = 3;
	tick(w);
	tick(w);
	error_is(w, "metric=seismo_requests_total&ago=1h", 404, "begins later");
	error_is(w, "metric=seismo_requests_total&ago=later", 400, "is no duration");
	error_is(w, "metric=seismo_requests_total&ago=25h", 400, "more than 24h");
	doc = ask(w, "metric=seismo_requests_total&window=20s&ago=5s", 200);
	number_is(group(doc, 0), "count_total", 3);
	number_is(group(doc, 0), "coverage_ratio", 0.25);
	json_decref(doc);
	world_free(w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(counters_are_added_up),
	cmocka_unit_test(series_are_chosen),
	cmocka_unit_test(series_are_chosen_by_patterns),
	cmocka_unit_test(groups_are_found_in_other_results),
	cmocka_unit_test(histograms_are_merged),
	cmocka_unit_test(gauges_are_looked_back_at),
	cmocka_unit_test(keys_have_units),
	cmocka_unit_test(groups_are_limited),
	cmocka_unit_test(counters_may_fall),
	cmocka_unit_test(errors_say_what_is_right),
	cmocka_unit_test(past_is_as_it_was),
	cmocka_unit_test(past_is_refused_before_the_history),
};

int main(void)
{
	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
