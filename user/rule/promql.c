// SPDX-License-Identifier: BSD-3-Clause
#include "rule/promql.h"

#include <errno.h>
#include <string.h>

#include "lib/utf8.h"
#include "rule/burn.h"

#define NS_PER_MS 1000000ULL

/* What a baseline is compared with: the hour before, but for the last minutes, which may be what is wrong. */
#define USUAL	       "[1h:1m] offset 5m"
#define USUAL_QUANTILE 0.9

/* What a group is: labels of its series. */
struct grouping {
	const char *label[RULE_BY_MAX];
	unsigned cnt;
};

/* A term with the row of its metric. */
struct operand {
	const struct rule_term *term;
	const struct metric *metric;
};

void promql_duration(u64 ns, struct buf *b)
{
	static const struct {
		u64 ns;
		const char *name;
	} units[] = { { 3600000 * NS_PER_MS, "h" },
		      { 60000 * NS_PER_MS, "m" },
		      { 1000 * NS_PER_MS, "s" },
		      { NS_PER_MS, "ms" } };
	unsigned i = 0;

	ns = (ns + NS_PER_MS - 1) / NS_PER_MS * NS_PER_MS;
	while (ns % units[i].ns)
		i++;
	buf_u64(b, ns / units[i].ns);
	buf_str(b, ns ? units[i].name : "s");
}

/* The code point of a character of so many bytes. */
static u32 code_point(const char *s, size_t len)
{
	u32 code = len == 1 ? (unsigned char)*s : (unsigned char)*s & (0x7fU >> len);

	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)s[i] & 0x3f);
	return code;
}

/* YAML forbids control characters, and takes some others for the end of a line, or of bytes that are no text. */
static bool is_plain(u32 code)
{
	if (code < 0xa0)
		return code >= ' ' && code <= '~';
	return code != 0x2028 && code != 0x2029 && code != 0xfeff && code != 0xfffe &&
	       code != 0xffff;
}

void promql_quote(const char *text, struct buf *b)
{
	buf_char(b, '"');
	for (size_t len; *text; text += len) {
		len = utf8_len(text);
		if (!len) {
			buf_str(b, UTF8_REPLACEMENT);
			len = 1;
		} else if (!is_plain(code_point(text, len))) {
			buf_printf(b, "\\u%04x", (unsigned)code_point(text, len));
		} else {
			if (*text == '"' || *text == '\\')
				buf_char(b, '\\');
			buf_add(b, text, len);
		}
	}
	buf_char(b, '"');
}

static void literal_write(struct buf *b, char c)
{
	if (strchr("\\.+*?()|[]{}^$", c))
		buf_char(b, '\\');
	buf_char(b, c);
}

/* The end of a bracket expression of fnmatch(3); NULL: the bracket is an ordinary character. */
static const char *bracket_end(const char *open, const char *end)
{
	const char *c = open + 1;

	c += c < end && (*c == '!' || *c == '^');
	for (const char *first = c; c < end; c++) {
		if (*c == '\\')
			c++;
		else if (*c == '[' && c + 1 < end && c[1] == ':') {
			const char *close = strstr(c + 2, ":]");

			c = close && close < end ? close + 1 : c;
		} else if (*c == ']' && c > first)
			return c;
	}
	return NULL;
}

static const char *bracket_write(struct buf *b, const char *open, const char *close)
{
	const char *c = open + 1;

	buf_char(b, '[');
	if (*c == '!' || *c == '^') {
		buf_char(b, '^');
		c++;
	}
	if (*c == ']') {
		buf_str(b, "\\]");
		c++;
	}
	for (; c < close; c++) {
		if (*c == '[' && c[1] != ':')
			buf_char(b, '\\');
		buf_char(b, *c);
	}
	buf_char(b, ']');
	return close;
}

/* As a regular expression, which Prometheus anchors at both ends; see conf/pattern.h. */
static void regex_write(struct buf *b, const char *pattern)
{
	const char *end = pattern + strlen(pattern), *close;

	for (const char *c = pattern; c < end; c++) {
		if (*c == '|')
			buf_char(b, '|');
		else if (*c == '*')
			buf_str(b, ".*");
		else if (*c == '?')
			buf_char(b, '.');
		else if (*c == '[' && (close = bracket_end(c, c + strcspn(c, "|"))))
			c = bracket_write(b, c, close);
		else if (*c == '\\' && c[1] && c[1] != '|')
			literal_write(b, *++c);
		else
			literal_write(b, *c);
	}
}

static void matcher_write(struct buf *b, const struct rule_pair *p)
{
	const bool negative = *p->value == '!';
	const char *pattern = p->value + negative;
	struct buf regex = { 0 };

	buf_printf(b, "%s%c", p->key, negative ? '!' : '=');
	if (strpbrk(pattern, "*?[|\\")) {
		buf_char(b, '~');
		regex_write(&regex, pattern);
		promql_quote(buf_cstr(&regex), b);
	} else {
		if (negative)
			buf_char(b, '=');
		promql_quote(pattern, b);
	}
	b->failed |= regex.failed;
	buf_release(&regex);
}

static void selector_write(struct buf *b, const struct rule_term *t, const char *suffix)
{
	buf_printf(b, "%s%s", t->metric, suffix);
	for (unsigned i = 0; i < t->where_cnt; i++) {
		buf_char(b, i ? ',' : '{');
		matcher_write(b, &t->where[i]);
	}
	if (t->where_cnt)
		buf_char(b, '}');
}

/* `by (a, b) ` */
static void labels_write(struct buf *b, const char *keyword, const struct grouping *g, bool le)
{
	buf_printf(b, "%s (%s", keyword, le ? "le" : "");
	for (unsigned i = 0; i < g->cnt; i++)
		buf_printf(b, "%s%s", i || le ? ", " : "", g->label[i]);
	buf_str(b, ") ");
}

/* `sum by (a, b) (function(metric{...}[10s]))`; without function the last value. */
static void sum_write(struct buf *b, const struct operand *o, const struct grouping *g,
		      const char *function, u64 window_ns, const char *suffix)
{
	bool le = !strcmp(suffix, "_bucket");

	buf_str(b, o->metric->largest || !strcmp(function, "max_over_time") ? "max" : "sum");
	if (g->cnt || le) {
		buf_char(b, ' ');
		labels_write(b, "by", g, le);
	}
	buf_printf(b, "(%s%s", function, *function ? "(" : "");
	selector_write(b, o->term, suffix);
	if (*function) {
		buf_char(b, '[');
		promql_duration(window_ns, b);
		buf_str(b, "])");
	}
	buf_char(b, ')');
}

static const char *count_suffix(const struct operand *o)
{
	return o->metric->kind == METRIC_HISTOGRAM ? "_count" : "";
}

/*
 * A numerator without series is 0 where there is a denominator. Prometheus drops it, which only matters where small values are
 * wrong.
 */
static void ratio_write(struct buf *b, const struct operand *a, const struct operand *of,
			const struct grouping *g, u64 window_ns, bool zero)
{
	const char *function = a->metric->kind == METRIC_GAUGE ? "" : "rate";

	if (zero)
		buf_char(b, '(');
	sum_write(b, a, g, function, window_ns, count_suffix(a));
	if (zero) {
		buf_str(b, " or 0 * ");
		sum_write(b, of, g, function, window_ns, count_suffix(of));
		buf_char(b, ')');
	}
	buf_str(b, " / ");
	sum_write(b, of, g, function, window_ns, count_suffix(of));
}

static int mean_write(struct buf *b, const struct operand *o, const struct grouping *g,
		      u64 window_ns)
{
	if (o->metric->kind == METRIC_COUNTER)
		return -ENOTSUP;
	if (o->metric->kind == METRIC_GAUGE) {
		sum_write(b, o, g, "avg_over_time", window_ns, "");
		return 0;
	}
	sum_write(b, o, g, "rate", window_ns, "_sum");
	buf_str(b, " / ");
	sum_write(b, o, g, "rate", window_ns, "_count");
	return 0;
}

static int simple_value_write(struct buf *b, const struct operand *o, enum rule_value value,
			      const struct grouping *g, u64 window_ns)
{
	const bool gauge = o->metric->kind == METRIC_GAUGE;

	switch (value) {
	case RULE_RATE:
	case RULE_COUNT:
		if (gauge)
			return -ENOTSUP;
		sum_write(b, o, g, value == RULE_RATE ? "rate" : "increase", window_ns,
			  count_suffix(o));
		return 0;
	case RULE_MEAN:
		return mean_write(b, o, g, window_ns);
	case RULE_LAST:
	case RULE_MAX:
		if (!gauge)
			return -ENOTSUP;
		sum_write(b, o, g, value == RULE_LAST ? "" : "max_over_time", window_ns, "");
		return 0;
	default:
		return -ENOTSUP;
	}
}

/* A rule that is being written. */
struct writer {
	const struct rule_conf *rule;
	promql_find find;
	struct operand term, of;
	struct grouping by;
	struct buf *out;
};

static int value_write(struct writer *w, u64 window_ns)
{
	const struct rule_conf *r = w->rule;

	if (r->value == RULE_RATIO) {
		if ((w->term.metric->kind == METRIC_GAUGE) != (w->of.metric->kind == METRIC_GAUGE))
			return -ENOTSUP;
		ratio_write(w->out, &w->term, &w->of, &w->by, window_ns,
			    r->condition == RULE_BELOW);
		return 0;
	}
	if (r->value != RULE_QUANTILE)
		return simple_value_write(w->out, &w->term, r->value, &w->by, window_ns);
	if (w->term.metric->kind != METRIC_HISTOGRAM)
		return -ENOTSUP;
	buf_str(w->out, "histogram_quantile(");
	decimal_write(r->quantile, w->out);
	buf_str(w->out, ", ");
	sum_write(w->out, &w->term, &w->by, "rate", window_ns, "_bucket");
	buf_char(w->out, ')');
	return 0;
}

static int compared_write(struct writer *w, u64 window_ns, const char *operator, double threshold)
{
	int err = value_write(w, window_ns);

	buf_printf(w->out, " %s ", operator);
	decimal_write(threshold, w->out);
	return err;
}

/* The load is that of the events which the rule is about. Of gauges there are none. */
static int baseline_write(struct writer *w)
{
	const struct rule_conf *r = w->rule;
	const struct operand *load = r->value == RULE_RATIO ? &w->of : &w->term;
	int err = value_write(w, r->window_ns);

	buf_str(w->out, " > ");
	decimal_write(r->factor, w->out);
	buf_str(w->out, " * quantile_over_time(");
	decimal_write(USUAL_QUANTILE, w->out);
	buf_str(w->out, ", (");
	err = err ?: value_write(w, r->window_ns);
	buf_str(w->out, ")" USUAL ")");
	if (r->at_least > 0) {
		buf_str(w->out, "\nand ");
		err = err ?: compared_write(w, r->window_ns, ">", r->at_least);
	}
	if (load->metric->kind == METRIC_GAUGE || r->value == RULE_RATE || r->value == RULE_COUNT)
		return err;
	buf_str(w->out, "\nand ");
	sum_write(w->out, load, &w->by, "rate", r->window_ns, count_suffix(load));
	buf_printf(w->out, " %s max_over_time((", r->unseen_load ? ">" : "<=");
	sum_write(w->out, load, &w->by, "rate", r->window_ns, count_suffix(load));
	buf_str(w->out, ")" USUAL ")");
	return err;
}

/* So many errors of the term, less the allowance, are too many of the requests. */
static void spent_write(struct writer *w, u64 window_ns, double limit)
{
	buf_str(w->out, "\nand (");
	sum_write(w->out, &w->term, &w->by, "increase", window_ns, count_suffix(&w->term));
	buf_printf(w->out, " - %d) / ", BURN_ALLOWANCE);
	sum_write(w->out, &w->of, &w->by, "increase", window_ns, count_suffix(&w->of));
	buf_str(w->out, " > ");
	decimal_write(limit, w->out);
}

static void requests_write(struct writer *w, const char *operator)
{
	const u64 least =
		w->rule->min_events > BURN_ALLOWANCE ? w->rule->min_events : BURN_ALLOWANCE + 1;

	buf_str(w->out, "\nand ");
	sum_write(w->out, &w->of, &w->by, "increase", w->rule->long_ns, count_suffix(&w->of));
	buf_printf(w->out, " %s %llu", operator,(unsigned long long) least);
}

/* See burn.h. Where requests are few the short window is the long one here. */
static int burn_rate_write(struct writer *w)
{
	const double limit = w->rule->factor * (1 - w->rule->objective);
	int err;

	buf_str(w->out, "(");
	err = compared_write(w, w->rule->long_ns, ">", limit);
	spent_write(w, w->rule->long_ns, limit);
	buf_str(w->out, "\nand ");
	err = err ?: compared_write(w, w->rule->short_ns, ">", limit);
	requests_write(w, ">=");
	buf_str(w->out, "\nor ");
	err = err ?: compared_write(w, PLAN_DAY_NS, ">", limit);
	spent_write(w, PLAN_DAY_NS, limit);
	buf_str(w->out, "\nand ");
	err = err ?: compared_write(w, w->rule->long_ns, ">", limit);
	requests_write(w, "<");
	buf_char(w->out, ')');
	return err;
}

static int condition_write(struct writer *w)
{
	const struct rule_conf *r = w->rule;

	switch (r->condition) {
	case RULE_BASELINE:
		return baseline_write(w);
	case RULE_BURN_RATE:
		return burn_rate_write(w);
	default:
		return compared_write(w, r->window_ns, r->condition == RULE_BELOW ? "<" : ">",
				      r->threshold);
	}
}

static void min_events_write(struct writer *w)
{
	const struct rule_conf *r = w->rule;
	const struct operand *o = r->value == RULE_RATIO ? &w->of : &w->term;

	if (!r->min_events || o->metric->kind == METRIC_GAUGE || r->condition == RULE_BURN_RATE)
		return;
	buf_str(w->out, "\nand ");
	sum_write(w->out, o, &w->by, "increase", r->window_ns, count_suffix(o));
	if (r->min_events == 1)
		buf_str(w->out, " > 0");
	else
		buf_printf(w->out, " >= %llu", (unsigned long long)r->min_events);
}

static bool metric_has_label(const struct metric *m, const char *name)
{
	if (m->service && !strcmp(name, "service"))
		return true;
	for (const struct metric_label *l = m->labels; l < m->labels + METRIC_LABELS && l->name;
	     l++)
		if (!strcmp(l->name, name))
			return true;
	return false;
}

/* Without series the value is 0, which is below: so what is not below must be missing. */
static int guard_write(struct writer *w, const struct rule_guard *g)
{
	const struct operand o = { &g->term, w->find(g->term.metric) };
	struct grouping common = { .cnt = 0 };
	int err;

	if (!o.metric)
		return -ENOENT;
	for (unsigned i = 0; i < w->by.cnt; i++)
		if (metric_has_label(o.metric, w->by.label[i]))
			common.label[common.cnt++] = w->by.label[i];
	buf_printf(w->out, "\n%s ", g->below ? "unless" : "and");
	if (common.cnt < w->by.cnt)
		labels_write(w->out, "on", &common, false);
	err = simple_value_write(w->out, &o, g->value, &common, w->rule->window_ns);
	buf_str(w->out, g->below ? " >= " : " > ");
	decimal_write(g->threshold, w->out);
	return err;
}

int promql_expr(const struct rule_conf *r, promql_find find, struct buf *out)
{
	struct writer w = { .rule = r, .find = find, .out = out };
	int err;

	w.term = (struct operand){ &r->term, find(r->term.metric) };
	if (r->value == RULE_RATIO)
		w.of = (struct operand){ &r->of, find(r->of.metric) };
	if (!w.term.metric || (r->value == RULE_RATIO && !w.of.metric))
		return -ENOENT;
	for (unsigned i = 0; i < r->by_cnt; i++)
		w.by.label[w.by.cnt++] = r->by[i];
	err = condition_write(&w);
	min_events_write(&w);
	for (unsigned i = 0; i < r->guard_cnt && !err; i++)
		err = guard_write(&w, &r->guards[i]);
	return err;
}
