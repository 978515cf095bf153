// SPDX-License-Identifier: BSD-3-Clause
/*
 * Rules over a history that is made here: when alerts fire and resolve, what is unknown, what a restart and a reload leave, and
 * everything against a model of its own on random data.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/alert_json.h"
#include "rule/alerts.h"
#include "rule/baseline.h"
#include "rule/engine.h"
#include "rule/step.h"

#define NS_PER_SEC 1000000000ULL
#define TICK_NS	   (5 * NS_PER_SEC)
#define START_NS   (1000 * NS_PER_SEC)
#define MINUTE	   (60 * NS_PER_SEC)
#define HOUR	   (60 * MINUTE)
#define WALL_NS	   (1700000000 * (s64)NS_PER_SEC)
#define MS	   1000000ULL

enum { REQUESTS, DURATION, OLDEST, BLOCK, BLOCK_OF_SERVICE, FAMILIES };

static const struct metric rows[FAMILIES] = {
	[REQUESTS] = { .name = "seismo_requests_total",
		       .service = true,
		       .labels = { { "status" } } },
	[DURATION] = { .name = "seismo_request_duration_seconds",
		       .kind = METRIC_HISTOGRAM,
		       .unit = UNIT_SECONDS,
		       .service = true },
	[OLDEST] = { .name = "seismo_request_oldest_seconds",
		     .kind = METRIC_GAUGE,
		     .unit = UNIT_SECONDS,
		     .service = true },
	[BLOCK] = { .name = "seismo_block_io_duration_seconds",
		    .kind = METRIC_HISTOGRAM,
		    .unit = UNIT_SECONDS,
		    .labels = { { "device" } } },
	[BLOCK_OF_SERVICE] = { .name = "seismo_service_block_io_duration_seconds",
			       .kind = METRIC_HISTOGRAM,
			       .unit = UNIT_SECONDS,
			       .service = true,
			       .labels = { { "device" } } },
};

#define TOLD_MAX 1024

struct world {
	struct registry registry;
	struct history *history;
	struct family *families[FAMILIES];
	struct baselines *baselines;
	struct engine *engine;
	u64 tick_ns;
	s64 wall_ns;
	/* What the hook was told: "SlowDisk inactive>firing". */
	char told[TOLD_MAX][128];
	unsigned told_cnt, evidence_cnt;
	bool silence; /* everything */
};

static void changed(void *ctx, const struct alert *a, enum alert_state before)
{
	struct world *w = ctx;

	assert_true(w->told_cnt < TOLD_MAX);
	snprintf(w->told[w->told_cnt++], sizeof(w->told[0]), "%s %s>%s %s%s", a->rule->alert,
		 alert_states[before], alert_states[a->state], rule_severities[a->severity],
		 a->unknown ? " unknown" : "");
	if (a->state == ALERT_FIRING)
		assert_non_null(a->evidence);
}

static json_t *evidence(void *ctx, const struct alert *a)
{
	((struct world *)ctx)->evidence_cnt++;
	return json_pack("{s:f, s:s, s:{s:s}}", "value", a->value, "file", "/etc/shadow", "more",
			 "path", "/x");
}

static void mute(void *ctx, struct alert *a)
{
	a->silenced = ((struct world *)ctx)->silence;
}

static void engine_start(struct world *w)
{
	const struct engine_hooks hooks = {
		.evidence = evidence, .changed = changed, .mute = mute, .ctx = w
	};

	w->engine = engine_new(&w->registry, w->history, w->baselines, &hooks);
	assert_non_null(w->engine);
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->tick_ns = TICK_NS;
	w->wall_ns = WALL_NS;
	w->registry.now_ns = START_NS;
	for (int i = 0; i < FAMILIES; i++)
		w->families[i] = registry_add(&w->registry, &rows[i]);
	w->history = history_new(&w->registry, START_NS, 16 << 20);
	w->baselines = baselines_new(1 << 20);
	engine_start(w);
	return w;
}

static void world_free(struct world *w)
{
	engine_free(w->engine);
	baselines_free(w->baselines);
	history_free(w->history);
	registry_release(&w->registry);
	free(w);
}

static void configure(struct world *w, const struct rule_conf *const rules[], size_t cnt)
{
	assert_int_equal(engine_configure(w->engine, rules, cnt, w->tick_ns, w->wall_ns), 0);
}

static void configure_one(struct world *w, const struct rule_conf *rule)
{
	const struct rule_conf *rules[] = { rule };

	configure(w, rules, 1);
}

static struct series *get(struct world *w, int family, const char *a, const char *b)
{
	return family_series(w->families[family], (const char *[SERIES_LABELS]){ a, b });
}

static void count(struct world *w, const char *service, const char *status, s64 cnt)
{
	*get(w, REQUESTS, service, status)->value += cnt;
}

/* Events of 2^(1/8) steps around this time. */
static void took(struct world *w, int family, const char *a, const char *b, u64 ns, u64 cnt)
{
	struct hist *h = get(w, family, a, b)->hist;
	int bucket = (int)ceil((log2((double)ns / 1e9) - HIST_MIN_EXP) * HIST_SUB);

	h->bucket[bucket] += cnt;
	h->sum_ns += cnt * ns;
}

static void evaluate(struct world *w)
{
	while (engine_evaluate(w->engine, w->registry.now_ns, w->wall_ns, UINT64_MAX))
		;
}

static void long_tick(struct world *w, u64 ns, u64 lost)
{
	w->registry.now_ns += ns;
	w->wall_ns += (s64)ns;
	assert_int_equal(history_tick(w->history, lost), 0);
	evaluate(w);
}

static void tick(struct world *w)
{
	long_tick(w, w->tick_ns, 0);
}

struct search {
	const char *rule, *label;
	const struct alert *found;
};

static void search_each(void *ctx, const struct alert *a)
{
	struct search *s = ctx;

	if (!strcmp(a->rule->alert, s->rule) && (!s->label || !strcmp(a->label[0], s->label)))
		s->found = a;
}

static const struct alert *find(const struct world *w, const char *rule, const char *label)
{
	struct search s = { rule, label, NULL };

	engine_each(w->engine, search_each, &s);
	return s.found;
}

static enum alert_state state_of(const struct world *w, const char *rule, const char *label)
{
	const struct alert *a = find(w, rule, label);

	return a ? a->state : ALERT_INACTIVE;
}

#define is_state(w, rule, label, expected) \
	assert_string_equal(alert_states[state_of(w, rule, label)], alert_states[expected])

static bool is_unknown(const struct world *w, const char *rule)
{
	const struct alert *a = find(w, rule, NULL);

	assert_non_null(a);
	return a->unknown;
}

/* --- rules */

static struct rule_pair where_errors[] = { { "status", "error|5*" } };

/* More than one error a second. */
static struct rule_conf errors_rule(void)
{
	return (struct rule_conf){
		.alert = "Errors",
		.term = { "seismo_requests_total", where_errors, 1 },
		.by = { "service" },
		.by_cnt = 1,
		.value = RULE_RATE,
		.threshold = 1,
		.window_ns = 20 * NS_PER_SEC,
		.for_ns = 10 * NS_PER_SEC,
		.keep_firing_for_ns = 15 * NS_PER_SEC,
		.severity = RULE_PAGE,
	};
}

static struct rule_conf slow_rule(void)
{
	return (struct rule_conf){
		.alert = "Slow",
		.term = { "seismo_request_duration_seconds" },
		.by = { "service" },
		.by_cnt = 1,
		.value = RULE_QUANTILE,
		.quantile = 0.9,
		.threshold = 0.1,
		.window_ns = 20 * NS_PER_SEC,
		.min_events = 20,
		.severity = RULE_PAGE,
	};
}

static struct rule_conf burn_rule(void)
{
	return (struct rule_conf){
		.alert = "Burn",
		.term = { "seismo_requests_total", where_errors, 1 },
		.of = { "seismo_requests_total" },
		.by = { "service" },
		.by_cnt = 1,
		.value = RULE_RATIO,
		.condition = RULE_BURN_RATE,
		.objective = 0.999,
		.factor = 14.4,
		.long_ns = HOUR,
		.short_ns = 5 * MINUTE,
		.min_events = 100,
		.severity = RULE_PAGE,
	};
}

static struct rule_conf hung_rule(void)
{
	return (struct rule_conf){
		.alert = "NoAnswer",
		.term = { "seismo_request_oldest_seconds" },
		.by = { "service" },
		.by_cnt = 1,
		.value = RULE_LAST,
		.threshold = 10,
		.window_ns = 20 * NS_PER_SEC,
		.severity = RULE_PAGE,
	};
}

/* --- cases */

static void errors_tick(struct world *w, s64 errors)
{
	count(w, "shop", "error", errors);
	count(w, "shop", "ok", 100);
	tick(w);
}

static void an_alert_fires_and_resolves(void **state)
{
	const struct rule_conf rule = errors_rule();
	struct world *w = world_new();
	const struct alert *a;
	s64 active_ns, starts_ns;

	(void)state;
	configure_one(w, &rule);
	for (int i = 0; i < 4; i++)
		errors_tick(w, 0);
	is_state(w, "Errors", "shop", ALERT_INACTIVE);
	errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_PENDING);
	a = find(w, "Errors", "shop");
	assert_true(fabs(a->value - 5) < 1e-9);
	active_ns = a->active_at_ns;
	assert_int_equal(active_ns, w->wall_ns);
	assert_int_equal(a->starts_at_ns, 0);
	errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_PENDING);
	errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	starts_ns = a->starts_at_ns;
	assert_int_equal(starts_ns, w->wall_ns);
	assert_int_equal(a->active_at_ns, active_ns);
	assert_int_equal(a->events, 300);
	/* the window still has errors for 15 seconds, then it is kept for 15 */
	for (int i = 0; i < 6; i++) {
		errors_tick(w, 0);
		is_state(w, "Errors", "shop", ALERT_FIRING);
	}
	errors_tick(w, 0);
	is_state(w, "Errors", "shop", ALERT_RESOLVED);
	assert_int_equal(a->starts_at_ns, starts_ns);
	assert_int_equal(a->ends_at_ns, w->wall_ns);
	for (int i = 0; i < 179; i++)
		errors_tick(w, 0);
	is_state(w, "Errors", "shop", ALERT_RESOLVED);
	errors_tick(w, 0);
	is_state(w, "Errors", "shop", ALERT_INACTIVE);

	assert_int_equal(w->told_cnt, 4);
	assert_string_equal(w->told[0], "Errors inactive>pending page");
	assert_string_equal(w->told[1], "Errors pending>firing page");
	assert_string_equal(w->told[2], "Errors firing>resolved page");
	assert_string_equal(w->told[3], "Errors resolved>inactive page");
	world_free(w);
}

static void short_bursts_do_not_fire(void **state)
{
	struct rule_conf rule = errors_rule();
	struct world *w = world_new();

	(void)state;
	rule.window_ns = TICK_NS;
	configure_one(w, &rule);
	for (int i = 0; i < 100; i++) {
		errors_tick(w, i % 3 ? 100 : 0);
		assert_int_not_equal(state_of(w, "Errors", "shop"), ALERT_FIRING);
	}
	errors_tick(w, 100);
	errors_tick(w, 100);
	errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	/* nor do short pauses resolve */
	for (int i = 0; i < 100; i++) {
		errors_tick(w, i % 3 ? 0 : 100);
		is_state(w, "Errors", "shop", ALERT_FIRING);
	}
	world_free(w);
}

static void the_start_is_silent(void **state)
{
	struct rule_conf rules[] = { errors_rule(), slow_rule(), hung_rule() };
	const struct rule_conf *list[] = { &rules[0], &rules[1], &rules[2] };
	struct world *w = world_new();

	(void)state;
	rules[0].for_ns = 0;
	rules[2].value = RULE_MAX;
	configure(w, list, 3);
	*get(w, OLDEST, "shop", NULL)->value = 60 * (s64)NS_PER_SEC;
	for (int i = 0; i < 3; i++) {
		took(w, DURATION, "shop", NULL, 500 * MS, 100);
		errors_tick(w, 100);
		assert_int_equal(w->told_cnt, 0);
	}
	took(w, DURATION, "shop", NULL, 500 * MS, 100);
	errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	is_state(w, "Slow", "shop", ALERT_FIRING);
	is_state(w, "NoAnswer", "shop", ALERT_FIRING);
	world_free(w);
}

static void what_is_lost_decides_nothing(void **state)
{
	const struct rule_conf rule = slow_rule();
	struct world *w = world_new();

	(void)state;
	w->families[DURATION]->sources = 1;
	configure_one(w, &rule);
	for (int i = 0; i < 20; i++) {
		took(w, DURATION, "shop", NULL, 500 * MS, 100);
		long_tick(w, TICK_NS, i % 3 == 0);
		is_state(w, "Slow", "shop", ALERT_INACTIVE);
	}
	for (int i = 0; i < 4; i++) {
		took(w, DURATION, "shop", NULL, 500 * MS, 100);
		tick(w);
	}
	is_state(w, "Slow", "shop", ALERT_FIRING);
	assert_false(is_unknown(w, "Slow"));
	for (int i = 0; i < 20; i++) {
		took(w, DURATION, "shop", NULL, 1 * MS, 100);
		long_tick(w, TICK_NS, i % 3 == 0);
		is_state(w, "Slow", "shop", ALERT_FIRING);
		assert_true(is_unknown(w, "Slow"));
	}
	assert_string_equal(find(w, "Slow", NULL)->unknown_why, "events were lost");
	/* others' losses do not matter */
	for (int i = 0; i < 4; i++) {
		took(w, DURATION, "shop", NULL, 1 * MS, 100);
		long_tick(w, TICK_NS, 2);
	}
	is_state(w, "Slow", "shop", ALERT_RESOLVED);
	world_free(w);
}

/* What was counted in spite of losses was there. */
static void a_count_is_at_least_what_was_seen(void **state)
{
	struct rule_conf rule = errors_rule();
	struct world *w = world_new();

	(void)state;
	rule.for_ns = 0;
	rule.keep_firing_for_ns = 0;
	w->families[REQUESTS]->sources = 1;
	configure_one(w, &rule);
	for (int i = 0; i < 5; i++)
		errors_tick(w, 0);
	count(w, "shop", "error", 100);
	long_tick(w, TICK_NS, 1);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	for (int i = 0; i < 3; i++)
		errors_tick(w, 0);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	assert_false(is_unknown(w, "Errors"));
	errors_tick(w, 0);
	is_state(w, "Errors", "shop", ALERT_RESOLVED);
	world_free(w);
}

static void few_events_start_nothing_but_go_on(void **state)
{
	struct rule_conf rule = slow_rule();
	struct world *w = world_new();

	(void)state;
	configure_one(w, &rule);
	for (int i = 0; i < 10; i++) {
		took(w, DURATION, "shop", NULL, 500 * MS, 4);
		tick(w);
		is_state(w, "Slow", "shop", ALERT_INACTIVE);
	}
	for (int i = 0; i < 4; i++) {
		took(w, DURATION, "shop", NULL, 500 * MS, 5);
		tick(w);
	}
	is_state(w, "Slow", "shop", ALERT_FIRING);
	/* what is even slower completes less often */
	for (int i = 0; i < 10; i++) {
		took(w, DURATION, "shop", NULL, 5000 * MS, 1);
		tick(w);
		is_state(w, "Slow", "shop", ALERT_FIRING);
	}
	for (int i = 0; i < 4; i++)
		tick(w);
	is_state(w, "Slow", "shop", ALERT_RESOLVED);
	world_free(w);
}

static void a_service_that_has_gone_is_no_trouble(void **state)
{
	struct rule_conf below = errors_rule(), hung = hung_rule();
	const struct rule_conf *list[] = { &below, &hung };
	struct world *w = world_new();

	(void)state;
	below.alert = "Idle";
	below.condition = RULE_BELOW;
	below.for_ns = below.keep_firing_for_ns = 0;
	configure(w, list, 2);
	*get(w, OLDEST, "shop", NULL)->value = 60 * (s64)NS_PER_SEC;
	for (int i = 0; i < 6; i++)
		errors_tick(w, 0);
	is_state(w, "Idle", "shop", ALERT_FIRING);
	is_state(w, "NoAnswer", "shop", ALERT_FIRING);
	family_remove(w->families[REQUESTS], get(w, REQUESTS, "shop", "error"));
	family_remove(w->families[REQUESTS], get(w, REQUESTS, "shop", "ok"));
	family_remove(w->families[OLDEST], get(w, OLDEST, "shop", NULL));
	tick(w);
	is_state(w, "Idle", "shop", ALERT_RESOLVED);
	is_state(w, "NoAnswer", "shop", ALERT_RESOLVED);
	world_free(w);
}

static void a_ratio_of_nothing_is_none(void **state)
{
	struct rule_conf rule = burn_rule();
	struct world *w = world_new();

	(void)state;
	rule.condition = RULE_ABOVE;
	rule.window_ns = 20 * NS_PER_SEC;
	rule.threshold = 0.5;
	rule.min_events = 1;
	configure_one(w, &rule);
	count(w, "shop", "500", 0);
	for (int i = 0; i < 10; i++)
		tick(w);
	is_state(w, "Burn", "shop", ALERT_INACTIVE);
	count(w, "shop", "200", 9);
	count(w, "shop", "503", 5);
	count(w, "shop", "error", 5);
	tick(w);
	is_state(w, "Burn", "shop", ALERT_FIRING);
	assert_true(fabs(find(w, "Burn", "shop")->value - 10.0 / 19) < 1e-9);
	count(w, "shop", "200", 9);
	tick(w);
	is_state(w, "Burn", "shop", ALERT_RESOLVED);
	world_free(w);
}

/* A minute in which the daemon did not run is one tick, and no window of 20 seconds. */
static void a_stop_counts_for_nothing(void **state)
{
	struct rule_conf rule = errors_rule();
	struct world *w = world_new();

	(void)state;
	rule.for_ns = rule.keep_firing_for_ns = 30 * NS_PER_SEC;
	configure_one(w, &rule);
	for (int i = 0; i < 4; i++)
		errors_tick(w, 0);
	errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_PENDING);
	count(w, "shop", "error", 1000);
	long_tick(w, MINUTE, 0);
	is_state(w, "Errors", "shop", ALERT_PENDING);
	assert_true(is_unknown(w, "Errors"));
	for (int i = 0; i < 6; i++) {
		errors_tick(w, 100);
		is_state(w, "Errors", "shop", ALERT_PENDING);
	}
	for (int i = 0; i < 4; i++)
		errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	for (int i = 0; i < 4; i++)
		errors_tick(w, 0);
	long_tick(w, MINUTE, 0);
	errors_tick(w, 0);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	world_free(w);
}

/* A gauge is known again at once; the minute is one tick for it all the same. */
static void a_stop_is_no_time_for_gauges(void **state)
{
	struct rule_conf rule = hung_rule();
	struct world *w = world_new();

	(void)state;
	rule.for_ns = rule.keep_firing_for_ns = 30 * NS_PER_SEC;
	configure_one(w, &rule);
	*get(w, OLDEST, "shop", NULL)->value = 60 * (s64)NS_PER_SEC;
	tick(w);
	tick(w);
	is_state(w, "NoAnswer", "shop", ALERT_PENDING);
	long_tick(w, MINUTE, 0);
	is_state(w, "NoAnswer", "shop", ALERT_PENDING);
	for (int i = 0; i < 6; i++)
		tick(w);
	is_state(w, "NoAnswer", "shop", ALERT_FIRING);
	*get(w, OLDEST, "shop", NULL)->value = 0;
	tick(w);
	long_tick(w, MINUTE, 0);
	is_state(w, "NoAnswer", "shop", ALERT_FIRING);
	world_free(w);
}

static void steps_of_the_clock_change_nothing(void **state)
{
	const struct rule_conf rule = errors_rule();
	struct world *w = world_new();
	const struct alert *a;

	(void)state;
	configure_one(w, &rule);
	for (int i = 0; i < 4; i++)
		errors_tick(w, 0);
	errors_tick(w, 100);
	w->wall_ns += (s64)HOUR;
	errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_PENDING);
	errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	w->wall_ns -= 2 * (s64)HOUR;
	for (int i = 0; i < 6; i++) {
		errors_tick(w, 0);
		is_state(w, "Errors", "shop", ALERT_FIRING);
	}
	errors_tick(w, 0);
	a = find(w, "Errors", "shop");
	assert_int_equal(a->state, ALERT_RESOLVED);
	assert_true(a->ends_at_ns >= a->starts_at_ns);
	world_free(w);
}

/* --- burn rates */

static void burn_ticks(struct world *w, u64 ns, s64 ok_every, s64 errors_every, u64 every_ns)
{
	for (u64 at = 0; at < ns; at += w->tick_ns) {
		if (at % every_ns == 0) {
			count(w, "shop", "ok", ok_every);
			count(w, "shop", "500", errors_every);
		}
		tick(w);
		while (history_tidy(w->history))
			;
	}
}

static void a_budget_that_burns_fires(void **state)
{
	const struct rule_conf rule = burn_rule();
	struct world *w = world_new();

	(void)state;
	w->tick_ns = MINUTE;
	configure_one(w, &rule);
	burn_ticks(w, 2 * HOUR, 1000, 1, MINUTE);
	is_state(w, "Burn", "shop", ALERT_INACTIVE);
	/* of a minute of nothing but errors the hour has had enough, but the short window says that it is over */
	burn_ticks(w, MINUTE, 0, 1000, MINUTE);
	is_state(w, "Burn", "shop", ALERT_FIRING);
	burn_ticks(w, 6 * MINUTE, 1000, 1, MINUTE);
	is_state(w, "Burn", "shop", ALERT_RESOLVED);
	world_free(w);
}

/* After the start, as soon as it is certain: were the unknown part of the hour without errors, it were still too much. */
static void a_budget_burns_soon_after_the_start(void **state)
{
	const struct rule_conf rule = burn_rule();
	struct world *w = world_new();

	(void)state;
	w->tick_ns = MINUTE;
	configure_one(w, &rule);
	burn_ticks(w, 4 * MINUTE, 0, 1000, MINUTE);
	is_state(w, "Burn", "shop", ALERT_INACTIVE);
	burn_ticks(w, 2 * MINUTE, 0, 1000, MINUTE);
	is_state(w, "Burn", "shop", ALERT_FIRING);
	world_free(w);

	w = world_new();
	w->tick_ns = MINUTE;
	configure_one(w, &rule);
	burn_ticks(w, 6 * MINUTE, 900, 100, MINUTE);
	is_state(w, "Burn", "shop", ALERT_INACTIVE);
	burn_ticks(w, 10 * MINUTE, 900, 100, MINUTE);
	is_state(w, "Burn", "shop", ALERT_FIRING);
	world_free(w);
}

static void one_error_at_night_is_no_page(void **state)
{
	const struct rule_conf rule = burn_rule();
	struct world *w = world_new();

	(void)state;
	w->tick_ns = MINUTE;
	configure_one(w, &rule);
	burn_ticks(w, 24 * HOUR, 1, 0, 6 * HOUR);
	burn_ticks(w, 6 * HOUR, 0, 1, 6 * HOUR);
	burn_ticks(w, 18 * HOUR, 1, 0, 6 * HOUR);
	assert_int_equal(w->told_cnt, 0);
	world_free(w);
}

static void days_of_errors_of_a_quiet_service_are(void **state)
{
	const struct rule_conf rule = burn_rule();
	struct world *w = world_new();
	u64 hours = 0;

	(void)state;
	w->tick_ns = MINUTE;
	configure_one(w, &rule);
	burn_ticks(w, 24 * HOUR, 1, 0, HOUR);
	while (state_of(w, "Burn", "shop") != ALERT_FIRING && hours++ < 24)
		burn_ticks(w, HOUR, 0, 1, HOUR);
	assert_true(hours <= 8);
	/* nine of ten fail: it goes on */
	for (int i = 0; i < 24; i++) {
		burn_ticks(w, HOUR, i % 10 == 9, i % 10 != 9, HOUR);
		is_state(w, "Burn", "shop", ALERT_FIRING);
	}
	burn_ticks(w, 24 * HOUR, 1, 0, HOUR);
	is_state(w, "Burn", "shop", ALERT_INACTIVE);
	world_free(w);
}

/* --- causes */

static void causes_follow_their_symptoms(void **state)
{
	struct rule_conf symptom = slow_rule(), cause = slow_rule();
	const struct rule_conf *list[] = { &symptom, &cause };
	struct world *w = world_new();

	(void)state;
	cause.alert = "BusyDisk";
	cause.term.metric = "seismo_block_io_duration_seconds";
	cause.by[0] = "device";
	cause.cause = true;
	cause.severity = RULE_WARNING;
	configure(w, list, 2);
	for (int i = 0; i < 5; i++) {
		took(w, BLOCK, "sda", NULL, 500 * MS, 100);
		took(w, BLOCK, "sdb", NULL, 500 * MS, 100);
		took(w, BLOCK_OF_SERVICE, "shop", "sda", 500 * MS, 100);
		took(w, BLOCK_OF_SERVICE, "batch", "sdb", 500 * MS, 100);
		took(w, DURATION, "shop", NULL, 1 * MS, 100);
		tick(w);
	}
	is_state(w, "BusyDisk", "sda", ALERT_FIRING);
	assert_int_equal(find(w, "BusyDisk", "sda")->severity, RULE_INFO);
	assert_int_equal(find(w, "BusyDisk", "sdb")->severity, RULE_INFO);
	w->told_cnt = 0;
	for (int i = 0; i < 4; i++) {
		took(w, BLOCK, "sda", NULL, 500 * MS, 100);
		took(w, BLOCK, "sdb", NULL, 500 * MS, 100);
		took(w, DURATION, "shop", NULL, 500 * MS, 100);
		tick(w);
	}
	is_state(w, "Slow", "shop", ALERT_FIRING);
	assert_int_equal(find(w, "BusyDisk", "sda")->severity, RULE_WARNING);
	assert_int_equal(find(w, "BusyDisk", "sdb")->severity, RULE_INFO);
	/* nobody is paged for what is silenced, nor for its causes */
	w->silence = true;
	tick(w);
	assert_true(find(w, "Slow", "shop")->silenced);
	assert_int_equal(find(w, "BusyDisk", "sda")->severity, RULE_INFO);
	w->silence = false;
	tick(w);
	assert_int_equal(find(w, "BusyDisk", "sda")->severity, RULE_WARNING);
	for (int i = 0; i < 4; i++) {
		took(w, BLOCK, "sda", NULL, 500 * MS, 100);
		took(w, DURATION, "shop", NULL, 1 * MS, 1000);
		tick(w);
	}
	is_state(w, "Slow", "shop", ALERT_RESOLVED);
	is_state(w, "BusyDisk", "sda", ALERT_FIRING);
	assert_int_equal(find(w, "BusyDisk", "sda")->severity, RULE_INFO);
	world_free(w);
}

/* A cause that fires on `label` = `value`, with a symptom on a service or a device. */
static enum rule_severity severity_of_cause(const char *label, const char *value,
					    const char *symptom_label, const char *symptom_value,
					    enum rule_severity symptom_severity)
{
	struct rule_conf symptom = hung_rule(), cause = hung_rule();
	const struct rule_conf *list[] = { &symptom, &cause };
	static const struct metric gauges[] = {
		{ .name = "symptom",
		  .kind = METRIC_GAUGE,
		  .labels = { { "service" }, { "device" }, { "peer" } } },
		{ .name = "cause",
		  .kind = METRIC_GAUGE,
		  .labels = { { "service" }, { "device" }, { "peer" } } },
	};
	const struct {
		struct rule_conf *rule;
		const char *label, *value;
	} alerts[] = { { &symptom, symptom_label, symptom_value }, { &cause, label, value } };
	struct world *w = world_new();
	enum rule_severity ret;

	symptom.severity = symptom_severity;
	cause.alert = "Cause";
	cause.cause = true;
	cause.severity = RULE_WARNING;
	for (int i = 0; i < 2; i++) {
		struct family *f = registry_add(&w->registry, &gauges[i]);
		const char *values[SERIES_LABELS] = { NULL };
		int at = alerts[i].label ? family_label(f, alerts[i].label) : -1;

		if (at >= 0)
			values[at] = alerts[i].value;
		*family_series(f, values)->value = 11;
		alerts[i].rule->term.metric = (char *)gauges[i].name;
		alerts[i].rule->by_cnt = at >= 0;
		alerts[i].rule->by[0] = (char *)alerts[i].label;
	}
	took(w, BLOCK_OF_SERVICE, "shop", "sda", MS, 1);
	configure(w, list, 2);
	tick(w);
	is_state(w, "NoAnswer", NULL, ALERT_FIRING);
	is_state(w, "Cause", NULL, ALERT_FIRING);
	ret = find(w, "Cause", NULL)->severity;
	world_free(w);
	return ret;
}

static void causes_explain_what_they_touch(void **state)
{
	static const struct {
		const char *label, *value, *symptom_label, *symptom_value;
		enum rule_severity symptom, cause;
	} cases[] = {
		{ "service", "shop", "service", "shop", RULE_PAGE, RULE_WARNING },
		{ "service", "shop", "service", "shop", RULE_WARNING, RULE_WARNING },
		{ "service", "shop", "service", "shop", RULE_INFO, RULE_INFO },
		{ "service", "batch", "service", "shop", RULE_PAGE, RULE_INFO },
		{ "service", "db", "peer", "db", RULE_PAGE, RULE_WARNING },
		{ "device", "sda", "device", "sda", RULE_PAGE, RULE_WARNING },
		{ "device", "sdb", "device", "sda", RULE_PAGE, RULE_INFO },
		{ "device", "sda", "service", "shop", RULE_PAGE, RULE_WARNING },
		{ "device", "sdb", "service", "shop", RULE_PAGE, RULE_INFO },
		{ "device", "sda", "service", "batch", RULE_PAGE, RULE_INFO },
		{ "service", "shop", "device", "sda", RULE_PAGE, RULE_INFO },
		{ "service", "batch", "device", "sda", RULE_PAGE, RULE_INFO },
		{ NULL, NULL, "service", "shop", RULE_PAGE, RULE_WARNING },
		{ "service", "shop", NULL, NULL, RULE_PAGE, RULE_INFO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum rule_severity got =
			severity_of_cause(cases[i].label, cases[i].value, cases[i].symptom_label,
					  cases[i].symptom_value, cases[i].symptom);

		if (got != cases[i].cause)
			fail_msg("case %zu: %s", i, rule_severities[got]);
	}
}

/* --- other values and conditions */

static void guards_must_hold_as_well(void **state)
{
	static struct rule_pair where_ok[] = { { "status", "ok" } };
	struct rule_guard guard = { .term = { "seismo_requests_total", where_ok, 1 },
				    .value = RULE_RATE,
				    .below = true,
				    .threshold = 1 };
	struct rule_conf rule = hung_rule();
	struct world *w = world_new();

	(void)state;
	rule.guards = &guard;
	rule.guard_cnt = 1;
	configure_one(w, &rule);
	*get(w, OLDEST, "shop", NULL)->value = 60 * (s64)NS_PER_SEC;
	*get(w, OLDEST, "idle", NULL)->value = 60 * (s64)NS_PER_SEC;
	for (int i = 0; i < 8; i++) {
		count(w, "shop", "ok", 100);
		tick(w);
	}
	is_state(w, "NoAnswer", "shop", ALERT_INACTIVE);
	/* what is not there at all is 0 */
	is_state(w, "NoAnswer", "idle", ALERT_FIRING);
	for (int i = 0; i < 4; i++)
		tick(w);
	is_state(w, "NoAnswer", "shop", ALERT_FIRING);
	count(w, "shop", "ok", 100);
	tick(w);
	is_state(w, "NoAnswer", "shop", ALERT_RESOLVED);
	world_free(w);
}

static void means_counts_and_ratios_of_gauges(void **state)
{
	struct rule_conf mean = slow_rule(), number = slow_rule(), part = hung_rule();
	const struct rule_conf *list[] = { &mean, &number, &part };
	static const struct metric limit = {
		.name = "limit_seconds", .kind = METRIC_GAUGE, .unit = UNIT_SECONDS, .service = true
	};
	struct world *w = world_new();
	struct family *f = registry_add(&w->registry, &limit);

	(void)state;
	mean.alert = "Mean";
	mean.value = RULE_MEAN;
	number.alert = "Number";
	number.value = RULE_COUNT;
	number.threshold = 399;
	number.min_events = 0;
	part.value = RULE_RATIO;
	part.of.metric = "limit_seconds";
	part.threshold = 0.4;
	configure(w, list, 3);
	*get(w, OLDEST, "shop", NULL)->value = 5 * (s64)NS_PER_SEC;
	*get(w, OLDEST, "free", NULL)->value = 5 * (s64)NS_PER_SEC;
	*family_series(f, (const char *[SERIES_LABELS]){ "shop" })->value = 10 * (s64)NS_PER_SEC;
	for (int i = 0; i < 4; i++) {
		took(w, DURATION, "shop", NULL, 110 * MS, 100);
		tick(w);
	}
	is_state(w, "Mean", "shop", ALERT_FIRING);
	assert_true(fabs(find(w, "Mean", "shop")->value - 0.11) < 1e-9);
	is_state(w, "Number", "shop", ALERT_FIRING);
	assert_true(find(w, "Number", "shop")->value == 400);
	is_state(w, "NoAnswer", "shop", ALERT_FIRING);
	assert_true(fabs(find(w, "NoAnswer", "shop")->value - 0.5) < 1e-9);
	is_state(w, "NoAnswer", "free", ALERT_INACTIVE);
	world_free(w);
}

static struct rule_conf slow_disk_rule(void)
{
	struct rule_conf rule = slow_rule();

	rule.alert = "SlowDisk";
	rule.term.metric = "seismo_block_io_duration_seconds";
	rule.by[0] = "device";
	rule.condition = RULE_BASELINE;
	rule.factor = 3;
	rule.at_least = 0.005;
	rule.window_ns = 10 * NS_PER_SEC;
	rule.for_ns = 10 * NS_PER_SEC;
	return rule;
}

/* What waits grows while clients come that wait for long: ten windows of it are not ten ticks. */
static void what_grows_at_the_start_is_no_fault(void **state)
{
	struct rule_conf rule = hung_rule();
	struct world *w = world_new();

	(void)state;
	rule.condition = RULE_BASELINE;
	rule.factor = 3;
	rule.at_least = 1;
	rule.threshold = 0;
	configure_one(w, &rule);
	for (s64 i = 0; i < 240; i++) {
		*get(w, OLDEST, "shop", NULL)->value = (i < 20 ? i : 20) * 3 * (s64)NS_PER_SEC;
		tick(w);
	}
	assert_int_equal(w->told_cnt, 0);
	*get(w, OLDEST, "shop", NULL)->value = 300 * (s64)NS_PER_SEC;
	tick(w);
	is_state(w, "NoAnswer", "shop", ALERT_FIRING);
	world_free(w);
}

static void disk_ticks(struct world *w, int cnt, u64 ns, u64 per_tick)
{
	while (cnt-- > 0) {
		took(w, BLOCK, "sda", NULL, ns, per_tick);
		tick(w);
	}
}

static void a_disk_is_slow_for_its_load(void **state)
{
	const struct rule_conf rule = slow_disk_rule();
	struct world *w = world_new();

	(void)state;
	configure_one(w, &rule);
	/* warm-up is silent, however slow it is */
	disk_ticks(w, 6, 50 * MS, 500);
	assert_int_equal(w->told_cnt, 0);
	world_free(w);

	w = world_new();
	configure_one(w, &rule);
	disk_ticks(w, 120, 4 * MS, 500);
	/* ten times the load, more than it ever had, and slower */
	disk_ticks(w, 12, 20 * MS, 5000);
	assert_int_equal(w->told_cnt, 0);
	disk_ticks(w, 60, 4 * MS, 500);
	disk_ticks(w, 6, 20 * MS, 500);
	is_state(w, "SlowDisk", "sda", ALERT_FIRING);
	assert_true(find(w, "SlowDisk", "sda")->baseline < 0.005);
	/* what fires is not learned */
	disk_ticks(w, 600, 20 * MS, 500);
	is_state(w, "SlowDisk", "sda", ALERT_FIRING);
	disk_ticks(w, 3, 4 * MS, 500);
	is_state(w, "SlowDisk", "sda", ALERT_RESOLVED);
	world_free(w);
}

/* --- restarts and reloads */

static void restart(struct world *w, const struct rule_conf *rule)
{
	json_t *saved = engine_save(w->engine);

	assert_non_null(saved);
	engine_free(w->engine);
	history_free(w->history);
	registry_release(&w->registry);
	/* another boot: CLOCK_MONOTONIC begins anew, and so does everything that was counted */
	w->registry.now_ns = START_NS / 2;
	w->wall_ns += (s64)HOUR;
	for (int i = 0; i < FAMILIES; i++)
		w->families[i] = registry_add(&w->registry, &rows[i]);
	w->history = history_new(&w->registry, w->registry.now_ns, 16 << 20);
	engine_start(w);
	configure_one(w, rule);
	engine_restore(w->engine, saved, w->registry.now_ns);
	json_decref(saved);
	w->told_cnt = 0;
}

static void a_restart_tells_nothing_new(void **state)
{
	const struct rule_conf rule = errors_rule();
	struct world *w = world_new();
	const struct alert *a;
	s64 active_ns, starts_ns;
	double value;

	(void)state;
	configure_one(w, &rule);
	for (int i = 0; i < 8; i++)
		errors_tick(w, 100);
	a = find(w, "Errors", "shop");
	assert_int_equal(a->state, ALERT_FIRING);
	active_ns = a->active_at_ns;
	starts_ns = a->starts_at_ns;
	value = a->value;
	restart(w, &rule);
	a = find(w, "Errors", "shop");
	assert_non_null(a);
	assert_int_equal(a->state, ALERT_FIRING);
	assert_true(a->unknown);
	assert_true(a->value == value);
	assert_non_null(a->evidence);
	/* the service is not even there yet, then it does well; until the window is covered nothing is known */
	tick(w);
	for (int i = 0; i < 2; i++)
		errors_tick(w, 0);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	assert_true(is_unknown(w, "Errors"));
	assert_int_equal(w->told_cnt, 0);
	for (int i = 0; i < 8; i++) {
		errors_tick(w, 100);
		is_state(w, "Errors", "shop", ALERT_FIRING);
	}
	assert_int_equal(a->active_at_ns, active_ns);
	assert_int_equal(a->starts_at_ns, starts_ns);
	assert_int_equal(w->told_cnt, 1);
	assert_string_equal(w->told[0], "Errors firing>firing page");
	world_free(w);
}

static void for_survives_a_restart(void **state)
{
	struct rule_conf rule = errors_rule();
	struct world *w = world_new();

	(void)state;
	rule.for_ns = MINUTE;
	configure_one(w, &rule);
	for (int i = 0; i < 4 + 8; i++)
		errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_PENDING);
	restart(w, &rule);
	is_state(w, "Errors", "shop", ALERT_PENDING);
	/* 40 seconds have been, then 3 ticks are unknown, and 5 more it takes */
	for (int i = 0; i < 3 + 4; i++) {
		errors_tick(w, 100);
		is_state(w, "Errors", "shop", ALERT_PENDING);
	}
	for (int i = 0; i < 2; i++)
		errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	world_free(w);
}

static void a_reload_keeps_what_is_the_same(void **state)
{
	struct rule_conf rule = errors_rule(), other = errors_rule();
	struct world *w = world_new();
	s64 starts_ns;

	(void)state;
	configure_one(w, &rule);
	for (int i = 0; i < 8; i++)
		errors_tick(w, 100);
	starts_ns = find(w, "Errors", "shop")->starts_at_ns;
	w->told_cnt = 0;
	other.summary = "other words";
	configure_one(w, &other);
	assert_ptr_equal(find(w, "Errors", "shop")->rule, &other);
	errors_tick(w, 100);
	/* another threshold, that is exceeded as well */
	rule.threshold = 2;
	configure_one(w, &rule);
	errors_tick(w, 100);
	is_state(w, "Errors", "shop", ALERT_FIRING);
	assert_int_equal(find(w, "Errors", "shop")->starts_at_ns, starts_ns);
	assert_int_equal(w->told_cnt, 0);
	/* one that measures something else has other alerts, and that is told */
	other.value = RULE_COUNT;
	configure_one(w, &other);
	assert_null(find(w, "Errors", "shop"));
	assert_int_equal(w->told_cnt, 2);
	assert_string_equal(w->told[0], "Errors firing>resolved page");
	assert_string_equal(w->told[1], "Errors resolved>inactive page");
	world_free(w);
}

static void a_probe_that_starts_later_is_unknown_until_then(void **state)
{
	static const struct metric late = { .name = "seismo_late", .kind = METRIC_GAUGE };
	struct rule_conf rule = hung_rule();
	struct world *w = world_new();
	struct family *f;

	(void)state;
	rule.term.metric = "seismo_late";
	rule.by_cnt = 0;
	configure_one(w, &rule);
	for (int i = 0; i < 5; i++)
		tick(w);
	is_state(w, "NoAnswer", NULL, ALERT_INACTIVE);
	f = registry_add(&w->registry, &late);
	*family_series(f, (const char *[SERIES_LABELS]){ NULL })->value = 11;
	tick(w);
	tick(w);
	is_state(w, "NoAnswer", NULL, ALERT_FIRING);
	world_free(w);
}

static void evidence_is_for_the_trusted(void **state)
{
	const struct rule_conf rule = errors_rule();
	struct world *w = world_new();
	json_t *doc, *found;

	(void)state;
	configure_one(w, &rule);
	for (int i = 0; i < 8; i++)
		errors_tick(w, 100);
	doc = alert_json(find(w, "Errors", "shop"), true);
	found = json_object_get(doc, "evidence");
	assert_non_null(json_object_get(found, "file"));
	assert_non_null(json_object_get(json_object_get(found, "more"), "path"));
	assert_true(json_is_real(json_object_get(doc, "value_per_second")));
	json_decref(doc);
	doc = alert_json(find(w, "Errors", "shop"), false);
	assert_true(json_is_null(json_object_get(doc, "evidence")));
	assert_true(json_is_real(json_object_get(doc, "value_per_second")));
	json_decref(doc);
	world_free(w);
}

static void too_many_alerts_are_counted(void **state)
{
	const unsigned services = ALERTS_MAX + 100;
	struct rule_conf rule = errors_rule();
	struct world *w = world_new();
	struct engine_stats stats;
	char name[32];

	(void)state;
	rule.for_ns = rule.keep_firing_for_ns = 0;
	engine_free(w->engine);
	w->engine = engine_new(&w->registry, w->history, NULL, NULL);
	configure_one(w, &rule);
	for (int i = 0; i < 4; i++) {
		for (unsigned n = 0; n < services; n++) {
			snprintf(name, sizeof(name), "%u", n);
			count(w, name, "error", 100);
		}
		tick(w);
	}
	engine_stats(w->engine, &stats);
	assert_int_equal(stats.firing, ALERTS_MAX);
	assert_int_equal(stats.omitted, 100);
	/* those that end make room */
	for (int i = 0; i < 4; i++) {
		for (unsigned n = 200; n < services; n++) {
			snprintf(name, sizeof(name), "%u", n);
			count(w, name, "error", 100);
		}
		tick(w);
	}
	engine_stats(w->engine, &stats);
	assert_int_equal(stats.firing + stats.resolved, ALERTS_MAX);
	assert_int_equal(stats.omitted, 100);
	for (int i = 0; i < 181; i++) {
		for (unsigned n = 200; n < services; n++) {
			snprintf(name, sizeof(name), "%u", n);
			count(w, name, "error", 100);
		}
		tick(w);
	}
	engine_stats(w->engine, &stats);
	assert_int_equal(stats.firing, services - 200);
	assert_int_equal(stats.resolved, 0);
	assert_int_equal(stats.omitted, 0);
	world_free(w);
}

/* --- against models */

#define STEPS 300

struct sequence {
	enum verdict_is verdict[STEPS];
	u64 elapsed[STEPS];
};

/* The sum of the elapsed times of those from `first` to `last` that say `v` after one that did as well. */
static u64 observed(const struct sequence *q, int first, int last, enum verdict_is v)
{
	u64 sum = 0;

	for (int i = first + 1; i <= last; i++)
		if (q->verdict[i] == v && q->verdict[i - 1] == v)
			sum += q->elapsed[i];
	return sum;
}

static int last_of(const struct sequence *q, int from, int to, enum verdict_is v)
{
	while (to >= from && q->verdict[to] != v)
		to--;
	return to;
}

/* Looks back from the present, where the machine remembers. */
static enum alert_state model_next(const struct sequence *q, int i, int *since,
				   enum alert_state state, const struct rule_conf *r)
{
	enum verdict_is v = q->verdict[i];
	bool fires;
	int first;

	if (state == ALERT_FIRING) {
		first = last_of(q, *since, i, VERDICT_TRUE) + 1;
		if (v == VERDICT_FALSE &&
		    observed(q, first, i, VERDICT_FALSE) >= r->keep_firing_for_ns) {
			*since = i;
			return ALERT_RESOLVED;
		}
		return state;
	}
	if (state != ALERT_PENDING && v == VERDICT_TRUE) {
		*since = i;
		state = ALERT_PENDING;
	}
	if (state == ALERT_PENDING) {
		fires = v == VERDICT_TRUE && observed(q, *since, i, VERDICT_TRUE) >= r->for_ns;
		if (fires)
			*since = i;
		return fires ? ALERT_FIRING : v == VERDICT_FALSE ? ALERT_INACTIVE : ALERT_PENDING;
	}
	if (state == ALERT_RESOLVED) {
		u64 sum = 0;

		for (int n = *since + 1; n <= i; n++)
			sum += q->elapsed[n];
		return sum >= STEP_RESOLVED_NS ? ALERT_INACTIVE : state;
	}
	return state;
}

static void states_are_those_of_the_model(void **state)
{
	(void)state;
	srandom(7);
	for (int round = 0; round < 2000; round++) {
		const struct rule_conf r = { .for_ns = (u64)(random() % 5) * TICK_NS,
					     .keep_firing_for_ns = (u64)(random() % 5) * TICK_NS };
		int sticky = 1 + (int)(random() % 8), since = 0;
		enum alert_state model = ALERT_INACTIVE;
		struct step step = { 0 };
		struct sequence q;

		for (int i = 0; i < STEPS; i++) {
			q.verdict[i] = i && random() % sticky ? q.verdict[i - 1]
							      : (enum verdict_is)(random() % 3);
			q.elapsed[i] = (u64)(1 + random() % 3) * TICK_NS * (random() % 50 ? 1 : 40);
			model = model_next(&q, i, &since, model, &r);
			step_next(&step, &r, q.verdict[i], q.elapsed[i], 0);
			assert_string_equal(alert_states[step.state], alert_states[model]);
		}
	}
}

/* What the engine makes of random counters, losses and long ticks; the model adds up by itself. */
static void the_engine_is_the_model(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		struct rule_conf rule = errors_rule();
		struct world *w = world_new();
		s64 errors[STEPS];
		bool lossy[STEPS];
		enum alert_state model = ALERT_INACTIVE;
		struct sequence q;
		int since = 0;

		srandom(round);
		w->families[REQUESTS]->sources = 1;
		rule.window_ns = (u64)(1 + random() % 4) * TICK_NS;
		rule.for_ns = (u64)(random() % 4) * TICK_NS;
		rule.keep_firing_for_ns = (u64)(random() % 4) * TICK_NS;
		configure_one(w, &rule);
		for (int i = 0; i < STEPS; i++) {
			int window = (int)(rule.window_ns / TICK_NS);
			double seconds = (double)rule.window_ns / NS_PER_SEC;
			s64 sum = 0;
			bool lost = false;

			errors[i] = random() % 4 ? 0 : random() % 60;
			lossy[i] = random() % 10 == 0;
			count(w, "shop", "error", errors[i]);
			long_tick(w, TICK_NS, lossy[i]);
			for (int n = i; n > i - window && n >= 0; n--) {
				sum += errors[n];
				lost |= lossy[n];
			}
			q.elapsed[i] = TICK_NS;
			q.verdict[i] = (double)sum / seconds > 1 ? VERDICT_TRUE
				       : lost			 ? VERDICT_UNKNOWN
								 : VERDICT_FALSE;
			if (i + 1 < window)
				q.verdict[i] = VERDICT_UNKNOWN;
			model = model_next(&q, i, &since, model, &rule);
			is_state(w, "Errors", "shop", model);
			w->told_cnt = 0;
		}
		world_free(w);
	}
}

/* Slices of no time give the same as a pass at once, and rules that share queries the same as those that do not. */
static void slices_change_nothing(void **state)
{
	struct rule_conf rules[12];
	const struct rule_conf *list[12];
	struct world *w = world_new();

	(void)state;
	for (int i = 0; i < 12; i++) {
		static char name[12][16];

		rules[i] = i % 3 == 0 ? errors_rule() : i % 3 == 1 ? slow_rule() : burn_rule();
		rules[i].alert = name[i];
		rules[i].for_ns = 0;
		rules[i].window_ns = (u64)(1 + i / 6) * 10 * NS_PER_SEC;
		snprintf(name[i], sizeof(name[i]), "Rule%d", i);
		list[i] = &rules[i];
	}
	configure(w, list, 12);
	for (int i = 0; i < 8; i++) {
		count(w, "shop", "error", 100);
		took(w, DURATION, "shop", NULL, 500 * MS, 100);
		w->registry.now_ns += TICK_NS;
		assert_int_equal(history_tick(w->history, 0), 0);
		for (int n = 0; engine_evaluate(w->engine, w->registry.now_ns, w->wall_ns, 1); n++)
			assert_true(n < 100);
	}
	for (int i = 0; i < 12; i++)
		if (i % 3 < 2)
			is_state(w, rules[i].alert, "shop", ALERT_FIRING);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alert_fires_and_resolves),
		cmocka_unit_test(short_bursts_do_not_fire),
		cmocka_unit_test(the_start_is_silent),
		cmocka_unit_test(what_is_lost_decides_nothing),
		cmocka_unit_test(a_count_is_at_least_what_was_seen),
		cmocka_unit_test(few_events_start_nothing_but_go_on),
		cmocka_unit_test(a_service_that_has_gone_is_no_trouble),
		cmocka_unit_test(a_ratio_of_nothing_is_none),
		cmocka_unit_test(a_stop_counts_for_nothing),
		cmocka_unit_test(a_stop_is_no_time_for_gauges),
		cmocka_unit_test(steps_of_the_clock_change_nothing),
		cmocka_unit_test(a_budget_that_burns_fires),
		cmocka_unit_test(a_budget_burns_soon_after_the_start),
		cmocka_unit_test(one_error_at_night_is_no_page),
		cmocka_unit_test(days_of_errors_of_a_quiet_service_are),
		cmocka_unit_test(causes_follow_their_symptoms),
		cmocka_unit_test(causes_explain_what_they_touch),
		cmocka_unit_test(guards_must_hold_as_well),
		cmocka_unit_test(means_counts_and_ratios_of_gauges),
		cmocka_unit_test(what_grows_at_the_start_is_no_fault),
		cmocka_unit_test(a_disk_is_slow_for_its_load),
		cmocka_unit_test(a_restart_tells_nothing_new),
		cmocka_unit_test(for_survives_a_restart),
		cmocka_unit_test(a_reload_keeps_what_is_the_same),
		cmocka_unit_test(a_probe_that_starts_later_is_unknown_until_then),
		cmocka_unit_test(evidence_is_for_the_trusted),
		cmocka_unit_test(too_many_alerts_are_counted),
		cmocka_unit_test(states_are_those_of_the_model),
		cmocka_unit_test(the_engine_is_the_model),
		cmocka_unit_test(slices_change_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
