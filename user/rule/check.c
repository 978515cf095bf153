// SPDX-License-Identifier: BSD-3-Clause
#include "rule/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "collect/self.h"
#include "conf/suggest.h"
#include "probe/probe.h"

static const char *const kinds[METRIC_KINDS] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

struct check {
	const struct rule_conf *rule;
	struct buf *error;
};

__attribute__((format(printf, 3, 4))) static int rule_error(const struct check *c, unsigned line,
							    const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_printf(c->error, "%s:%u: %s", c->rule->file, line, text);
	return -EINVAL;
}

/* --- metrics and labels */

/* Calls `each` until it returns false. */
static void metrics_each(bool (*each)(void *ctx, const struct metric *m), void *ctx)
{
	for (const struct probe *const *p = probes; *p; p++)
		for (const struct metric *m = (*p)->metrics; m->name; m++)
			if (!m->sample && !each(ctx, m))
				return;
	for (const struct metric *m = self_metrics; m->name; m++)
		if (!each(ctx, m))
			return;
}

struct search {
	const char *name;
	const struct metric *found;
};

static bool is_searched(void *ctx, const struct metric *m)
{
	struct search *s = ctx;

	if (!strcmp(m->name, s->name))
		s->found = m;
	return !s->found;
}

const struct metric *rule_metric(const char *name)
{
	struct search s = { name, NULL };

	metrics_each(is_searched, &s);
	return s.found;
}

#define NAMES_MAX 256

struct names {
	const char *at[NAMES_MAX + 1];
	size_t cnt;
};

static bool name_add(void *ctx, const struct metric *m)
{
	struct names *n = ctx;

	n->at[n->cnt++] = m->name;
	return n->cnt < NAMES_MAX;
}

static int metric_unknown(const struct check *c, const struct rule_term *t)
{
	struct names names = { 0 };
	const char *nearest;

	metrics_each(name_add, &names);
	nearest = suggestion(t->metric, names.at);
	rule_error(c, t->line, "unknown metric '%s'", t->metric);
	if (nearest)
		buf_printf(c->error, ", did you mean '%s'?", nearest);
	else
		buf_str(c->error, " (`seismo metrics` lists those that there are)");
	return -EINVAL;
}

static int label_check(const struct check *c, const struct metric *m, const char *label,
		       unsigned line)
{
	const char *names[SERIES_LABELS + 1] = { NULL };
	unsigned cnt = 0;

	if (m->service)
		names[cnt++] = "service";
	for (unsigned i = 0; i < METRIC_LABELS && m->labels[i].name; i++)
		names[cnt++] = m->labels[i].name;
	for (unsigned i = 0; i < cnt; i++)
		if (!strcmp(names[i], label))
			return 0;
	rule_error(c, line, "'%s' has no label '%s'", m->name, label);
	if (cnt)
		suggest(c->error, label, names);
	return -EINVAL;
}

/* The term's metric, and its labels. `grouped`: it has those of `by` as well. */
static int term_check(const struct check *c, const struct rule_term *t, bool grouped,
		      const struct metric **ret)
{
	const struct metric *m = rule_metric(t->metric);
	int err = 0;

	*ret = m;
	if (!m)
		return metric_unknown(c, t);
	for (unsigned i = 0; i < t->where_cnt && !err; i++)
		err = label_check(c, m, t->where[i].key, t->where[i].line);
	for (unsigned i = 0; grouped && i < c->rule->by_cnt && !err; i++)
		err = label_check(c, m, c->rule->by[i], c->rule->by_line[i]);
	return err;
}

/* --- values and units */

static int value_check(const struct check *c, enum rule_value value, const struct metric *m,
		       unsigned line)
{
	static const struct {
		unsigned kinds; /* bits */
		const char *value, *needs;
	} rows[] = {
		[RULE_RATE] = { 1 << METRIC_COUNTER | 1 << METRIC_HISTOGRAM, "rate",
				"counter or histogram" },
		[RULE_COUNT] = { 1 << METRIC_COUNTER | 1 << METRIC_HISTOGRAM, "count",
				 "counter or histogram" },
		[RULE_RATIO] = { 1 << METRIC_COUNTER | 1 << METRIC_HISTOGRAM | 1 << METRIC_GAUGE },
		[RULE_MEAN] = { 1 << METRIC_HISTOGRAM | 1 << METRIC_GAUGE, "mean",
				"histogram or gauge" },
		[RULE_QUANTILE] = { 1 << METRIC_HISTOGRAM, "percentile", "histogram" },
		[RULE_LAST] = { 1 << METRIC_GAUGE, "last", "gauge" },
		[RULE_MAX] = { 1 << METRIC_GAUGE, "max", "gauge" },
	};

	if (rows[value].kinds & 1U << m->kind)
		return 0;
	return rule_error(c, line, "the value '%s' is of a %s, and '%s' is a %s", rows[value].value,
			  rows[value].needs, m->name, kinds[m->kind]);
}

/* What is counted or measured. */
static enum rule_unit unit_of(const struct metric *m, enum rule_value value)
{
	bool events = m->kind == METRIC_HISTOGRAM && value != RULE_MEAN && value != RULE_QUANTILE;

	if (events)
		return RULE_PLAIN;
	return m->unit == UNIT_SECONDS ? RULE_SECONDS
	       : m->unit == UNIT_BYTES ? RULE_BYTES
				       : RULE_PLAIN;
}

/* `share`: the value is a part of something, and can be in percent. */
static int unit_check(const struct check *c, double number, enum rule_unit unit,
		      enum rule_unit expected, bool share, unsigned line)
{
	static const char *const examples[] = { [RULE_PLAIN] = "a plain number",
						[RULE_PERCENT] = "a part such as 10% or 0.1",
						[RULE_SECONDS] = "a duration such as 50ms",
						[RULE_BYTES] = "a size such as 64MiB" };
	struct buf text = { 0 };

	if (unit == expected || !number || (share && (unit == RULE_PERCENT || unit == RULE_PLAIN)))
		return 0;
	number_write(number, unit, &text);
	rule_error(c, line, "'%s' has the wrong unit, this value is %s", buf_cstr(&text),
		   examples[share && expected == RULE_PLAIN ? RULE_PERCENT : expected]);
	buf_release(&text);
	return -EINVAL;
}

static int ratio_check(const struct check *c, const struct metric *m, const struct metric *of)
{
	const struct rule_conf *r = c->rule;

	if ((m->kind == METRIC_GAUGE) != (of->kind == METRIC_GAUGE))
		return rule_error(c, r->of.line,
				  "a ratio of a %s, '%s', and a %s, '%s', says nothing",
				  kinds[m->kind], m->name, kinds[of->kind], of->name);
	if (r->condition == RULE_BURN_RATE && unit_of(m, RULE_RATIO) != unit_of(of, RULE_RATIO))
		return rule_error(c, r->of.line,
				  "'burn_rate' is of a part, and these have different units");
	return 0;
}

static int thresholds_check(const struct check *c, const struct metric *m, const struct metric *of)
{
	const struct rule_conf *r = c->rule;
	enum rule_unit expected = unit_of(m, r->value);
	bool share = r->value == RULE_RATE && expected == RULE_SECONDS;
	int err = 0;

	if (of) {
		enum rule_unit whole = unit_of(of, r->value);

		share = expected == whole;
		if (share || whole != RULE_PLAIN)
			expected = RULE_PLAIN;
	}
	if (r->condition == RULE_ABOVE || r->condition == RULE_BELOW)
		err = unit_check(c, r->threshold, r->threshold_unit, expected, share,
				 r->threshold_line);
	return err
		       ?: unit_check(c, r->at_least, r->at_least_unit, expected, share,
				     r->at_least_line);
}

/* --- rules */

static int guard_check(const struct check *c, const struct rule_guard *g)
{
	const struct metric *m;
	int err = term_check(c, &g->term, false, &m);
	enum rule_unit expected;

	err = err ?: value_check(c, g->value, m, g->term.line);
	if (err)
		return err;
	expected = unit_of(m, g->value);
	return unit_check(c, g->threshold, g->threshold_unit, expected,
			  g->value == RULE_RATE && expected == RULE_SECONDS, g->threshold_line);
}

static int rule_check(const struct check *c)
{
	const struct rule_conf *r = c->rule;
	const struct metric *m, *of = NULL, *load;
	int err = term_check(c, &r->term, true, &m);

	if (!err && r->of.metric)
		err = term_check(c, &r->of, true, &of);
	if (!err && r->load.metric)
		err = term_check(c, &r->load, true, &load)
			      ?: value_check(c, RULE_RATE, load, r->load.line);
	if (!err)
		err = value_check(c, r->value, m, r->term.line);
	if (!err && of)
		err = ratio_check(c, m, of);
	if (!err)
		err = thresholds_check(c, m, of);
	for (unsigned i = 0; i < r->guard_cnt && !err; i++)
		err = guard_check(c, &r->guards[i]);
	return err;
}

int rules_check(const struct conf *c, struct buf *error)
{
	int err = 0;

	for (unsigned i = 0; i < c->rule_cnt && !err; i++)
		if (c->rules[i]->term.metric) /* does not only switch another one off */
			err = rule_check(&(struct check){ c->rules[i], error });
	return err;
}
