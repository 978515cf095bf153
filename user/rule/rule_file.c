// SPDX-License-Identifier: BSD-3-Clause
#include "rule/rule_file.h"

#include <string.h>

#include "conf/template.h"

#define SCRAPES_MIN 2 /* in a window: what rate() needs */

#define HEAD                                                                                  \
	"# Rules of Seismo, for Prometheus 2.42 and later. Percentiles are as exact as the\n" \
	"# exposed buckets (`buckets` in Seismo's configuration), and a series counts from\n" \
	"# its second sample on. Scrape Seismo as often as the rules are evaluated.\n"
#define BASELINE                                                                                 \
	"Prometheus has no baseline by load. In Seismo usual is the median of the windows at "   \
	"this load in which nothing was wrong, of weeks, and 99 of 100 of them have to be "      \
	"exceeded, too. Here it is the 90th percentile of the hour until five minutes ago, at "  \
	"whatever load, faults included: one that lasts has become usual after eleven minutes, " \
	"and in the first hour any value may be. "
#define SEEN   "At a load that is higher than any in that hour nothing fires."
#define UNSEEN "It fires only at a load that is higher than any in that hour."
#define CAUSE                                                                                    \
	"Seismo tells this cause with severity %s while a symptom fires on the same service or " \
	"device; Prometheus always with info."

/* What humanises the value of the rule, after `$value`. */
static const char *value_format(const struct rule_conf *r, const struct metric *m)
{
	if (r->value == RULE_RATIO)
		return r->threshold_unit == RULE_PERCENT || r->condition == RULE_BURN_RATE
			       ? " | humanizePercentage"
			       : " | humanize";
	if (r->value == RULE_COUNT || (r->value == RULE_RATE && m->kind == METRIC_HISTOGRAM))
		return " | humanize";
	switch (m->unit) {
	case UNIT_SECONDS:
		return " | humanizeDuration";
	case UNIT_BYTES:
		return " | humanize1024";
	default:
		return " | humanize";
	}
}

static bool is_label(const struct rule_conf *r, const struct template_part *p)
{
	for (unsigned i = 0; i < r->by_cnt; i++)
		if (template_part_is(p, r->by[i]))
			return true;
	return false;
}

/* What stands in the text and would be a template of Prometheus, such as braces that are not closed. */
static void text_add(struct buf *b, const char *text, size_t len)
{
	for (const char *end = text + len; text < end; text++)
		if (end - text >= 2 && !memcmp(text, "{{", 2)) {
			buf_str(b, "{{ `{{` }}");
			text++;
		} else
			buf_char(b, *text);
}

/* The templates of Prometheus for those of a rule. */
static void template_convert(const struct rule_conf *r, const struct metric *m,
			     const char *template, struct buf *b)
{
	struct template_part p;

	while (template_next(&template, &p)) {
		if (!p.variable)
			text_add(b, p.text, p.len);
		else if (template_part_is(&p, "value"))
			buf_printf(b, "{{ $value%s }}", value_format(r, m));
		else if (template_part_is(&p, "threshold"))
			number_write(r->threshold, r->threshold_unit, b);
		else if (template_part_is(&p, "baseline") && r->condition == RULE_BASELINE) {
			buf_str(b, "at most 1/");
			decimal_write(r->factor, b);
			buf_str(b, " of that");
		} else if (is_label(r, &p))
			buf_printf(b, "{{ $labels.%.*s }}", (int)p.len, p.text);
		else {
			buf_str(b, "{{ `{{");
			buf_add(b, p.text, p.len);
			buf_str(b, "}}` }}");
		}
	}
}

static void scalar_write(struct buf *out, const char *key, const char *text)
{
	buf_printf(out, "          %s: ", key);
	promql_quote(text, out);
	buf_char(out, '\n');
}

static void template_write(struct buf *out, const struct rule_conf *r, const struct metric *m,
			   const char *key, const char *template)
{
	struct buf text = { 0 };

	if (!template)
		return;
	template_convert(r, m, template, &text);
	scalar_write(out, key, buf_cstr(&text));
	out->failed |= text.failed;
	buf_release(&text);
}

/* Those of the rule itself; a label or an annotation that is written with the same name gives way. */
static bool is_taken(const char *key)
{
	static const char *const taken[] = { "alertname",   "severity", "summary", "description",
					     "runbook_url", "reason",	"runbook", "approximation",
					     "cause",	    NULL };

	for (const char *const *t = taken; *t; t++)
		if (!strcmp(*t, key))
			return true;
	return false;
}

static void pairs_write(struct buf *out, const struct rule_conf *r, const struct metric *m,
			const struct rule_pair *pairs, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++)
		if (!is_taken(pairs[i].key))
			template_write(out, r, m, pairs[i].key, pairs[i].value);
}

static void annotations_write(struct buf *out, const struct rule_conf *r, const struct metric *m)
{
	struct buf cause = { 0 };

	buf_str(out, "        annotations:\n");
	template_write(out, r, m, "summary", r->summary ?: r->alert);
	template_write(out, r, m, "description", r->description);
	template_write(out, r, m, "runbook_url", r->runbook_url);
	template_write(out, r, m, "reason", r->reason);
	template_write(out, r, m, "runbook", r->runbook);
	if (r->condition == RULE_BASELINE)
		scalar_write(out, "approximation",
			     r->unseen_load ? BASELINE UNSEEN : BASELINE SEEN);
	if (r->cause) {
		buf_printf(&cause, CAUSE, rule_severities[r->severity]);
		scalar_write(out, "cause", buf_cstr(&cause));
	}
	pairs_write(out, r, m, r->annotations, r->annotation_cnt);
	out->failed |= cause.failed;
	buf_release(&cause);
}

static void duration_line(struct buf *out, const char *key, u64 ns)
{
	if (!ns)
		return;
	buf_printf(out, "        %s: ", key);
	promql_duration(ns, out);
	buf_char(out, '\n');
}

static void block_write(struct buf *out, const char *text)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		buf_str(out, "          ");
		buf_add(out, line, len);
		buf_char(out, '\n');
		line += len + (line[len] == '\n');
	}
}

static void rule_write_in(struct buf *out, const struct rule_conf *r, const struct metric *m,
			  const char *expr)
{
	buf_str(out, "      - alert: ");
	promql_quote(r->alert, out);
	buf_str(out, "\n        expr: |-\n");
	block_write(out, expr);
	duration_line(out, "for", r->for_ns);
	duration_line(out, "keep_firing_for", r->keep_firing_for_ns);
	buf_str(out, "        labels:\n");
	scalar_write(out, "severity", rule_severities[r->cause ? RULE_INFO : r->severity]);
	pairs_write(out, r, m, r->labels, r->label_cnt);
	annotations_write(out, r, m);
}

static void widen(u64 *window_ns, u64 interval_ns)
{
	if (*window_ns && *window_ns < SCRAPES_MIN * interval_ns)
		*window_ns = SCRAPES_MIN * interval_ns;
}

void rule_file_write(const struct rule_file *f, struct buf *out)
{
	struct buf expr = { 0 };

	buf_str(out, HEAD "groups:\n  - name: seismo\n    interval: ");
	promql_duration(f->interval_ns, out);
	buf_str(out, "\n    rules:\n");
	for (unsigned i = 0; i < f->rule_cnt; i++) {
		struct rule_conf r = *f->rules[i];

		if (r.off)
			continue;
		widen(&r.window_ns, f->interval_ns);
		widen(&r.short_ns, f->interval_ns);
		widen(&r.long_ns, f->interval_ns);
		buf_reset(&expr);
		if (promql_expr(&r, f->find, &expr))
			buf_printf(out, "      # %s cannot be evaluated by Prometheus.\n", r.alert);
		else
			rule_write_in(out, &r, f->find(r.term.metric), buf_cstr(&expr));
	}
	out->failed |= expr.failed;
	buf_release(&expr);
}
