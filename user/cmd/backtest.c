// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/backtest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/ask.h"
#include "cmd/cmd.h"
#include "cmd/configure.h"
#include "event/filter.h"
#include "event/reader.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "rule/backtest.h"
#include "rule/check.h"

#define NS_PER_SEC 1000000000ULL
#define SLICE_NS   (20 * NS_PER_MS) /* of the daemon's time for an answer */
#define PATH	   "/api/v1/rules/test"

/* --- the daemon */

void backtest_end(struct backtest_session *t)
{
	backtest_free(t->run);
	conf_free(t->conf);
	*t = (struct backtest_session){ 0 };
}

static int begin(struct backtest_session *t, struct agent *a, const char *id, const char *file,
		 u64 since_ns, struct buf *error)
{
	u64 now_ns = clock_now_ns();
	int err;

	backtest_end(t);
	err = configure_in_time(&t->conf, file, NULL, error);
	if (configure_unseen(err))
		buf_str(error, "; " CONFIGURE_UNSEEN);
	err = err ?: rules_check(t->conf, error);
	if (!err && !t->conf->rule_cnt) {
		buf_printf(error, "%s: has no rules", file);
		err = -EINVAL;
	}
	if (!err) {
		t->run = backtest_new(&a->registry, a->history,
				      (const struct rule_conf *const *)t->conf->rules,
				      t->conf->rule_cnt,
				      since_ns && since_ns < now_ns ? now_ns - since_ns : 0);
		err = t->run ? 0 : -ENOMEM;
	}
	if (err)
		backtest_end(t);
	else
		snprintf(t->id, sizeof(t->id), "%s", id);
	return err;
}

static json_t *seconds_ago(u64 now_ns, u64 then_ns)
{
	return json_real((double)(s64)(now_ns - then_ns) / NS_PER_SEC);
}

static json_t *firings_json(const struct backtest_rule *r, u64 now_ns)
{
	json_t *list = json_array();

	for (u32 i = 0; i < r->firing_cnt; i++) {
		const struct backtest_firing *f = &r->firings[i];

		json_array_append_new(list,
				      json_pack("{s:o, s:o*, s:s}", "began_seconds_ago",
						seconds_ago(now_ns, f->begin_ns),
						"ended_seconds_ago",
						f->end_ns ? seconds_ago(now_ns, f->end_ns) : NULL,
						"summary", f->summary));
	}
	return list;
}

static json_t *result_json(const struct backtest *b, bool done)
{
	json_t *rules = json_array(), *parts = json_array();
	u64 now_ns = clock_now_ns();
	struct backtest_result result;

	backtest_result(b, &result);
	for (unsigned i = 0; i < result.part_cnt; i++)
		json_array_append_new(parts,
				      json_pack("{s:o, s:f}", "began_seconds_ago",
						seconds_ago(now_ns, result.parts[i].begin_ns),
						"step_seconds",
						(double)result.parts[i].step_ns / NS_PER_SEC));
	for (unsigned i = 0; done && i < result.rule_cnt; i++) {
		const struct backtest_rule *r = &result.rules[i];

		json_array_append_new(rules,
				      json_pack("{s:s, s:s, s:b, s:b, s:o, s:I, s:f, s:s?}", "rule",
						r->rule->alert, "severity",
						rule_severities[r->rule->severity], "cause",
						r->rule->cause, "enabled", !r->rule->off, "firings",
						firings_json(r, now_ns), "omitted_total",
						(json_int_t)r->omitted_cnt, "unknown_ratio",
						r->evaluated_cnt ? (double)r->unknown_cnt /
									   (double)r->evaluated_cnt
								 : 0.0,
						"unknown_why", r->unknown_cnt ? r->why : NULL));
	}
	return json_pack("{s:b, s:o, s:o, s:o, s:o}", "done", done, "began_seconds_ago",
			 seconds_ago(now_ns, result.begin_ns), "reached_seconds_ago",
			 seconds_ago(now_ns, result.end_ns), "steps", parts, "rules", rules);
}

int backtest_serve(struct backtest_session *t, struct agent *a, const char *id, const char *file,
		   u64 since_ns, json_t **ret, struct buf *error)
{
	int err = t->run && !strcmp(t->id, id) ? 0 : begin(t, a, id, file, since_ns, error);

	if (err)
		return err;
	err = backtest_run(t->run, SLICE_NS);
	if (err >= 0)
		*ret = result_json(t->run, !err);
	if (err <= 0)
		backtest_end(t);
	return err < 0 ? err : 0;
}

/* --- the command */

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void time_print(double seconds_ago)
{
	time_t then = time(NULL) - (time_t)seconds_ago;
	char text[64];
	struct tm tm;

	if (localtime_r(&then, &tm) && strftime(text, sizeof(text), "%F %T", &tm))
		fputs(text, stdout);
}

static void span_print(double seconds)
{
	if (seconds < 120)
		printf("%.0f s", seconds);
	else if (seconds < 2 * 3600)
		printf("%.0f min", seconds / 60);
	else
		printf("%.1f h", seconds / 3600);
}

static json_t *rule_find(const json_t *rules, const char *name)
{
	json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule)
	{
		const char *its = json_string_value(json_object_get(rule, "rule"));

		if (name && its && !strcmp(its, name))
			return rule;
	}
	return NULL;
}

static bool begins_to_fire(const json_t *event)
{
	const char *state = json_string_value(json_object_get(event, "state")),
		   *before = json_string_value(json_object_get(event, "before"));

	return state && before && !strcmp(state, "firing") && strcmp(before, "firing") != 0;
}

/* How often rules of these names did fire, as far as the event log tells, which outlives the daemon. */
static void fired_add(const char *file, double seconds, json_t *rules)
{
	const struct event_filter filter = {
		.kinds = 1U << EVENT_ALERT,
		.since_ns = (s64)(((double)time(NULL) - seconds) * NS_PER_SEC),
	};
	struct event_reader *r = file ? event_reader_open(file) : NULL;
	const char *line;
	size_t len, i;
	json_t *rule;
	bool bad;

	if (!r)
		return;
	json_array_foreach(rules, i, rule)
		json_object_set_new(rule, "fired_total", json_integer(0));
	while (event_reader_next(r, &line, &len) > 0) {
		json_t *event = event_filter_line(&filter, line, len, &bad), *count;

		rule = rule_find(rules, json_string_value(json_object_get(event, "alert")));
		count = json_object_get(rule, "fired_total");
		if (count && begins_to_fire(event))
			json_integer_set(count, json_integer_value(count) + 1);
		json_decref(event);
	}
	event_reader_free(r);
}

static void rule_print(const json_t *rule)
{
	const json_t *firings = json_object_get(rule, "firings"), *firing, *ended;
	size_t cnt = json_array_size(firings) + (size_t)number(rule, "omitted_total"), i;
	const json_t *fired = json_object_get(rule, "fired_total");
	double unknown = number(rule, "unknown_ratio");
	const char *why = json_string_value(json_object_get(rule, "unknown_why"));

	printf("%s: would %shave fired", json_string_value(json_object_get(rule, "rule")),
	       cnt ? "" : "not ");
	if (cnt)
		printf(" %zu time%s", cnt, cnt == 1 ? "" : "s");
	if (unknown > 0)
		printf("; unknown for %s%.0f %% of the time%s%s",
		       unknown < 0.01 ? "less than " : "", unknown < 0.01 ? 1 : 100 * unknown,
		       why ? ": " : "", why ?: "");
	if (json_integer_value(fired))
		printf("; a rule of this name did, %lld times",
		       (long long)json_integer_value(fired));
	putchar('\n');
	json_array_foreach(firings, i, firing)
	{
		ended = json_object_get(firing, "ended_seconds_ago");
		fputs("  ", stdout);
		time_print(number(firing, "began_seconds_ago"));
		fputs(ended ? "  for " : "  until now, for ", stdout);
		span_print(number(firing, "began_seconds_ago") -
			   (ended ? json_number_value(ended) : 0));
		printf("  %s\n", json_string_value(json_object_get(firing, "summary")));
	}
}

static void result_print(const json_t *result)
{
	const json_t *steps = json_object_get(result, "steps"), *rule, *step;
	const char *between = " ";
	size_t i;

	fputs("From ", stdout);
	time_print(number(result, "began_seconds_ago"));
	fputs(" to ", stdout);
	time_print(number(result, "reached_seconds_ago"));
	fputs(". What is shorter than a step is not seen:", stdout);
	json_array_foreach(steps, i, step)
	{
		fputs(between, stdout);
		between = ", ";
		span_print(number(step, "step_seconds"));
		fputs(" from ", stdout);
		time_print(number(step, "began_seconds_ago"));
		fputs(" on", stdout);
	}
	puts(".\nServices that are gone are not looked at. Baselines were learned from this time "
	     "alone.\n");
	json_array_foreach(json_object_get(result, "rules"), i, rule) rule_print(rule);
}

static void path_make(struct buf *path, const char *file, u64 since_ns)
{
	char id[32], since[32], *real = realpath(file, NULL);

	snprintf(id, sizeof(id), "%d-%" PRIu64, (int)getpid(), (uint64_t)clock_now_ns());
	snprintf(since, sizeof(since), "%" PRIu64, (uint64_t)(since_ns / NS_PER_SEC));
	buf_str(path, PATH "?");
	query_add(path, "id", id);
	query_add(path, "since_seconds", since);
	query_add(path, "file", real ?: file);
	free(real);
}

int backtest_ask(const struct agent *a, const char *file, u64 since_ns, bool json)
{
	json_t *answer = NULL;
	struct buf path = { 0 };
	bool done = false;
	int status = EXIT_OK;

	path_make(&path, file, since_ns);
	while (!status && !done) {
		json_decref(answer);
		answer = NULL;
		status = ask_daemon(a->socket, buf_cstr(&path), &answer);
		if (!status && !answer) {
			log_printf(
				SEISMO_LOG_ERR,
				"no daemon runs at %s, whose history the rules could be tested on; start it (systemctl start seismo)",
				a->socket);
			status = EXIT_UNSUPPORTED;
		}
		done = json_is_true(json_object_get(answer, "done"));
	}
	if (!status) {
		double seconds = number(answer, "began_seconds_ago");

		if (since_ns > seconds * NS_PER_SEC)
			seconds = (double)since_ns / NS_PER_SEC;
		fired_add(a->conf->events.file, seconds, json_object_get(answer, "rules"));
	}
	if (!status && json && !json_dumpf(answer, stdout, JSON_INDENT(2)))
		putchar('\n');
	else if (!status && !json)
		result_print(answer);
	json_decref(answer);
	buf_release(&path);
	return status;
}
