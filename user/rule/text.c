// SPDX-License-Identifier: BSD-3-Clause
#include "rule/text.h"

#include <math.h>
#include <string.h>

#include "conf/template.h"

struct scale {
	double from; /* for values of this size and above */
	double unit;
	const char *name;
};

static const struct scale seconds[] = {
	{ 2 * 3600, 3600, " h" }, { 120, 60, " min" },	 { 1, 1, " s" },
	{ 1e-5, 1e-3, " ms" },	  { 1e-9, 1e-6, " us" }, { 0, 1, " s" },
};

static const struct scale bytes[] = {
	{ 1e12, 1e12, " TB" }, { 1e9, 1e9, " GB" }, { 1e6, 1e6, " MB" },
	{ 1e3, 1e3, " kB" },   { 0, 1, " B" },
};

static const struct scale percent[] = { { 0, 0.01, " %" } };
static const struct scale plain[] = { { 0, 1, "" } };

/* The unit is part of a metric's name, before _total. */
static const struct scale *scale_of(const char *metric)
{
	static const struct {
		const char *suffix;
		const struct scale *scale;
	} units[] = { { "_seconds", seconds }, { "_bytes", bytes } };
	size_t len = metric ? strlen(metric) : 0;

	if (len > 6 && !strcmp(metric + len - 6, "_total"))
		len -= 6;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t n = strlen(units[i].suffix);

		if (len > n && !strncmp(metric + len - n, units[i].suffix, n))
			return units[i].scale;
	}
	return plain;
}

static void scaled_write(struct buf *out, const struct scale *s, double value)
{
	double size = fabs(value);

	while (size < s->from)
		s++;
	value /= s->unit;
	size = fabs(value);
	/* two digits, but no exponents and nothing rounded away before the point */
	if (size >= 10)
		buf_printf(out, "%.0f%s", value, s->name);
	else
		buf_printf(out, "%.2g%s", size < 1e-4 ? 0 : value, s->name);
}

void quantity_write(struct buf *out, enum quantity q, double value)
{
	static const struct scale *const scales[] = { [QUANTITY_PLAIN] = plain,
						      [QUANTITY_PERCENT] = percent,
						      [QUANTITY_SECONDS] = seconds,
						      [QUANTITY_BYTES] = bytes };

	if (isfinite(value))
		scaled_write(out, scales[q], value);
	else
		buf_str(out, "unknown");
}

void value_write(struct buf *out, const struct rule_conf *r, double value)
{
	const struct scale *s = scale_of(r->term.metric);

	if (!isfinite(value)) {
		buf_str(out, "unknown");
		return;
	}
	if (r->value == RULE_RATIO && s == scale_of(r->of.metric))
		s = percent;
	scaled_write(out, s, value);
	if (r->value == RULE_RATE)
		buf_str(out, "/s");
}

static bool variable_write(struct buf *out, const struct template_part *part, const struct alert *a)
{
	const struct {
		const char *name;
		double value;
	} numbers[] = { { "value", a->value },
			{ "baseline", a->baseline },
			{ "threshold", a->rule->threshold } };

	for (unsigned i = 0; i < a->rule->by_cnt; i++)
		if (template_part_is(part, a->rule->by[i])) {
			buf_str(out, a->label[i] ?: "");
			return true;
		}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (template_part_is(part, numbers[i].name)) {
			value_write(out, a->rule, numbers[i].value);
			return true;
		}
	return false;
}

void text_write(struct buf *out, const char *template, const struct alert *a)
{
	struct template_part part;

	while (template_next(&template, &part))
		if (!part.variable)
			buf_add(out, part.text, part.len);
		else if (!variable_write(out, &part, a))
			buf_printf(out, "{{%.*s}}", (int)part.len, part.text);
}

void summary_write(struct buf *out, const struct alert *a)
{
	const char *between = ": ";

	if (a->rule->summary) {
		text_write(out, a->rule->summary, a);
		return;
	}
	buf_str(out, a->rule->alert);
	for (unsigned i = 0; i < a->rule->by_cnt; i++) {
		if (!a->label[i] || !*a->label[i])
			continue;
		buf_printf(out, "%s%s", between, a->label[i]);
		between = ", ";
	}
	buf_str(out, ": ");
	value_write(out, a->rule, a->value);
	if (!isfinite(a->baseline))
		return;
	buf_str(out, ", usually ");
	value_write(out, a->rule, a->baseline);
}
