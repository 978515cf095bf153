// SPDX-License-Identifier: BSD-3-Clause
/*
 * Rules in the language of Prometheus: what they are, what promtool says of them, and whether Prometheus decides as the
 * engine does. For the latter both get the same series, in which both are exact: windows of whole ticks, ticks of a power of two
 * of seconds, thresholds of percentiles at the bounds of exposed buckets.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/load.h"
#include "conf/rules.h"
#include "rule/builtin.h"
#include "rule/check.h"
#include "rule/engine.h"
#include "rule/rule_file.h"

#define NS_PER_SEC 1000000000ULL
#define TICK_S	   4
#define TICKS	   120
#define WARM_UP	   16 /* ticks; no window is longer */
#define RULES	   48
#define MEMBERS	   3 /* series of each rule's group */

/* --- files */

static char folder[] = "/tmp/promql_test.XXXXXX";

static const char *path_of(const char *name)
{
	static char path[2][128];
	static unsigned at;

	at = !at;
	snprintf(path[at], sizeof(path[at]), "%s/%s", folder, name);
	return path[at];
}

static void file_write(const char *name, const struct buf *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text->data, 1, text->len, f), text->len);
	assert_int_equal(fclose(f), 0);
}

static int folder_make(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
	char command[256];

	(void)state;
	if (getenv("KEEP"))
		return 0;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

/* What it says is shown when it does not like the file. */
static void promtool(const char *command, const char *name)
{
	char line[512];
	int status;

	if (system("command -v promtool >/dev/null 2>&1"))
		skip();
	snprintf(
		line, sizeof(line),
		"cd '%s' && promtool %s '%s' >promtool.out 2>&1 || { head -c 4000 promtool.out >&2; false; }",
		folder, command, name);
	status = system(line);
	assert_int_equal(status, 0);
}

/* --- rules */

static const struct conf_family no_families[] = { { .name = NULL } };

static struct conf *rules_load(const struct buf *text)
{
	struct buf error = { 0 };
	struct conf *c = NULL;

	file_write("rules.yaml", text);
	if (conf_load(&c, path_of("rules.yaml"), no_families, &error))
		fail_msg("%s", buf_cstr(&error));
	buf_release(&error);
	return c;
}

static const struct metric rows[] = {
	{ "test_events_total", METRIC_COUNTER, UNIT_NONE, "",
	  .labels = { { "rule" }, { "group" }, { "member" } } },
	{ "test_failed_total", METRIC_COUNTER, UNIT_NONE, "",
	  .labels = { { "rule" }, { "group" }, { "member" } } },
	{ "test_wait_seconds", METRIC_HISTOGRAM, UNIT_SECONDS, "",
	  .labels = { { "rule" }, { "group" }, { "member" } } },
	{ "test_open", METRIC_GAUGE, UNIT_NONE, "",
	  .labels = { { "rule" }, { "group" }, { "member" } } },
	{ "test_oldest_seconds", METRIC_GAUGE, UNIT_SECONDS, "",
	  .labels = { { "rule" }, { "group" }, { "member" } }, .largest = true },
	{ "test_switch", METRIC_GAUGE, UNIT_NONE, "", .labels = { { "rule" } } },
	{ .name = NULL },
};
enum { EVENTS, FAILED, WAIT, OPEN, OLDEST, SWITCH, METRICS };

static const struct metric *row_of(const char *name)
{
	for (const struct metric *m = rows; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

static void export(const struct conf *c, promql_find find, u64 interval_ns, struct buf *out)
{
	const struct rule_file file = { (const struct rule_conf *const *)c->rules, c->rule_cnt,
					interval_ns, find };

	rule_file_write(&file, out);
	assert_false(out->failed);
}

/* --- what expressions are */

static void expressions_are(void **state)
{
	static const struct {
		const char *rule, *expression;
	} cases[] = {
		{ "metric: test_events_total, value: rate, above: 2, window: 1m",
		  "sum(rate(test_events_total[1m])) > 2" },
		{ "metric: test_events_total, where: { group: 'a*', member: 'x.y' }, by: [group], value: count, below: 3, window: 90s",
		  "sum by (group) (increase(test_events_total{group=~\"a.*\",member=\"x.y\"}[90s])) < 3" },
		{ "metric: test_events_total, where: { group: '!a|b.?|[!x-z]q', member: '!m', rule: '' }, value: rate, above: 1",
		  "sum(rate(test_events_total{group!~\"a|b\\\\..|[^x-z]q\",member!=\"m\",rule=\"\"}[30s])) > 1" },
		{ "metric: test_wait_seconds, by: [group, member], value: p99.9, above: 50ms, min_events: 20",
		  "histogram_quantile(0.999, sum by (le, group, member) (rate(test_wait_seconds_bucket[30s]))) > 0.05\n"
		  "and sum by (group, member) (increase(test_wait_seconds_count[30s])) >= 20" },
		{ "metric: test_wait_seconds, value: mean, above: 1s, min_events: 1",
		  "sum(rate(test_wait_seconds_sum[30s])) / sum(rate(test_wait_seconds_count[30s])) > 1\n"
		  "and sum(increase(test_wait_seconds_count[30s])) > 0" },
		{ "metric: test_oldest_seconds, by: [group], value: last, above: 10s",
		  "max by (group) (test_oldest_seconds) > 10" },
		{ "metric: test_open, by: [group], value: max, above: 3, window: 250ms",
		  "max by (group) (max_over_time(test_open[250ms])) > 3" },
		{ "metric: test_open, value: mean, below: 3",
		  "sum(avg_over_time(test_open[30s])) < 3" },
		{ "metric: test_failed_total, of: { metric: test_events_total, where: { group: a } }, value: ratio, above: 10%, min_events: 5",
		  "sum(rate(test_failed_total[30s])) / sum(rate(test_events_total{group=\"a\"}[30s])) > 0.1\n"
		  "and sum(increase(test_events_total{group=\"a\"}[30s])) >= 5" },
		{ "metric: test_failed_total, of: { metric: test_events_total }, value: ratio, below: 0.5, min_events: 5",
		  "(sum(rate(test_failed_total[30s])) or 0 * sum(rate(test_events_total[30s]))) / sum(rate(test_events_total[30s])) < 0.5\n"
		  "and sum(increase(test_events_total[30s])) >= 5" },
		{ "metric: test_oldest_seconds, by: [group, rule], value: last, above: 10s, while: [ { metric: test_events_total, value: count, below: 1 }, { metric: test_switch, above: 0 } ]",
		  "max by (group, rule) (test_oldest_seconds) > 10\n"
		  "unless sum by (group, rule) (increase(test_events_total[30s])) >= 1\n"
		  "and on (rule) sum by (rule) (test_switch) > 0" },
		{ "metric: test_wait_seconds, by: [group], value: p75, above: 3x baseline, at_least: 10ms, window: 10s, min_events: 20",
		  "histogram_quantile(0.75, sum by (le, group) (rate(test_wait_seconds_bucket[10s]))) > 3 * quantile_over_time(0.9, "
		  "(histogram_quantile(0.75, sum by (le, group) (rate(test_wait_seconds_bucket[10s]))))[1h:1m] offset 5m)\n"
		  "and histogram_quantile(0.75, sum by (le, group) (rate(test_wait_seconds_bucket[10s]))) > 0.01\n"
		  "and sum by (group) (rate(test_wait_seconds_count[10s])) <= max_over_time((sum by (group) (rate(test_wait_seconds_count[10s])))[1h:1m] offset 5m)\n"
		  "and sum by (group) (increase(test_wait_seconds_count[10s])) >= 20" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf text = { 0 }, expr = { 0 };
		struct conf *c;

		buf_printf(&text, "rules: [ { alert: A, %s } ]\n", cases[i].rule);
		c = rules_load(&text);
		assert_int_equal(promql_expr(c->rules[0], row_of, &expr), 0);
		assert_string_equal(buf_cstr(&expr), cases[i].expression);
		conf_free(c);
		buf_release(&text);
		buf_release(&expr);
	}
}

/* What Prometheus has no word for is said to be missing, not exported as something else. */
static void not_everything_can_be_said(void **state)
{
	static const char *const cases[] = {
		"metric: test_open, value: rate, above: 2",
		"metric: test_events_total, value: last, above: 2",
		"metric: test_open, value: p99, above: 2",
		"metric: test_absent, value: rate, above: 2",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf text = { 0 }, out = { 0 };
		struct conf *c;

		buf_printf(&text, "rules: [ { alert: Odd, %s } ]\n", cases[i]);
		c = rules_load(&text);
		export(c, row_of, 5 * NS_PER_SEC, &out);
		assert_non_null(strstr(buf_cstr(&out), "# Odd cannot be evaluated by Prometheus."));
		assert_null(strstr(buf_cstr(&out), "expr:"));
		conf_free(c);
		buf_release(&text);
		buf_release(&out);
	}
}

/* --- what promtool says */

static struct conf *builtin_load(void)
{
	struct buf error = { 0 };
	struct conf *c = conf_default(no_families);

	assert_non_null(c);
	if (rules_add_builtin(c, rule_builtin_start,
			      (size_t)(rule_builtin_end - rule_builtin_start), &error))
		fail_msg("%s", buf_cstr(&error));
	buf_release(&error);
	return c;
}

static void builtin_rules_are_rules(void **state)
{
	struct conf *c = builtin_load();
	struct buf out = { 0 };
	unsigned exported = 0;

	(void)state;
	export(c, rule_metric, 5 * NS_PER_SEC, &out);
	for (const char *at = buf_cstr(&out); (at = strstr(at, "- alert:")); at++)
		exported++;
	assert_int_equal(exported, c->rule_cnt);
	assert_true(exported > 30);
	file_write("builtin.yml", &out);
	promtool("check rules", "builtin.yml");
	conf_free(c);
	buf_release(&out);
}

/* Windows that hold too few scrapes to be of use are widened, and only those. */
static void windows_fit_scrapes(void **state)
{
	struct buf text = { 0 }, out = { 0 };
	struct conf *c;

	(void)state;
	buf_str(&text,
		"rules: [ { alert: A, metric: test_events_total, value: rate, above: 2, window: 10s },"
		" { alert: B, metric: test_events_total, value: rate, above: 2, window: 5m } ]\n");
	c = rules_load(&text);
	export(c, row_of, 30 * NS_PER_SEC, &out);
	assert_non_null(strstr(buf_cstr(&out), "interval: 30s\n"));
	assert_non_null(strstr(buf_cstr(&out), "rate(test_events_total[1m])"));
	assert_non_null(strstr(buf_cstr(&out), "rate(test_events_total[5m])"));
	conf_free(c);
	buf_release(&text);
	buf_release(&out);
}

static const char *one_of(const char *const *words)
{
	unsigned cnt = 0;

	while (words[cnt])
		cnt++;
	return words[random() % cnt];
}
#define ONE_OF(...) one_of((const char *const[]){ __VA_ARGS__, NULL })

static void pattern_add(struct buf *b)
{
	static const char chars[] = "ab.*?|[]!^-+(){}$\\\\/ \"0";

	buf_char(b, '\'');
	for (unsigned len = 1 + (unsigned)random() % 8; len; len--)
		buf_char(b, chars[(size_t)random() % (sizeof(chars) - 1)]);
	buf_char(b, '\'');
}

static void where_add(struct buf *b)
{
	if (random() % 3 == 0)
		return;
	buf_str(b, ", where: { group: ");
	pattern_add(b);
	if (random() % 2) {
		buf_str(b, ", member: ");
		pattern_add(b);
	}
	buf_str(b, " }");
}

static void text_add(struct buf *b)
{
	static const char *const pieces[] = { "{{group}}",   "{{ value }}",   "{ %", "\\\\", "\\\"",
					      "\\u00e9 \\t", "{{threshold}}", "' #", ": ",   NULL };

	buf_char(b, '"');
	for (unsigned cnt = 1 + (unsigned)random() % 5; cnt; cnt--)
		buf_str(b, one_of(pieces));
	buf_char(b, '"');
}

static void any_rule_add(struct buf *b, unsigned n)
{
	static const char *const metrics[][2] = {
		{ "test_events_total", "rate" },  { "test_events_total", "count" },
		{ "test_wait_seconds", "rate" },  { "test_wait_seconds", "p99.99" },
		{ "test_wait_seconds", "p1" },	  { "test_wait_seconds", "mean" },
		{ "test_open", "last" },	  { "test_open", "mean" },
		{ "test_oldest_seconds", "max" }, { "test_failed_total", "ratio" },
	};
	const char *const *m = metrics[(size_t)random() % (sizeof(metrics) / sizeof(*metrics))];
	bool ratio = !strcmp(m[1], "ratio"), burn = ratio && random() % 2;

	buf_printf(b, "  - { alert: R%u, metric: %s, value: %s, by: %s", n, m[0], m[1],
		   ONE_OF("[group]", "[member, group]", "[rule, group]"));
	where_add(b);
	if (ratio) {
		buf_str(b, ", of: { metric: test_events_total");
		where_add(b);
		buf_str(b, " }");
	}
	if (burn)
		buf_str(b, ", burn_rate: { objective: 99.9%, factor: 6, long: 6h, short: 30m }");
	else
		buf_printf(b, ", %s, window: %s",
			   ONE_OF("above: 0", "above: 0.125", "below: 12", "above: 2.5x baseline"),
			   ONE_OF("100ms", "30s", "90s", "1h"));
	buf_printf(b, ", for: %s, keep_firing_for: %s, severity: %s, cause: %s",
		   ONE_OF("0s", "15s", "1m"), ONE_OF("0s", "5m"), ONE_OF("page", "warning", "info"),
		   ONE_OF("on", "off"));
	buf_str(b, ", labels: { team: ");
	text_add(b);
	buf_str(b, " }, annotations: { note: ");
	text_add(b);
	buf_str(b, " }, reason: ");
	text_add(b);
	if (random() % 2)
		buf_printf(
			b,
			", while: [ { metric: test_switch, %s }, { metric: test_events_total, value: rate, %s } ]",
			ONE_OF("above: 0", "below: 1"), ONE_OF("above: 7", "below: 0.5"));
	buf_str(b, " }\n");
}

static void any_rules_are_rules(void **state)
{
	struct buf text = { 0 }, out = { 0 };
	struct conf *c;

	(void)state;
	srandom(7);
	buf_str(&text, "rules:\n");
	for (unsigned n = 0; n < 1000; n++)
		any_rule_add(&text, n);
	c = rules_load(&text);
	export(c, row_of, 5 * NS_PER_SEC, &out);
	file_write("any.yml", &out);
	promtool("check rules", "any.yml");
	conf_free(c);
	buf_release(&text);
	buf_release(&out);
}

/* --- whether Prometheus decides as the engine does */

/* The series of a member of a group that a rule is about, as samples of Prometheus. */
struct member {
	struct series *series[METRICS]; /* NULL: the rule does not use it */
	struct buf samples[METRICS];	/* of WAIT: of its sum */
	struct buf buckets[BUCKETS_MAX + 1];
};

struct subject {
	enum {
		RATE,
		COUNT,
		RATIO,
		QUANTILE,
		MEAN,
		EVENT_RATE,
		LAST,
		MAX,
		GAUGE_MEAN,
		AGE,
		BURN,
		KINDS
	} kind;
	bool below;
	unsigned high[2], until[2]; /* of each group: is it wrong, and until which tick */
	struct member members[2][MEMBERS];
	struct series *guard;
	struct buf guard_samples;
};

struct world {
	struct registry registry;
	struct family *families[METRICS];
	struct history *history;
	struct engine *engine;
	struct conf *conf;
	struct subject subjects[RULES];
	bool firing[RULES][2];
	struct buf tests; /* for promtool */
};

static const bool uses[KINDS][METRICS] = {
	[RATE] = { [EVENTS] = true },
	[COUNT] = { [EVENTS] = true },
	[RATIO] = { [EVENTS] = true, [FAILED] = true },
	[QUANTILE] = { [WAIT] = true },
	[MEAN] = { [WAIT] = true },
	[EVENT_RATE] = { [WAIT] = true },
	[LAST] = { [OPEN] = true },
	[MAX] = { [OPEN] = true },
	[GAUGE_MEAN] = { [OPEN] = true },
	[AGE] = { [OLDEST] = true },
	[BURN] = { [EVENTS] = true, [FAILED] = true },
};

/*
 * Windows of gauges end a second early: at both ends of one that is a whole number of ticks Prometheus has a sample, the
 * history has one less.
 */
static void subject_rule(struct buf *b, const struct subject *s, unsigned n)
{
	static const struct {
		const char *value, *threshold;
		bool gauge, events;
	} kinds[KINDS] = {
		[RATE] = { "metric: test_events_total, value: rate", "3" },
		[COUNT] = { "metric: test_events_total, value: count", "24" },
		[RATIO] = { "metric: test_failed_total, of: { metric: test_events_total, where: { rule: %s } }, value: ratio",
			    "50%", .events = true },
		[QUANTILE] = { "metric: test_wait_seconds, value: p75", "0.0078125s",
			       .events = true },
		[MEAN] = { "metric: test_wait_seconds, value: mean", "20300us", .events = true },
		[EVENT_RATE] = { "metric: test_wait_seconds, value: rate", "2" },
		[LAST] = { "metric: test_open, value: last", "12", .gauge = true },
		[MAX] = { "metric: test_open, value: max", "6", .gauge = true },
		[GAUGE_MEAN] = { "metric: test_open, value: mean", "12.1", .gauge = true },
		[AGE] = { "metric: test_oldest_seconds, value: last", "5s", .gauge = true },
		[BURN] = { "metric: test_failed_total, of: { metric: test_events_total, where: { rule: %s } }, value: ratio",
			   NULL },
	};
	char rule[16];

	snprintf(rule, sizeof(rule), "r%u", n);
	buf_printf(b, "  - { alert: R%u, ", n);
	buf_printf(b, kinds[s->kind].value, rule);
	buf_printf(b, ", where: { rule: %s }, by: [group], severity: page", rule);
	if (s->kind == BURN) {
		buf_str(b,
			", burn_rate: { objective: 99%, factor: 10, long: 32s, short: 8s }, min_events: 100");
	} else {
		buf_printf(b, ", %s: ", s->below ? "below" : "above");
		buf_str(b, kinds[s->kind].threshold);
		buf_printf(b, ", window: %us", (4U << random() % 4) - kinds[s->kind].gauge);
	}
	if (kinds[s->kind].events)
		buf_printf(b, ", min_events: %s", ONE_OF("1", "6"));
	buf_printf(b, ", for: %s, keep_firing_for: %s", ONE_OF("0s", "4s", "8s", "10s", "20s"),
		   ONE_OF("0s", "4s", "10s", "16s"));
	if (random() % 3 == 0)
		buf_printf(b, ", while: [ { metric: test_switch, where: { rule: %s }, %s } ]", rule,
			   ONE_OF("above: 0", "below: 1"));
	buf_str(b, " }\n");
}

static void subject_series(struct world *w, struct subject *s, unsigned n)
{
	char rule[16], member[16];

	snprintf(rule, sizeof(rule), "r%u", n);
	for (unsigned g = 0; g < 2; g++)
		for (unsigned i = 0; i < MEMBERS; i++) {
			snprintf(member, sizeof(member), "m%u", i);
			for (int m = 0; m < SWITCH; m++)
				if (uses[s->kind][m])
					s->members[g][i].series[m] =
						family_series(w->families[m],
							      (const char *[SERIES_LABELS]){
								      rule, g ? "b" : "a",
								      member });
		}
	if (random() % 3)
		s->guard =
			family_series(w->families[SWITCH], (const char *[SERIES_LABELS]){ rule });
}

/* Ten native buckets before the end of an exposed one of 2^-7 s, or ten after it. */
static void wait_add(struct series *s, bool high, unsigned cnt)
{
	const struct bucket *bound = &s->family->buckets->at[1];

	s->hist->bucket[high ? bound->end + 10 : bound->end - 10] += cnt;
	s->hist->sum_ns += cnt * (high ? 64000000ULL : 4000000ULL);
}

/* What happens to a member in a tick, in which its group is as it should be, or not. */
static void member_live(const struct subject *s, struct member *m, bool wrong, bool idle,
			bool healthy)
{
	bool high = wrong != s->below;
	unsigned few = (unsigned)random() % 5, many = 4 + (unsigned)random() % 9,
		 some = healthy ? (high ? 12 : 0)
			: high	? many
				: few,
		 events = 2 + few;

	if (s->kind == BURN)
		events = 1000;
	else if (idle)
		events = 0;
	if (s->kind == RATE || s->kind == COUNT)
		*m->series[EVENTS]->value += some;
	else if (m->series[EVENTS])
		*m->series[EVENTS]->value += events;
	if (m->series[FAILED])
		*m->series[FAILED]->value += healthy	       ? (high ? events : 0)
					     : s->kind == BURN ? (high ? events / 2 : 0)
					     : high ? events - (unsigned)random() % (events / 2 + 1)
						    : (unsigned)random() % (events / 2 + 1);
	if (m->series[OPEN])
		*m->series[OPEN]->value = some;
	if (m->series[OLDEST])
		*m->series[OLDEST]->value = (s64)(some * NS_PER_SEC);
	if (m->series[WAIT] && s->kind == EVENT_RATE)
		wait_add(m->series[WAIT], random() % 2, some);
	else if (m->series[WAIT])
		for (unsigned i = 0; i < events; i++)
			wait_add(m->series[WAIT],
				 healthy ? high
				 : high	 ? random() % 4 != 0
					 : random() % 4 == 0,
				 1);
}

static void world_live(struct world *w, unsigned tick)
{
	for (unsigned n = 0; n < RULES; n++) {
		struct subject *s = &w->subjects[n];

		for (unsigned g = 0; g < 2; g++) {
			bool healthy = tick <= WARM_UP, idle = !healthy && random() % 6 == 0;

			if (tick > s->until[g]) {
				s->until[g] = tick + 1 + (unsigned)random() % 10;
				s->high[g] = !s->high[g];
			}
			for (unsigned i = 0; i < MEMBERS; i++)
				member_live(s, &s->members[g][i], !healthy && s->high[g], idle,
					    healthy);
		}
		if (s->guard && random() % 5 == 0)
			*s->guard->value = !*s->guard->value;
	}
}

static void sample_add(struct buf *b, const struct series *s)
{
	if (s && !s->hist && s->family->metric->unit == UNIT_SECONDS)
		buf_seconds(b, (u64)*s->value);
	else if (s && !s->hist)
		buf_i64(b, *s->value);
	else if (s)
		buf_seconds(b, s->hist->sum_ns);
	buf_char(b, ' ');
}

static void member_sample(struct member *m)
{
	const struct series *wait = m->series[WAIT];
	u64 cnt = 0;

	for (int i = 0; i < SWITCH; i++)
		sample_add(&m->samples[i], m->series[i]);
	if (!wait)
		return;
	for (unsigned at = 0, native = 0; at <= wait->family->buckets->cnt; at++) {
		unsigned end = at < wait->family->buckets->cnt ? wait->family->buckets->at[at].end
							       : HIST_BUCKETS;

		for (; native < end; native++)
			cnt += wait->hist->bucket[native];
		buf_u64(&m->buckets[at], cnt);
		buf_char(&m->buckets[at], ' ');
	}
}

static void world_sample(struct world *w)
{
	for (unsigned n = 0; n < RULES; n++) {
		struct subject *s = &w->subjects[n];

		for (unsigned i = 0; i < 2 * MEMBERS; i++)
			member_sample(&s->members[i / MEMBERS][i % MEMBERS]);
		sample_add(&s->guard_samples, s->guard);
	}
}

static void series_write(struct buf *out, const struct series *s, const char *suffix,
			 const char *le, struct buf *samples)
{
	buf_printf(out, "      - { series: '%s%s{%s", s->family->metric->name, suffix, s->labels);
	if (*le)
		buf_printf(out, ",le=\"%s\"", le);
	buf_printf(out, "}', values: '%s' }\n", buf_cstr(samples));
	buf_release(samples);
}

static void member_write(struct buf *out, struct member *m)
{
	const struct series *wait = m->series[WAIT];

	for (int i = 0; i < SWITCH; i++)
		if (m->series[i])
			series_write(out, m->series[i], i == WAIT ? "_sum" : "", "",
				     &m->samples[i]);
		else
			buf_release(&m->samples[i]);
	for (unsigned at = 0; wait && at <= wait->family->buckets->cnt; at++) {
		bool all = at == wait->family->buckets->cnt;
		struct buf count = { 0 };

		buf_add(&count, m->buckets[at].data, m->buckets[at].len);
		series_write(out, wait, "_bucket", all ? "+Inf" : wait->family->buckets->at[at].le,
			     &m->buckets[at]);
		if (all)
			series_write(out, wait, "_count", "", &count);
		buf_release(&count);
	}
}

static void firing_note(void *ctx, const struct alert *a)
{
	struct world *w = ctx;

	if (a->state == ALERT_FIRING)
		w->firing[atoi(a->rule->alert + 1)][*a->label[0] == 'b'] = true;
}

/* What is expected of Prometheus at this tick is what the engine says. */
static unsigned world_expect(struct world *w, unsigned tick)
{
	unsigned firing = 0;

	memset(w->firing, 0, sizeof(w->firing));
	engine_each(w->engine, firing_note, w);
	for (unsigned n = 0; n < RULES; n++) {
		buf_printf(
			&w->tests,
			"      - eval_time: %us\n        alertname: R%u\n        exp_alerts:%s\n",
			tick * TICK_S, n, w->firing[n][0] || w->firing[n][1] ? "" : " []");
		for (unsigned g = 0; g < 2; g++) {
			if (!w->firing[n][g])
				continue;
			firing++;
			buf_printf(
				&w->tests,
				"          - { exp_labels: { group: %c, severity: page }, exp_annotations: { summary: R%u } }\n",
				g ? 'b' : 'a', n);
		}
	}
	return firing;
}

static void world_begin(struct world *w)
{
	static const u64 bounds[] = { 976562, 7812500, 125000000, 1000000000 };
	struct engine_hooks hooks = { 0 };
	struct buf text = { 0 };

	w->registry.now_ns = NS_PER_SEC;
	for (int set = 0; set < BUCKET_SETS; set++)
		buckets_list(&w->registry.buckets[set], bounds, 4);
	for (int m = 0; m < METRICS; m++)
		w->families[m] = registry_add(&w->registry, &rows[m]);
	buf_str(&text, "rules:\n");
	for (unsigned n = 0; n < RULES; n++) {
		struct subject *s = &w->subjects[n];

		s->kind = n % KINDS;
		/* a percentile at the end of a bucket is at its bound for Prometheus, below it for finer buckets */
		s->below = s->kind != BURN && s->kind != QUANTILE && random() % 3 == 0;
		subject_rule(&text, s, n);
		subject_series(w, s, n);
	}
	w->conf = rules_load(&text);
	assert_int_equal(w->conf->rule_cnt, RULES);
	w->history = history_new(&w->registry, w->registry.now_ns, 64 << 20);
	w->engine = engine_new(&w->registry, w->history, NULL, &hooks);
	assert_int_equal(engine_configure(w->engine,
					  (const struct rule_conf *const *)w->conf->rules,
					  w->conf->rule_cnt, TICK_S * NS_PER_SEC, 0),
			 0);
	buf_release(&text);
}

static void world_end(struct world *w)
{
	engine_free(w->engine);
	history_free(w->history);
	registry_release(&w->registry);
	conf_free(w->conf);
	buf_release(&w->tests);
	free(w);
}

static void world_write(struct world *w)
{
	struct buf out = { 0 };

	export(w->conf, row_of, TICK_S * NS_PER_SEC / 4, &out);
	file_write("agree.yml", &out);
	buf_reset(&out);
	buf_printf(
		&out,
		"rule_files: [ agree.yml ]\nevaluation_interval: %ds\ntests:\n  - interval: %ds\n    input_series:\n",
		TICK_S, TICK_S);
	for (unsigned n = 0; n < RULES; n++) {
		struct subject *s = &w->subjects[n];

		for (unsigned i = 0; i < 2 * MEMBERS; i++)
			member_write(&out, &s->members[i / MEMBERS][i % MEMBERS]);
		if (s->guard)
			series_write(&out, s->guard, "", "", &s->guard_samples);
		buf_release(&s->guard_samples);
	}
	buf_str(&out, "    alert_rule_test:\n");
	buf_add(&out, w->tests.data, w->tests.len);
	file_write("agree.test.yml", &out);
	buf_release(&out);
}

static void prometheus_agrees(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned firing = 0;

	(void)state;
	srandom(getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 11);
	world_begin(w);
	world_sample(w);
	for (unsigned tick = 1; tick <= TICKS; tick++) {
		world_live(w, tick);
		w->registry.now_ns += TICK_S * NS_PER_SEC;
		world_sample(w);
		assert_int_equal(history_tick(w->history, 0), 0);
		while (engine_evaluate(w->engine, w->registry.now_ns, (s64)w->registry.now_ns,
				       UINT64_MAX))
			;
		if (tick >= WARM_UP)
			firing += world_expect(w, tick);
	}
	/* the comparison is about something */
	assert_in_range(firing, 2 * RULES * TICKS / 20, 2 * RULES * TICKS / 2);
	world_write(w);
	promtool("check rules", "agree.yml");
	promtool("test rules", "agree.test.yml");
	world_end(w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(expressions_are),	   cmocka_unit_test(not_everything_can_be_said),
	cmocka_unit_test(builtin_rules_are_rules), cmocka_unit_test(windows_fit_scrapes),
	cmocka_unit_test(any_rules_are_rules),	   cmocka_unit_test(prometheus_agrees),
};

int main(void)
{
	return cmocka_run_group_tests_name("promql", tests, folder_make, folder_remove);
}
