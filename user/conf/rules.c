// SPDX-License-Identifier: BSD-3-Clause
#include "conf/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/suggest.h"
#include "conf/template.h"

#define RULES_MAX    4096
#define BUILTIN_PATH "built-in rules"

/* --- what contradicts itself */

static const yaml_node_t *node_of(struct yaml_doc *d, yaml_node_t *rule, const char *key)
{
	return yaml_doc_value(d, rule, key) ?: rule;
}

/* Keys that have a meaning only with another one, or only without it. */
static int condition_check(struct yaml_doc *d, yaml_node_t *node, const struct rule_conf *r)
{
	static const char *const conditions[] = { "above", "below", "burn_rate" };
	const char *found = NULL;

	for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		const yaml_node_t *value = yaml_doc_value(d, node, conditions[i]);

		if (value && found)
			return yaml_doc_error(d, value, "'%s' has '%s' and '%s', it can have one",
					      r->alert, found, conditions[i]);
		found = value ? conditions[i] : found;
	}
	if (!found)
		return yaml_doc_error(d, node, "'%s' has no 'above', 'below' or 'burn_rate'",
				      r->alert);
	if (!yaml_doc_value(d, node, "value") && r->condition != RULE_BURN_RATE)
		return yaml_doc_error(d, node, "missing key 'value' in '%s'", r->alert);
	return 0;
}

static int baseline_check(struct yaml_doc *d, yaml_node_t *node, const struct rule_conf *r)
{
	static const char *const only[] = { "at_least", "load", "unseen_load" };

	for (size_t i = 0; i < sizeof(only) / sizeof(*only); i++) {
		const yaml_node_t *value = yaml_doc_value(d, node, only[i]);

		if (value && r->condition != RULE_BASELINE)
			return yaml_doc_error(d, value,
					      "'%s' needs a baseline: above: \"3x baseline\"",
					      only[i]);
	}
	return 0;
}

static int value_check(struct yaml_doc *d, yaml_node_t *node, const struct rule_conf *r)
{
	const yaml_node_t *value = node_of(d, node, "value"), *of = yaml_doc_value(d, node, "of");
	const yaml_node_t *window = yaml_doc_value(d, node, "window");
	const yaml_node_t *min_events = yaml_doc_value(d, node, "min_events");

	if (r->condition == RULE_BURN_RATE && r->value != RULE_RATIO)
		return yaml_doc_error(d, value, "'burn_rate' is of a ratio");
	if (r->value == RULE_RATIO && !of)
		return yaml_doc_error(d, value, "a ratio needs 'of': { metric: ... }");
	if (r->value != RULE_RATIO && of)
		return yaml_doc_error(d, of, "'of' is of a ratio only");
	if (r->condition == RULE_BURN_RATE && window)
		return yaml_doc_error(d, window,
				      "the windows of 'burn_rate' are its 'long' and 'short'");
	if (min_events && (r->value == RULE_LAST || r->value == RULE_MAX))
		return yaml_doc_error(d, min_events,
				      "'min_events' is not for values of gauges: last, max");
	return 0;
}

static bool is_by(const struct rule_conf *r, const struct template_part *label)
{
	for (unsigned i = 0; i < r->by_cnt; i++)
		if (template_part_is(label, r->by[i]))
			return true;
	return false;
}

static int labels_check(struct yaml_doc *d, yaml_node_t *node, const struct rule_conf *r)
{
	for (unsigned i = 0; i < r->label_cnt; i++) {
		const char *key = r->labels[i].key;
		const yaml_node_t *value = node_of(d, yaml_doc_value(d, node, "labels"), key);

		if (!strcmp(key, "alertname") || !strcmp(key, "severity") ||
		    is_by(r, &(struct template_part){ false, key, strlen(key) }))
			return yaml_doc_error(d, value,
					      "the label '%s' is one that the alert has anyway",
					      key);
	}
	for (unsigned i = 0; i < r->annotation_cnt; i++) {
		const char *key = r->annotations[i].key;

		if (!strcmp(key, "summary") || !strcmp(key, "description") ||
		    !strcmp(key, "runbook_url"))
			return yaml_doc_error(
				d, node_of(d, yaml_doc_value(d, node, "annotations"), key),
				"'%s' is a key of the rule, not one of 'annotations'", key);
	}
	return 0;
}

static int variable_unknown(struct yaml_doc *d, const yaml_node_t *value, const struct rule_conf *r,
			    const struct template_part *part)
{
	const char *known[RULE_BY_MAX + 4] = { "value", "baseline", "threshold" };
	char name[65] = "";

	memcpy(name, part->text, part->len < sizeof(name) - 1 ? part->len : sizeof(name) - 1);
	memcpy(known + 3, r->by, r->by_cnt * sizeof(*known));
	yaml_doc_error(d, value, "unknown '{{%s}}' in a text of '%s'", name, r->alert);
	/* is one line, as the text before is */
	suggest(d->error, name, known);
	return -EINVAL;
}

static int template_check(struct yaml_doc *d, const yaml_node_t *value, const struct rule_conf *r,
			  const char *text)
{
	struct template_part part;

	while (text && template_next(&text, &part)) {
		if (!part.variable) {
			if (part.len >= 2 && !memcmp(part.text, "{{", 2))
				return yaml_doc_error(d, value,
						      "'{{' without '}}' in a text of '%s'",
						      r->alert);
			continue;
		}
		if (template_part_is(&part, "baseline") && r->condition != RULE_BASELINE)
			return yaml_doc_error(d, value, "'{{baseline}}', but '%s' has none",
					      r->alert);
		if (!template_part_is(&part, "value") && !template_part_is(&part, "baseline") &&
		    !template_part_is(&part, "threshold") && !is_by(r, &part))
			return variable_unknown(d, value, r, &part);
	}
	return 0;
}

static int templates_check(struct yaml_doc *d, yaml_node_t *node, const struct rule_conf *r)
{
	int err = template_check(d, node_of(d, node, "summary"), r, r->summary);

	err = err ?: template_check(d, node_of(d, node, "description"), r, r->description);
	err = err ?: template_check(d, node_of(d, node, "runbook_url"), r, r->runbook_url);
	for (unsigned i = 0; i < r->annotation_cnt && !err; i++)
		err = template_check(d,
				     node_of(d, yaml_doc_value(d, node, "annotations"),
					     r->annotations[i].key),
				     r, r->annotations[i].value);
	return err;
}

/* What depends on other keys. */
static void defaults_set(struct yaml_doc *d, yaml_node_t *node, struct rule_conf *r)
{
	if (!yaml_doc_value(d, node, "value") && r->condition == RULE_BURN_RATE)
		r->value = RULE_RATIO;
	if (!yaml_doc_value(d, node, "min_events") &&
	    (r->value == RULE_QUANTILE || r->value == RULE_MEAN || r->value == RULE_RATIO))
		r->min_events = 1;
}

/* A rule without a metric only switches another one off. */
static int rule_check(struct yaml_doc *d, yaml_node_t *node, const struct rule_conf *r)
{
	int err;

	if (!r->term.metric && r->off &&
	    node->data.mapping.pairs.top - node->data.mapping.pairs.start == 2)
		return 0;
	if (!r->term.metric)
		return yaml_doc_error(d, node, "missing key 'metric' in '%s'", r->alert);
	err = condition_check(d, node, r);
	err = err ?: value_check(d, node, r);
	err = err ?: baseline_check(d, node, r);
	err = err ?: labels_check(d, node, r);
	return err ?: templates_check(d, node, r);
}

/* --- the list */

static bool only_switches(const struct rule_conf *r)
{
	return !r->term.metric;
}

static struct rule_conf **rule_find(const struct conf *c, const char *alert)
{
	for (unsigned i = 0; i < c->rule_cnt; i++)
		if (!strcmp(c->rules[i]->alert, alert))
			return &c->rules[i];
	return NULL;
}

/* Takes the rule over, in any case. */
static int rule_add(struct conf *c, struct rule_conf *r)
{
	struct rule_conf **rules = reallocarray(c->rules, c->rule_cnt + 1, sizeof(*rules));

	if (!rules) {
		rule_free(r);
		return -ENOMEM;
	}
	c->rules = rules;
	rules[c->rule_cnt++] = r;
	return 0;
}

/* One of both only switches the other one off, which stays. */
static void rule_switch(struct rule_conf **have, struct rule_conf *r)
{
	struct rule_conf *off = r;

	if (only_switches(*have)) {
		off = *have;
		*have = r;
	}
	(*have)->off = true;
	free((*have)->switch_file);
	(*have)->switch_file = off->file;
	(*have)->switch_line = off->line;
	off->file = NULL;
	rule_free(off);
}

static int rule_load(struct conf *c, struct yaml_doc *d, yaml_node_t *node)
{
	struct rule_conf *r = rule_new(), **have;
	int err;

	if (!r)
		return -ENOMEM;
	r->line = (unsigned)node->start_mark.line + 1;
	r->file = strdup(d->path);
	for (const struct field *f = rule_fields; f->key; f++)
		r->key_line[f - rule_fields] = yaml_doc_line(d, node, f->key);
	err = r->file ? fields_load(d, "rules", node, rule_fields, r) : -ENOMEM;
	if (!err) {
		defaults_set(d, node, r);
		err = rule_check(d, node, r);
	}
	if (err) {
		rule_free(r);
		return err;
	}
	have = rule_find(c, r->alert);
	if (!have)
		return rule_add(c, r);
	if (only_switches(*have) != only_switches(r)) {
		rule_switch(have, r);
		return 0;
	}
	err = yaml_doc_error(d, node, "duplicate rule '%s', which is in %s:%u", r->alert,
			     (*have)->file, (*have)->line);
	rule_free(r);
	return err;
}

static int rules_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		      void *structure)
{
	struct conf *c = structure;
	int err = 0;

	if (value->type != YAML_SEQUENCE_NODE)
		return yaml_doc_error(d, value, "'%s' must be a list", f->key);
	for (const yaml_node_item_t *item = value->data.sequence.items.start;
	     item < value->data.sequence.items.top && !err; item++) {
		if (c->rule_cnt == RULES_MAX)
			return yaml_doc_error(d, yaml_doc_node(d, *item),
					      "there are more than %d rules", RULES_MAX);
		err = rule_load(c, d, yaml_doc_node(d, *item));
	}
	return err;
}

const struct field_type field_rules = { .load = rules_load };

int rules_file_load(struct yaml_doc *d, struct conf *c)
{
	static const struct field fields[] = { { "rules", &field_rules }, { .key = NULL } };

	return fields_load(d, "", yaml_doc_root(d), fields, c);
}

/* --- built-in rules */

/* Moves the built-in rules to where they are in effect, or frees them. */
static int builtin_merge(struct conf *c, struct conf *builtin)
{
	int err = 0;

	for (unsigned i = 0; i < builtin->rule_cnt && !err; i++) {
		struct rule_conf *r = builtin->rules[i], **have = rule_find(c, r->alert);

		r->builtin = true;
		builtin->rules[i] = NULL;
		if (have && only_switches(*have))
			rule_switch(have, r);
		else if (have || !c->builtin_rules)
			rule_free(r);
		else
			err = rule_add(c, r);
	}
	return err;
}

/* Rules that switch off what is not there. */
static int switches_check(const struct conf *c, struct buf *error)
{
	for (unsigned i = 0; i < c->rule_cnt; i++) {
		const struct rule_conf *r = c->rules[i];
		const char *names[RULES_MAX + 1];
		unsigned cnt = 0;

		if (!only_switches(r))
			continue;
		for (unsigned j = 0; j < c->rule_cnt; j++)
			if (!only_switches(c->rules[j]))
				names[cnt++] = c->rules[j]->alert;
		names[cnt] = NULL;
		buf_printf(error, "%s:%u: there is no rule '%s' to be switched off", r->file,
			   r->line, r->alert);
		suggest(error, r->alert, names);
		return -EINVAL;
	}
	return 0;
}

int rules_add_builtin(struct conf *c, const char *text, size_t len, struct buf *error)
{
	struct conf builtin = { 0 };
	struct yaml_doc d;
	int err = yaml_doc_load(&d, BUILTIN_PATH, text, len, error);

	if (err)
		return err;
	if (yaml_doc_root(&d))
		err = rules_file_load(&d, &builtin);
	yaml_doc_release(&d);
	if (!err)
		err = builtin_merge(c, &builtin);
	for (unsigned i = 0; i < builtin.rule_cnt; i++)
		rule_free(builtin.rules[i]);
	free(builtin.rules);
	if (err == -ENOMEM)
		buf_str(error, "out of memory");
	return err ?: switches_check(c, error);
}
