// SPDX-License-Identifier: BSD-3-Clause
#include "conf/rule_types.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rule_conf.h"

#define NS_PER_SEC 1000000000ULL
#define HOUR_NS	   (3600 * NS_PER_SEC)

static void *member(const struct field *f, const void *structure)
{
	return (char *)structure + f->offset;
}

static unsigned line_of(const yaml_node_t *node)
{
	return (unsigned)node->start_mark.line + 1;
}

/* `offset` is that of the term. */
static int metric_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		       void *structure)
{
	const char *text = value_text(d, f->key, value, CONF_NAME_MAX);
	struct rule_term *t = member(f, structure);

	if (!text)
		return -EINVAL;
	if (!is_label_name(text))
		return value_wrong(d, f->key, value, "the name of a metric");
	t->metric = strdup(text);
	t->line = line_of(value);
	return t->metric ? 0 : -ENOMEM;
}

static void metric_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_term *t = member(f, structure);

	buf_str(out, t->metric ?: "");
}

static void metric_release(const struct field *f, void *structure)
{
	free(((struct rule_term *)member(f, structure))->metric);
}

const struct field_type field_metric = { metric_load, metric_write, .release = metric_release,
					 "the name of a metric" };

static int by_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value, void *structure)
{
	const yaml_node_item_t *item;
	struct rule_conf *r = structure;

	if (value->type != YAML_SEQUENCE_NODE)
		return yaml_doc_error(d, value, "'%s' must be a list", f->key);
	for (item = value->data.sequence.items.start; item < value->data.sequence.items.top;
	     item++) {
		const yaml_node_t *node = yaml_doc_node(d, *item);
		const char *text = value_text(d, f->key, node, CONF_NAME_MAX);

		if (!text)
			return -EINVAL;
		if (!is_label_name(text))
			return value_wrong(d, f->key, node, "the names of labels");
		if (r->by_cnt == RULE_BY_MAX)
			return yaml_doc_error(d, node, "'%s' has more than %d entries", f->key,
					      RULE_BY_MAX);
		for (unsigned i = 0; i < r->by_cnt; i++)
			if (!strcmp(r->by[i], text))
				return yaml_doc_error(d, node, "'%.64s' is in '%s' twice", text,
						      f->key);
		r->by[r->by_cnt] = strdup(text);
		if (!r->by[r->by_cnt])
			return -ENOMEM;
		r->by_line[r->by_cnt++] = line_of(node);
	}
	return 0;
}

static void by_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_conf *r = structure;

	(void)f;
	for (unsigned i = 0; i < r->by_cnt; i++)
		buf_printf(out, "%s%s", i ? ", " : "[ ", r->by[i]);
	buf_str(out, r->by_cnt ? " ]" : "");
}

static void by_release(const struct field *f, void *structure)
{
	struct rule_conf *r = structure;

	(void)f;
	while (r->by_cnt)
		free(r->by[--r->by_cnt]);
}

const struct field_type field_by = { by_load, by_write, .release = by_release,
				     "a list of labels, at most 4" };

#define VALUE_ACCEPTS "a percentile such as p99 or p99.9, mean, rate, count, ratio, last or max"

static const char *const value_words[] = {
	[RULE_RATE] = "rate", [RULE_COUNT] = "count", [RULE_RATIO] = "ratio",
	[RULE_MEAN] = "mean", [RULE_QUANTILE] = "p", /* and a number */
	[RULE_LAST] = "last", [RULE_MAX] = "max",
};
#define VALUES (sizeof(value_words) / sizeof(*value_words))

/* -1: none of the words. */
static int value_find(const char *text)
{
	for (unsigned i = 0; i < VALUES; i++)
		if (i != RULE_QUANTILE && !strcmp(value_words[i], text))
			return (int)i;
	return -1;
}

static int value_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		      void *structure)
{
	const char *text = value_text(d, f->key, value, CONF_NAME_MAX), *end;
	struct rule_conf *r = structure;
	double percent;
	int word;

	if (!text)
		return -EINVAL;
	word = value_find(text);
	r->value = word >= 0 ? (enum rule_value)word : RULE_QUANTILE;
	if (word >= 0)
		return 0;
	if (*text != 'p' || !decimal_parse(text + 1, &percent, &end) || *end || percent <= 0 ||
	    percent >= 100)
		return value_wrong(d, f->key, value, VALUE_ACCEPTS);
	r->quantile = percent / 100;
	return 0;
}

static void value_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_conf *r = structure;

	(void)f;
	if (!r->term.metric)
		return;
	buf_str(out, value_words[r->value]);
	if (r->value == RULE_QUANTILE)
		decimal_write(100 * r->quantile, out);
}

const struct field_type field_value = { value_load, value_write, NULL, NULL, VALUE_ACCEPTS };

#define NUMBER_ACCEPTS "a number such as 0.5, 10%, 50ms or 64MiB"

static int number_load(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
		       double *number, enum rule_unit *unit)
{
	const char *text = value_text(d, f->key, value, CONF_NAME_MAX);

	if (!text)
		return -EINVAL;
	if (number_parse(text, number, unit))
		return 0;
	return value_wrong(d, f->key, value, NUMBER_ACCEPTS);
}

/* 3x baseline */
static bool baseline_parse(const char *text, struct rule_conf *r)
{
	const char *end;

	if (!decimal_parse(text, &r->factor, &end) || strcmp(end, "x baseline") != 0)
		return false;
	r->condition = RULE_BASELINE;
	return true;
}

static int above_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		      void *structure)
{
	const char *text = yaml_doc_text(value);
	struct rule_conf *r = structure;

	r->threshold_line = line_of(value);
	if (!text || !baseline_parse(text, r)) {
		r->condition = RULE_ABOVE;
		return number_load(d, f, value, &r->threshold, &r->threshold_unit);
	}
	if (r->factor > 1)
		return 0;
	return yaml_doc_error(d, value, "'%s' is '%.64s', must be more than the baseline", f->key,
			      text);
}

static void above_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_conf *r = structure;

	(void)f;
	if (r->condition == RULE_BASELINE) {
		decimal_write(r->factor, out);
		buf_str(out, "x baseline");
	} else if (r->term.metric && r->condition == RULE_ABOVE) {
		number_write(r->threshold, r->threshold_unit, out);
	}
}

const struct field_type field_above = {
	above_load, above_write, NULL, NULL,
	"a number such as 0.5, 10%, 50ms or 64MiB, or \"3x baseline\""
};

/* Of a rule, or of a condition in `while`. */
static int below_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
		       double threshold)
{
	if (threshold > 0)
		return 0;
	return yaml_doc_error(d, value, "'%s' is 0, and nothing is below that", f->key);
}

static int below_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		      void *structure)
{
	struct rule_conf *r = structure;
	int err = number_load(d, f, value, &r->threshold, &r->threshold_unit);

	r->threshold_line = line_of(value);
	r->condition = RULE_BELOW;
	return err ?: below_check(d, f, value, r->threshold);
}

static void below_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_conf *r = structure;

	(void)f;
	if (r->condition == RULE_BELOW)
		number_write(r->threshold, r->threshold_unit, out);
}

const struct field_type field_below = { below_load, below_write, NULL, NULL, NUMBER_ACCEPTS };

static int at_least_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			 void *structure)
{
	struct rule_conf *r = structure;

	r->at_least_line = line_of(value);
	return number_load(d, f, value, &r->at_least, &r->at_least_unit);
}

static void at_least_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_conf *r = structure;

	(void)f;
	if (r->at_least)
		number_write(r->at_least, r->at_least_unit, out);
}

const struct field_type field_at_least = { at_least_load, at_least_write, NULL, NULL,
					   NUMBER_ACCEPTS };

#define OBJECTIVE_ACCEPTS "a part of what succeeds such as 99.9%"

static int objective_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			  void *structure)
{
	const char *text = value_text(d, f->key, value, CONF_NAME_MAX);
	double *objective = member(f, structure);
	enum rule_unit unit;

	if (!text)
		return -EINVAL;
	if (number_parse(text, objective, &unit) && unit == RULE_PERCENT && *objective > 0 &&
	    *objective < 1)
		return 0;
	return value_wrong(d, f->key, value, OBJECTIVE_ACCEPTS);
}

static void objective_write(const struct field *f, const void *structure, struct buf *out)
{
	const double *objective = member(f, structure);

	if (*objective)
		number_write(*objective, RULE_PERCENT, out);
}

static const struct field_type field_objective = { objective_load, objective_write, NULL, NULL,
						   OBJECTIVE_ACCEPTS };

static int factor_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		       void *structure)
{
	const char *text = value_text(d, f->key, value, CONF_NAME_MAX), *end;
	double *factor = member(f, structure);

	if (!text)
		return -EINVAL;
	if (decimal_parse(text, factor, &end) && !*end && *factor > 0)
		return 0;
	return value_wrong(d, f->key, value, "a number such as 14.4");
}

static void factor_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_conf *r = structure;

	(void)f;
	if (r->condition == RULE_BURN_RATE)
		decimal_write(r->factor, out);
}

static const struct field_type field_factor = { factor_load, factor_write, NULL, NULL,
						"a number such as 14.4" };

static const struct setting long_window = { .kind = SETTING_DURATION,
					    .initial = HOUR_NS,
					    .min = NS_PER_SEC / 10,
					    .max = 24 * HOUR_NS },
			    short_window = { .kind = SETTING_DURATION,
					     .initial = HOUR_NS / 12,
					     .min = NS_PER_SEC / 10,
					     .max = 24 * HOUR_NS };

/* Of struct rule_conf itself. */
const struct field burn_rate_fields[] = {
	{ "objective", &field_objective, offsetof(struct rule_conf, objective), .required = true,
	  .help = "What is promised; the rest is the budget of errors." },
	{ "factor", &field_factor, offsetof(struct rule_conf, factor),
	  .help = "How many times faster than allowed the budget is used up; 14.4 if it is not given." },
	{ "long", &field_setting, offsetof(struct rule_conf, long_ns), &long_window,
	  .help = "The window in which that has to be true." },
	{ "short", &field_setting, offsetof(struct rule_conf, short_ns), &short_window,
	  .help = "The window in which it has to be true still." },
	{ .key = NULL },
};

static int burn_rate_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			  void *structure)
{
	struct rule_conf *r = structure;
	int err;

	r->condition = RULE_BURN_RATE;
	r->factor = 14.4; /* 2 % of the budget of 30 days in an hour */
	fields_init(burn_rate_fields, r);
	err = fields_load(d, f->key, value, burn_rate_fields, r);
	if (!err && r->long_ns <= r->short_ns)
		err = yaml_doc_error(d, value, "'long' is not longer than 'short'");
	return err;
}

static void burn_rate_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_conf *r = structure;

	(void)f;
	if (r->condition == RULE_BURN_RATE)
		fields_write(burn_rate_fields, r, out);
}

const struct field_type field_burn_rate = { burn_rate_load, burn_rate_write, NULL, NULL, NULL };

/* --- conditions of `while` */

static int guard_value_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			    void *structure)
{
	const char *text = value_text(d, f->key, value, CONF_NAME_MAX);
	int word = text ? value_find(text) : -1;

	if (!text)
		return -EINVAL;
	if (word < 0 || word == RULE_RATIO)
		return value_wrong(d, f->key, value, "mean, rate, count, last or max");
	((struct rule_guard *)structure)->value = (enum rule_value)word;
	return 0;
}

static void guard_value_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_guard *g = structure;

	(void)f;
	if (g->value != RULE_LAST)
		buf_str(out, value_words[g->value]);
}

static void guard_value_init(const struct field *f, void *structure)
{
	(void)f;
	((struct rule_guard *)structure)->value = RULE_LAST;
}

const struct field_type field_guard_value = { guard_value_load, guard_value_write, guard_value_init,
					      NULL, "mean, rate, count, last or max" };

static int guard_number_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			     void *structure)
{
	struct rule_guard *g = structure;
	int err = number_load(d, f, value, &g->threshold, &g->threshold_unit);

	if (g->threshold_line)
		return yaml_doc_error(d, value, "a condition has either 'above' or 'below'");
	g->threshold_line = line_of(value);
	g->below = f->type == &field_guard_below;
	return err || !g->below ? err : below_check(d, f, value, g->threshold);
}

static void guard_number_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_guard *g = structure;

	if (g->below == (f->type == &field_guard_below))
		number_write(g->threshold, g->threshold_unit, out);
}

const struct field_type field_guard_above = { guard_number_load, guard_number_write, NULL, NULL,
					      NUMBER_ACCEPTS },
			field_guard_below = { guard_number_load, guard_number_write, NULL, NULL,
					      NUMBER_ACCEPTS };

int guard_check(struct yaml_doc *d, yaml_node_t *node, const void *guards, unsigned i)
{
	const struct rule_guard *g = (const struct rule_guard *)guards + i;

	if (g->threshold_line)
		return 0;
	return yaml_doc_error(d, node, "a condition of 'while' needs 'above' or 'below'");
}
