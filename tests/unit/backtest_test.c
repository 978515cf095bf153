// SPDX-License-Identifier: BSD-3-Clause
/* Back-tests: what they say of the last minutes is what the engine said, and of hours ago what can still be seen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/backtest.h"
#include "rule/engine.h"

#define NS_PER_SEC 1000000000ULL
#define TICK_NS	   (5 * NS_PER_SEC)
#define MINUTE	   12 /* ticks */
#define SERVICES   8
#define FIRINGS	   2000

static const struct metric rows[] = {
	{ "test_events_total", METRIC_COUNTER, .labels = { { "service" } } },
	{ "test_open", METRIC_GAUGE, .labels = { { "service" } } },
	{ .name = NULL },
};
static struct rule_pair no_pairs[1];

/* What the engine has said. */
struct said {
	const struct rule_conf *rule;
	u64 fingerprint, begin_ns, end_ns;
};

struct world {
	struct registry registry;
	struct family *events, *open;
	struct history *history;
	struct engine *engine;
	struct rule_conf rules[3];
	const struct rule_conf *list[3];
	struct said said[FIRINGS];
	unsigned said_cnt;
	unsigned level[SERVICES];
};

static void changed(void *ctx, const struct alert *a, enum alert_state before)
{
	struct world *w = ctx;

	if (a->state == ALERT_FIRING && before != ALERT_FIRING) {
		assert_true(w->said_cnt < FIRINGS);
		w->said[w->said_cnt++] =
			(struct said){ a->rule, a->fingerprint, w->registry.now_ns, 0 };
	} else if (before == ALERT_FIRING && a->state != ALERT_FIRING) {
		for (unsigned i = w->said_cnt; i > 0; i--)
			if (w->said[i - 1].fingerprint == a->fingerprint &&
			    !w->said[i - 1].end_ns) {
				w->said[i - 1].end_ns = w->registry.now_ns;
				break;
			}
	}
}

static struct rule_conf rule_of(char *name, char *metric, enum rule_value value, double threshold)
{
	return (struct rule_conf){ .alert = name,
				   .term = { .metric = metric, .where = no_pairs },
				   .by = { "service" },
				   .by_cnt = 1,
				   .value = value,
				   .condition = RULE_ABOVE,
				   .threshold = threshold,
				   .window_ns = 2 * TICK_NS,
				   .severity = RULE_PAGE };
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct engine_hooks hooks = { .changed = changed, .ctx = w };

	w->registry.now_ns = 1000 * NS_PER_SEC;
	w->events = registry_add(&w->registry, &rows[0]);
	w->open = registry_add(&w->registry, &rows[1]);
	w->history = history_new(&w->registry, w->registry.now_ns, 16 << 20);
	w->engine = engine_new(&w->registry, w->history, NULL, &hooks);
	w->rules[0] = rule_of("Rate", "test_events_total", RULE_RATE, 10);
	w->rules[1] = rule_of("Open", "test_open", RULE_MAX, 10);
	w->rules[2] = rule_of("Never", "test_open", RULE_MAX, 1000);
	w->rules[0].for_ns = 3 * TICK_NS;
	w->rules[0].keep_firing_for_ns = 2 * TICK_NS;
	for (int i = 0; i < 3; i++)
		w->list[i] = &w->rules[i];
	assert_int_equal(engine_configure(w->engine, w->list, 3, TICK_NS, 0), 0);
	return w;
}

static void world_free(struct world *w)
{
	engine_free(w->engine);
	history_free(w->history);
	registry_release(&w->registry);
	free(w);
}

/* `level` events a second, and as many open. */
static void set(struct world *w, unsigned service, unsigned level)
{
	char name[16];
	const char *labels[SERIES_LABELS] = { name };

	snprintf(name, sizeof(name), "s%u", service);
	*family_series(w->events, labels)->value += level * 5;
	*family_series(w->open, labels)->value = level;
}

static void tick(struct world *w)
{
	w->registry.now_ns += TICK_NS;
	assert_int_equal(history_tick(w->history, 0), 0);
	for (int i = 0; i < 3; i++)
		history_tidy(w->history);
	while (engine_evaluate(w->engine, w->registry.now_ns, (s64)w->registry.now_ns, UINT64_MAX))
		;
}

static void quiet(struct world *w, unsigned ticks, unsigned level)
{
	while (ticks--) {
		set(w, 0, level);
		tick(w);
	}
}

static const struct backtest_rule *finish(struct backtest *b, struct backtest_result *result)
{
	int ret;

	while ((ret = backtest_run(b, UINT64_MAX / 2)) > 0)
		;
	assert_int_equal(ret, 0);
	backtest_result(b, result);
	return result->rules;
}

static void firings_check(const struct world *w, const struct backtest_rule *r)
{
	unsigned found = 0;

	for (unsigned i = 0; i < w->said_cnt; i++) {
		const struct said *s = &w->said[i];

		if (s->rule != r->rule)
			continue;
		assert_true(found < r->firing_cnt);
		/* in the order of their begin; of those that begin at once in any */
		for (u32 n = 0; n < r->firing_cnt; n++)
			if (r->firings[n].fingerprint == s->fingerprint &&
			    r->firings[n].begin_ns == s->begin_ns) {
				assert_int_equal(r->firings[n].end_ns, s->end_ns);
				assert_true(r->firings[n].summary && *r->firings[n].summary);
				found++;
			}
	}
	assert_int_equal(found, r->firing_cnt);
}

static void the_last_minutes_are_as_they_were(void **state)
{
	struct world *w = world_new();
	struct backtest_result result;
	struct backtest *b;

	(void)state;
	srandom(3);
	for (unsigned t = 0; t < 14 * MINUTE; t++) {
		for (unsigned s = 0; s < SERVICES; s++) {
			if (random() % 6 == 0)
				w->level[s] = (unsigned)random() % 20;
			set(w, s, w->level[s]);
		}
		tick(w);
	}
	assert_true(w->said_cnt > 50);
	b = backtest_new(&w->registry, w->history, w->list, 3, 0);
	for (int i = 0; i < 3; i++)
		firings_check(w, finish(b, &result) + i);
	assert_int_equal(result.rules[2].firing_cnt, 0);
	assert_int_equal(result.part_cnt, 1);
	assert_int_equal(result.parts[0].step_ns, TICK_NS);
	assert_int_equal(result.parts[0].begin_ns, result.begin_ns);
	assert_int_equal(result.begin_ns, 1000 * NS_PER_SEC);
	assert_int_equal(result.end_ns, w->registry.now_ns);
	backtest_free(b);
	world_free(w);
}

/* In slices, while the history goes on: nothing is seen twice, and what comes meanwhile as well. */
static void it_goes_on_while_time_does(void **state)
{
	struct world *w = world_new();
	struct backtest_result result;
	struct backtest *b;
	int ret = 1;

	(void)state;
	quiet(w, 2 * MINUTE, 1);
	quiet(w, 2 * MINUTE, 15);
	quiet(w, 2 * MINUTE, 1);
	b = backtest_new(&w->registry, w->history, w->list, 3, 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(ret = backtest_run(b, 0), 1);
		quiet(w, 1, i < 10 ? 1 : 15);
	}
	finish(b, &result);
	assert_int_equal(result.rules[0].firing_cnt, 2);
	assert_int_equal(result.rules[1].firing_cnt, 2);
	firings_check(w, &result.rules[0]);
	firings_check(w, &result.rules[1]);
	assert_int_equal(result.rules[1].firings[1].end_ns, 0);
	backtest_free(b);
	world_free(w);
}

/* What took long is seen hours later, what was short is not; and it is said from when on steps are how long. */
static void hours_ago_are_coarse(void **state)
{
	struct world *w = world_new();
	struct backtest_result result;
	const struct backtest_rule *rate;
	struct backtest *b;
	u64 long_ns;

	(void)state;
	quiet(w, 60 * MINUTE, 1);
	long_ns = w->registry.now_ns;
	quiet(w, 30 * MINUTE, 15);
	quiet(w, 60 * MINUTE, 1);
	quiet(w, 6, 15); /* half a minute */
	quiet(w, 120 * MINUTE, 1);
	quiet(w, 2 * MINUTE, 15);
	quiet(w, MINUTE, 1);
	assert_int_equal(w->said_cnt, 6);
	b = backtest_new(&w->registry, w->history, w->list, 3, 0);
	rate = finish(b, &result);
	assert_int_equal(rate->firing_cnt, 2);
	assert_true(rate->firings[0].begin_ns > long_ns &&
		    rate->firings[0].begin_ns <= long_ns + 15 * MINUTE * TICK_NS);
	assert_true(rate->firings[0].end_ns > rate->firings[0].begin_ns);
	assert_true(result.part_cnt >= 3);
	for (unsigned i = 1; i < result.part_cnt; i++)
		assert_true(result.parts[i].begin_ns > result.parts[i - 1].begin_ns);
	assert_true(result.parts[0].step_ns > 4 * 60 * NS_PER_SEC);
	assert_int_equal(result.parts[result.part_cnt - 1].step_ns, TICK_NS);
	backtest_free(b);

	/* since then */
	b = backtest_new(&w->registry, w->history, w->list, 3,
			 w->registry.now_ns - 10 * MINUTE * TICK_NS);
	rate = finish(b, &result);
	assert_int_equal(rate->firing_cnt, 1);
	assert_true(result.begin_ns >= w->registry.now_ns - 11 * MINUTE * TICK_NS);
	backtest_free(b);
	world_free(w);
}

/* The daemon's own engine does not notice. */
static void nobody_else_is_touched(void **state)
{
	struct world *w = world_new();
	struct backtest_result result;
	struct history_stats before, after;
	struct backtest *b;

	(void)state;
	quiet(w, 4 * MINUTE, 15);
	history_stats(w->history, &before);
	b = backtest_new(&w->registry, w->history, w->list, 3, 0);
	finish(b, &result);
	history_stats(w->history, &after);
	assert_int_equal(before.bytes, after.bytes);
	assert_int_equal(before.columns, after.columns);
	assert_int_equal(before.begin_ns, after.begin_ns);
	assert_int_equal(before.end_ns, after.end_ns);
	backtest_free(b);
	assert_int_equal(w->said_cnt, 2);
	quiet(w, MINUTE, 15);
	assert_int_equal(w->said_cnt, 2);
	quiet(w, MINUTE, 1);
	assert_int_not_equal(w->said[0].end_ns, 0);
	assert_int_not_equal(w->said[1].end_ns, 0);
	world_free(w);
}

/* There is nothing to look at yet. */
static void no_time_has_passed(void **state)
{
	struct world *w = world_new();
	struct backtest_result result;
	struct backtest *b = backtest_new(&w->registry, w->history, w->list, 3, 0);

	(void)state;
	finish(b, &result);
	assert_int_equal(result.begin_ns, result.end_ns);
	assert_int_equal(result.part_cnt, 0);
	backtest_free(b);
	world_free(w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_last_minutes_are_as_they_were),
	cmocka_unit_test(it_goes_on_while_time_does),
	cmocka_unit_test(hours_ago_are_coarse),
	cmocka_unit_test(nobody_else_is_touched),
	cmocka_unit_test(no_time_has_passed),
};

int main(void)
{
	return cmocka_run_group_tests_name("backtest", tests, NULL, NULL);
}
