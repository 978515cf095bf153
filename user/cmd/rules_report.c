// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/rules_report.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/roff.h"
#include "expo/json.h"
#include "rule/check.h"
#include "rule/rule_file.h"
#include "rule/text.h"

const struct setting rules_every = { "every", SETTING_DURATION, .initial = 5000000000,
				     .min = 1000000000, .max = 3600000000000 };

#define WIDTH 100 /* of running text */

/* What the engine says of a rule. */
struct search {
	const struct rule_conf *rule;
	struct engine_rule found; /* .rule NULL: nothing */
};

static void rule_found(void *ctx, const struct engine_rule *r)
{
	struct search *s = ctx;

	if (r->rule == s->rule)
		s->found = *r;
}

static struct engine_rule said_of(const struct rules_report *r, const struct rule_conf *rule)
{
	struct search s = { .rule = rule };

	if (r->engine)
		engine_each_rule(r->engine, rule_found, &s);
	return s.found;
}

/* The most urgent one of its alerts; "-": nobody evaluates it. */
static const char *state_of(const struct rule_conf *rule, const struct engine_rule *said)
{
	if (rule->off)
		return "off";
	if (!said->rule)
		return "-";
	if (said->firing)
		return "firing";
	if (said->pending)
		return "pending";
	return said->why && said->unknown == said->groups ? "unknown" : "inactive";
}

static const char *tells(const struct rule_conf *rule)
{
	return rule->cause ? "cause" : rule_severities[rule->severity];
}

/* --- text */

static void alert_line(void *ctx, const struct alert *a)
{
	struct {
		const struct rule_conf *rule;
		struct buf *out;
	} *to = ctx;

	if (a->rule != to->rule || a->state == ALERT_RESOLVED)
		return;
	buf_printf(to->out, "    %s%s: ", alert_states[a->state], a->unknown ? ", unknown" : "");
	summary_write(to->out, a);
	if (a->unknown && a->unknown_why)
		buf_printf(to->out, " (%s)", a->unknown_why);
	buf_char(to->out, '\n');
}

static void alerts_list(const struct rules_report *r, const struct rule_conf *rule, struct buf *out)
{
	struct {
		const struct rule_conf *rule;
		struct buf *out;
	} to = { rule, out };

	if (r->engine)
		engine_each(r->engine, alert_line, &to);
}

static void expression_add(struct buf *out, const struct rule_conf *rule, const char *prefix)
{
	struct buf expr = { 0 };

	if (promql_expr(rule, rule_metric, &expr))
		buf_printf(out, "%snot possible\n", prefix);
	else
		for (const char *line = buf_cstr(&expr); *line;) {
			size_t len = strcspn(line, "\n");

			buf_printf(out, "%s%.*s\n", prefix, (int)len, line);
			line += len + (line[len] == '\n');
		}
	out->failed |= expr.failed;
	buf_release(&expr);
}

static void text_detail(const struct rules_report *r, const struct rule_conf *rule, struct buf *out)
{
	const struct engine_rule said = said_of(r, rule);

	buf_printf(out, "%s: %s, %s%s%s%s\n", rule->alert, tells(rule), state_of(rule, &said),
		   said.why ? " (" : "", said.why ?: "", said.why ? ")" : "");
	alerts_list(r, rule, out);
	if (rule->summary)
		buf_printf(out, "\n  %s\n", rule->summary);
	if (rule->reason) {
		buf_str(out, "\nWhy\n");
		buf_wrap(out, rule->reason, "  ", WIDTH);
	}
	if (rule->runbook) {
		buf_str(out, "\nWhat to do\n");
		buf_wrap(out, rule->runbook, "  ", WIDTH);
	}
	if (rule->runbook_url)
		buf_printf(out, "  %s\n", rule->runbook_url);
	if (!rule->term.metric)
		return;
	buf_str(out, "\nRule\n  ");
	rule_write(rule, out);
	buf_str(out, "\n\nFor Prometheus\n");
	expression_add(out, rule, "  ");
}

static void text_row(const struct rules_report *r, const struct rule_conf *rule, struct buf *out)
{
	const struct engine_rule said = said_of(r, rule);

	if (r->only) {
		text_detail(r, rule, out);
		return;
	}
	buf_printf(out, "%-8s %-9s %-22s %s\n", tells(rule), state_of(rule, &said), rule->alert,
		   rule->summary ?: "");
	alerts_list(r, rule, out);
}

static void text_begin(const struct rules_report *r, struct buf *out)
{
	if (!r->only)
		buf_printf(out, "%-8s %-9s %-22s %s\n", "TELLS", "STATE", "RULE", "WHAT");
}

/* --- markdown */

static void markdown_row(const struct rules_report *r, const struct rule_conf *rule,
			 struct buf *out)
{
	(void)r;
	buf_printf(out, "### %s\n\n%s%s%s. ", rule->alert,
		   rule->cause ? "Cause, with a symptom " : "", rule_severities[rule->severity],
		   rule->off ? ", off" : "");
	if (rule->summary)
		buf_printf(out, "`%s`", rule->summary);
	buf_char(out, '\n');
	if (rule->reason) {
		buf_char(out, '\n');
		buf_wrap(out, rule->reason, "", WIDTH);
	}
	if (rule->runbook) {
		buf_str(out, "\n**What to do.**\n");
		buf_wrap(out, rule->runbook, "", WIDTH);
	}
	if (rule->runbook_url)
		buf_printf(out, "\n<%s>\n", rule->runbook_url);
	if (rule->term.metric) {
		buf_str(out, "\n```\n");
		expression_add(out, rule, "");
		buf_str(out, "```\n");
	}
	buf_char(out, '\n');
}

static void markdown_begin(const struct rules_report *r, struct buf *out)
{
	if (!r->only)
		buf_str(out,
			"# Rules\n\nSymptoms tell with their own severity. Causes tell as `info` "
			"until a symptom fires on the same service or device.\nConditions are "
			"shown as expressions for Prometheus; `seismo rules --format yaml` has "
			"them as Seismo evaluates them.\n\n");
}

/* --- a manual page */

static void man_row(const struct rules_report *r, const struct rule_conf *rule, struct buf *out)
{
	struct buf expr = { 0 };

	(void)r;
	roff_subsection(out, rule->alert);
	roff_text(out, rule->cause ? "Cause, with a symptom " : "");
	roff_text(out, rule_severities[rule->severity]);
	roff_text(out, rule->off ? "(off):" : ":");
	roff_text(out, rule->summary ?: "");
	buf_str(out, ".PP\n");
	roff_text(out, rule->reason ?: "");
	if (rule->runbook) {
		buf_str(out, ".PP\n");
		roff_text(out, "`What to do.`");
		roff_text(out, rule->runbook);
	}
	if (!rule->term.metric)
		return;
	expression_add(&expr, rule, "");
	roff_example(out, buf_cstr(&expr));
	buf_release(&expr);
}

static void man_begin(const struct rules_report *r, struct buf *out)
{
	(void)r;
	roff_begin(out, "seismo-rules", 7, "rules of Seismo, and what to do when one fires");
	roff_section(out, "DESCRIPTION");
	roff_text(
		out,
		"Symptoms page: users of a service suffer, or a disk or the host is dying. Causes are told as info until a symptom fires on the same service or device. Conditions are shown as expressions for Prometheus; `seismo rules NAME` shows a rule as Seismo evaluates it. See `seismo.yaml`(5) for how to change one.");
	roff_section(out, "RULES");
}

/* --- YAML, for the configuration */

static void yaml_begin(const struct rules_report *r, struct buf *out)
{
	(void)r;
	buf_str(out, "rules:\n");
}

static void yaml_row(const struct rules_report *r, const struct rule_conf *rule, struct buf *out)
{
	struct buf text = { 0 };

	(void)r;
	rule_write(rule, &text);
	/* { metric: ... }: without its first brace */
	buf_printf(out, "  - { alert: %s,%s\n", rule->alert, buf_cstr(&text) + !!text.len);
	out->failed |= text.failed;
	buf_release(&text);
}

/* --- JSON and Prometheus, whose documents are made as a whole */

static json_t *rule_json(const struct rules_report *r, const struct rule_conf *rule)
{
	const struct engine_rule said = said_of(r, rule);
	struct buf text = { 0 }, expr = { 0 };
	bool exported = rule->term.metric && !promql_expr(rule, rule_metric, &expr);
	json_t *ret;

	rule_write(rule, &text);
	ret = json_pack(
		"{s:s, s:s, s:b, s:b, s:b, s:s?, s:s?, s:I, s:I, s:I, s:I, s:s, s:s?, s:s?, "
		"s:s?, s:s?, s:s?, s:s?}",
		"rule", rule->alert, "severity", rule_severities[rule->severity], "cause",
		rule->cause, "builtin", rule->builtin, "enabled", !rule->off, "state",
		r->engine ? state_of(rule, &said) : NULL, "unknown_why", said.why, "groups_total",
		(json_int_t)said.groups, "unknown_total", (json_int_t)said.unknown, "pending_total",
		(json_int_t)said.pending, "firing_total", (json_int_t)said.firing, "definition",
		buf_cstr(&text), "expression", exported ? buf_cstr(&expr) : NULL, "summary",
		rule->summary, "description", rule->description, "reason", rule->reason, "runbook",
		rule->runbook, "runbook_url", rule->runbook_url);
	buf_release(&text);
	buf_release(&expr);
	return ret;
}

static bool is_selected(const struct rules_report *r, const struct rule_conf *rule)
{
	return !r->only || !strcmp(r->only, rule->alert);
}

static void json_all(const struct rules_report *r, struct buf *out)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->rule_cnt; i++)
		if (is_selected(r, r->rules[i]))
			json_array_append_new(list, rule_json(r, r->rules[i]));
	json_write(json_pack("{s:o}", "rules", list), out);
}

static void prometheus_all(const struct rules_report *r, struct buf *out)
{
	const struct rule_conf **rules = calloc(r->rule_cnt + 1, sizeof(*rules));
	struct rule_file file = { .rules = rules, .interval_ns = r->every_ns, .find = rule_metric };

	out->failed |= !rules;
	for (unsigned i = 0; rules && i < r->rule_cnt; i++)
		if (is_selected(r, r->rules[i]) && r->rules[i]->term.metric)
			rules[file.rule_cnt++] = r->rules[i];
	rule_file_write(&file, out);
	free(rules);
}

static const struct format {
	const char *name, *type;
	void (*begin)(const struct rules_report *r, struct buf *out);
	void (*row)(const struct rules_report *r, const struct rule_conf *rule, struct buf *out);
	void (*all)(const struct rules_report *r, struct buf *out);
} formats[] = {
	{ "text", "text/plain; charset=utf-8", text_begin, text_row, NULL },
	{ "markdown", "text/markdown; charset=utf-8", markdown_begin, markdown_row, NULL },
	{ "json", "application/json", NULL, NULL, json_all },
	{ "yaml", "application/yaml", yaml_begin, yaml_row, NULL },
	{ "prometheus", "application/yaml", NULL, NULL, prometheus_all },
	{ "man", "text/troff", man_begin, man_row, NULL },
	{ .name = NULL },
};

static const struct format *format_find(const char *name)
{
	const struct format *f = formats;

	while (f->name && strcmp(f->name, name) != 0)
		f++;
	return f->name ? f : NULL;
}

void rules_formats(struct buf *out)
{
	for (const struct format *f = formats; f->name; f++)
		buf_printf(out, "%s%s", f == formats ? "" : ", ", f->name);
}

const char *rules_format_type(const char *format)
{
	const struct format *f = format_find(format);

	return f ? f->type : NULL;
}

int rules_report(const struct rules_report *r, const char *format, struct buf *out)
{
	const struct format *f = format_find(format);
	bool found = !r->only;

	for (unsigned i = 0; i < r->rule_cnt; i++)
		found |= is_selected(r, r->rules[i]);
	if (!f || !found)
		return f ? -ENOENT : -EINVAL;
	if (f->all) {
		f->all(r, out);
		return 0;
	}
	f->begin(r, out);
	for (unsigned i = 0; i < r->rule_cnt; i++)
		if (is_selected(r, r->rules[i]))
			f->row(r, r->rules[i], out);
	return 0;
}
