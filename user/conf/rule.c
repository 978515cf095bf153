// SPDX-License-Identifier: BSD-3-Clause
#include "conf/rule.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rule_types.h"

#define NS_PER_SEC 1000000000ULL
#define HOUR_NS	   (3600 * NS_PER_SEC)

const char *const rule_severities[] = { "page", "warning", "info", NULL };

static int alert_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
		       const char *text)
{
	if (is_label_name(text))
		return 0;
	return value_wrong(d, f->key, value, "a name of letters, digits and _ such as SlowDisk");
}

static const struct setting window = { .kind = SETTING_DURATION,
				       .initial = 30 * NS_PER_SEC,
				       .min = NS_PER_SEC / 10,
				       .max = 24 * HOUR_NS },
			    duration = { .kind = SETTING_DURATION, .max = 24 * HOUR_NS },
			    min_events = { .kind = SETTING_COUNT, .max = UINT32_MAX };

#define AT(member) offsetof(struct rule_conf, member)
#define PAIRS(list, number)                                \
	&field_pairs, AT(list), &(const struct field_list) \
	{                                                  \
		.cnt_offset = AT(number)                   \
	}

#define WHERE_HELP                                                                             \
	"Labels and what their values have to be: a pattern, or several with | between them; " \
	"with ! before them all other values."

static const struct field term_fields[] = {
	{ "metric", &field_metric, 0, .required = true, .help = "The metric." },
	{ "where", &field_pairs, offsetof(struct rule_term, where),
	  &(const struct field_list){ .cnt_offset = offsetof(struct rule_term, where_cnt) },
	  .help = WHERE_HELP },
	{ .key = NULL },
};

static const struct field guard_fields[] = {
	{ "metric", &field_metric, offsetof(struct rule_guard, term), .required = true,
	  .help = "The metric; of its series those whose labels have the values that the alert's labels of the same names have." },
	{ "where", &field_pairs, offsetof(struct rule_guard, term.where),
	  &(const struct field_list){ .cnt_offset = offsetof(struct rule_guard, term.where_cnt) },
	  .help = WHERE_HELP },
	{ "value", &field_guard_value, .help = "What is made of them; last if it is not given." },
	{ "above", &field_guard_above, .help = "The value has to be above this, or" },
	{ "below", &field_guard_below, .help = "below this." },
	{ .key = NULL },
};

static const struct field_list guards_list = { AT(guard_cnt), sizeof(struct rule_guard),
					       guard_fields, guard_check };

const struct field rule_fields[] = {
	{ "alert", &field_text, AT(alert), .required = true, .check = alert_check, .max = 64,
	  .help = "The name of the rule and of its alerts." },
	{ "metric", &field_metric, AT(term),
	  .help = "What is looked at; `seismo metrics` lists what there is." },
	{ "where", PAIRS(term.where, term.where_cnt), .help = WHERE_HELP },
	{ "of", &field_mapping, AT(of), term_fields,
	  .help = "Of a ratio: the metric by whose increase that of `metric` is divided." },
	{ "by", &field_by, .help = "An alert for each value of these labels." },
	{ "value", &field_value, .help = "What is made of the series of a group in the window." },
	{ "above", &field_above,
	  .help = "The condition: the value is above this number, or above so many times what is usual at this load." },
	{ "below", &field_below, .help = "The condition: the value is below this." },
	{ "burn_rate", &field_burn_rate,
	  .help = "The condition, of a ratio of errors: a budget of them is used up too fast, in both windows." },
	{ "at_least", &field_at_least,
	  .help = "With a baseline: the value is above this as well." },
	{ "load", &field_mapping, AT(load), term_fields,
	  .help = "With a baseline: what the load is besides the rate of `metric`." },
	{ "unseen_load", &field_switch, AT(unseen_load),
	  .help = "With a baseline: it is judged only at loads above all that were seen, by what was usual at the highest of them; else at all others." },
	{ "while", &field_list, AT(guards), &guards_list, .max = RULE_GUARD_MAX,
	  .help = "What has to be true as well, of other metrics in the same window." },
	{ "window", &field_setting, AT(window_ns), &window,
	  .help = "The time of which the value is made." },
	{ "for", &field_setting, AT(for_ns), &duration,
	  .help = "The condition has to hold for so long before the alert fires." },
	{ "keep_firing_for", &field_setting, AT(keep_firing_for_ns), &duration,
	  .help = "The alert goes on for so long after the condition was true last." },
	{ "min_events", &field_setting, AT(min_events), &min_events,
	  .help = "With fewer events in the window there is no verdict; 1 if it is not given, of rates and counts 0." },
	{ "cause", &field_switch, AT(cause),
	  .help = "It is no symptom but a cause, told as info until users suffer from it." },
	{ "severity", &field_word, AT(severity), rule_severities,
	  .help = "How grave it is; warning if it is not given." },
	{ "labels", PAIRS(labels, label_cnt), .help = "More labels of its alerts." },
	{ "annotations", PAIRS(annotations, annotation_cnt),
	  .help = "More annotations of its alerts." },
	{ "summary", &field_text, AT(summary),
	  .help = "A sentence for people, with {{LABEL}}, {{value}} and {{baseline}}." },
	{ "description", &field_text, AT(description), .help = "More of it." },
	{ "runbook_url", &field_text, AT(runbook_url), .help = "Where people find what to do." },
	{ "reason", &field_text, AT(reason),
	  .help = "Why the rule is as it is, for `seismo rules NAME`." },
	{ "runbook", &field_text, AT(runbook), .help = "What to do, for `seismo rules NAME`." },
	{ "enabled", &field_switch_off, AT(off), .help = "off: the rule is not evaluated." },
	{ .key = NULL },
};

struct rule_conf *rule_new(void)
{
	struct rule_conf *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	fields_init(rule_fields, r);
	r->severity = RULE_WARNING;
	return r;
}

void rule_free(struct rule_conf *r)
{
	if (!r)
		return;
	fields_release(rule_fields, r);
	free(r->file);
	free(r->switch_file);
	free(r);
}

void rule_write(const struct rule_conf *r, struct buf *out)
{
	struct rule_conf nameless = *r;

	nameless.alert = NULL;
	fields_write(rule_fields, &nameless, out);
}

/* What is measured, and of whom. */
static void measured_write(const struct rule_conf *r, struct buf *out)
{
	struct rule_conf measured = { .term = r->term,
				      .of = r->of,
				      .load = r->load,
				      .by_cnt = r->by_cnt,
				      .value = r->value,
				      .quantile = r->quantile };

	memcpy(measured.by, r->by, sizeof(measured.by));
	fields_write(rule_fields, &measured, out);
}

bool rule_same(const struct rule_conf *a, const struct rule_conf *b)
{
	struct buf text_a = { 0 }, text_b = { 0 };
	bool same;

	measured_write(a, &text_a);
	measured_write(b, &text_b);
	same = !text_a.failed && !text_b.failed && !strcmp(buf_cstr(&text_a), buf_cstr(&text_b));
	buf_release(&text_a);
	buf_release(&text_b);
	return same;
}
