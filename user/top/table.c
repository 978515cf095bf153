// SPDX-License-Identifier: BSD-3-Clause
#include "top/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expo/json.h"
#include "lib/utc.h"
#include "lib/utf8.h"

void top_table_release(struct top_table *t)
{
	for (size_t i = 0; i < TOP_ALERTS; i++)
		free(t->texts[i]);
	free(t->rows);
	json_decref(t->doc);
	*t = (struct top_table){ 0 };
}

/* --- what hurts */

static double known(const struct top_row *r, enum top_column_id of)
{
	return r->cells[of].is == TOP_KNOWN ? r->cells[of].value : 0;
}

static double hurt_points(const struct top_row *r, const struct top_hurt *h)
{
	double value = known(r, h->of);

	if (h->share && value > 0)
		value /= value + known(r, h->whole);
	return value > 0 ? h->points * fmin(value / h->full, 1) : 0;
}

static void row_judge(struct top_row *r)
{
	r->points = 0;
	r->hurts = 0;
	if (r->severity)
		r->points = strcmp(r->severity, "page") == 0 ? TOP_POINTS_PAGE : TOP_POINTS_WARNING;
	for (unsigned i = 0; i < TOP_HURTS; i++) {
		double points = hurt_points(r, &top_hurts[i]);

		r->points += points;
		r->hurts |= points >= 1 ? 1U << i : 0;
	}
}

static int rows_compare(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (x->points != y->points)
		return x->points < y->points ? 1 : -1;
	return strcmp(x->service, y->service);
}

void top_table_judge(struct top_table *t)
{
	for (size_t i = 0; i < t->row_cnt; i++)
		row_judge(&t->rows[i]);
	if (t->row_cnt)
		qsort(t->rows, t->row_cnt, sizeof(*t->rows), rows_compare);
}

/* --- to JSON; by hand, since there are tens of thousands of numbers */

static void member_write(struct buf *b, const char *key, const char *text)
{
	buf_printf(b, "\"%s\": ", key);
	if (text)
		utf8_json(b, text);
	else
		buf_str(b, "null");
}

static void number_write(struct buf *b, double value)
{
	if (value >= 0 && value < 1e10) /* to a billionth, several times as fast as printf */
		buf_seconds(b, (u64)(value * 1e9 + 0.5));
	else
		buf_printf(b, "%.9g", value);
}

static void row_write(const struct top_row *r, struct buf *b)
{
	const char *comma = "";

	buf_str(b, "    {");
	member_write(b, "service", r->service);
	buf_str(b, ", ");
	member_write(b, "kind", r->kind);
	buf_str(b, ", ");
	member_write(b, "severity", r->severity);
	buf_printf(b, ", \"hurt_points\": %.4g, \"hurts\": [", r->points);
	for (unsigned i = 0; i < TOP_HURTS; i++)
		if (r->hurts & 1U << i) {
			buf_printf(b, "%s\"%s\"", comma, top_hurts[i].name);
			comma = ", ";
		}
	buf_char(b, ']');
	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		buf_str(b, ", \"");
		buf_str(b, top_columns[i].key);
		buf_str(b, "\": ");
		if (r->cells[i].is == TOP_KNOWN)
			number_write(b, r->cells[i].value);
		else
			buf_str(b, "null");
	}
	buf_char(b, '}');
}

static void columns_write(const struct top_table *t, struct buf *b)
{
	buf_str(b, "  \"columns\": {\n");
	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		buf_printf(b, "    \"%s\": {", top_columns[i].key);
		member_write(b, "unknown", t->unknown[i]);
		buf_printf(b, ", \"events_lost\": %s}%s\n", t->lossy[i] ? "true" : "false",
			   i + 1 < TOP_COLUMNS ? "," : "");
	}
	buf_str(b, "  },\n");
}

static void alerts_write(const struct top_table *t, struct buf *b)
{
	buf_printf(b, "  \"firing_alerts_total\": %zu,\n  ", t->firing_cnt);
	member_write(b, "alerts_unknown", t->alerts_unknown);
	buf_str(b, ",\n  \"alerts\": [");
	for (size_t i = 0; i < t->alert_cnt; i++) {
		const struct top_alert *a = &t->alerts[i];

		buf_str(b, i ? ",\n    {" : "\n    {");
		member_write(b, "rule", a->rule);
		buf_str(b, ", ");
		member_write(b, "severity", a->severity);
		buf_str(b, ", ");
		member_write(b, "service", a->service);
		buf_str(b, ", ");
		member_write(b, "summary", a->summary);
		buf_char(b, '}');
	}
	buf_str(b, "],\n");
}

void top_table_write(const struct top_table *t, const struct top_row *const rows[], size_t cnt,
		     struct buf *out)
{
	struct utc_cache cache = { 0 };

	buf_printf(out,
		   "{\n  \"window_seconds\": %.6f,\n  \"requested_window_seconds\": %.6f,\n"
		   "  \"age_seconds\": %.6f,\n  \"coverage_ratio\": %.6f,\n  \"end\": \"",
		   t->window, t->requested_window, t->age, t->coverage);
	utc_add(out, &cache, t->end_ns);
	buf_str(out, "\",\n");
	columns_write(t, out);
	alerts_write(t, out);
	buf_printf(out,
		   "  \"services_total\": %zu,\n  \"matching_services_total\": %zu,\n"
		   "  \"services\": [",
		   t->service_cnt, t->matching_cnt);
	for (size_t i = 0; i < cnt; i++) {
		buf_str(out, i ? ",\n" : "\n");
		row_write(rows[i], out);
	}
	buf_str(out, "\n  ]\n}\n");
}

/* --- from JSON */

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static double number_of(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static unsigned hurts_read(const json_t *list)
{
	const json_t *name;
	unsigned ret = 0;
	size_t n;

	json_array_foreach((json_t *)list, n, name)
	{
		for (unsigned i = 0; i < TOP_HURTS; i++)
			if (!strcmp(json_string_value(name) ?: "", top_hurts[i].name))
				ret |= 1U << i;
	}
	return ret;
}

static void row_read(const struct top_table *t, const json_t *o, struct top_row *ret)
{
	*ret = (struct top_row){
		.service = text_of(o, "service") ?: "",
		.kind = text_of(o, "kind") ?: "",
		.severity = text_of(o, "severity"),
		.points = number_of(o, "hurt_points"),
		.hurts = hurts_read(json_object_get(o, "hurts")),
	};
	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		const json_t *value = json_object_get(o, top_columns[i].key);
		struct top_cell *c = &ret->cells[i];

		if (json_is_number(value))
			*c = (struct top_cell){ TOP_KNOWN, json_number_value(value) };
		else
			c->is = t->unknown[i] ? TOP_UNKNOWN : TOP_NONE;
	}
}

static void columns_read(struct top_table *t, const json_t *columns)
{
	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		const json_t *c = json_object_get(columns, top_columns[i].key);

		/* a daemon of another version has other columns */
		t->unknown[i] = c ? text_of(c, "unknown") : "the daemon does not know it";
		t->lossy[i] = json_is_true(json_object_get(c, "events_lost"));
	}
}

static void alerts_read(struct top_table *t, const json_t *list)
{
	const json_t *o;
	size_t i;

	json_array_foreach((json_t *)list, i, o)
	{
		if (t->alert_cnt == TOP_ALERTS)
			break;
		t->alerts[t->alert_cnt++] = (struct top_alert){
			.rule = text_of(o, "rule") ?: "",
			.severity = text_of(o, "severity") ?: "",
			.summary = text_of(o, "summary") ?: "",
			.service = text_of(o, "service"),
		};
	}
}

int top_table_read(struct top_table *ret, json_t *doc)
{
	const json_t *services = json_object_get(doc, "services"), *o;
	const char *end = text_of(doc, "end");
	size_t i;

	*ret = (struct top_table){
		.doc = doc,
		.window = number_of(doc, "window_seconds"),
		.requested_window = number_of(doc, "requested_window_seconds"),
		.age = number_of(doc, "age_seconds"),
		.coverage = number_of(doc, "coverage_ratio"),
		.service_cnt = (size_t)number_of(doc, "services_total"),
		.matching_cnt = (size_t)number_of(doc, "matching_services_total"),
		.firing_cnt = (size_t)number_of(doc, "firing_alerts_total"),
		.alerts_unknown = text_of(doc, "alerts_unknown"),
	};
	if (!json_is_array(services) || !end || utc_parse(end, &ret->end_ns))
		return -EPROTO;
	columns_read(ret, json_object_get(doc, "columns"));
	alerts_read(ret, json_object_get(doc, "alerts"));
	ret->rows = calloc(json_array_size(services) + 1, sizeof(*ret->rows));
	if (!ret->rows)
		return -ENOMEM;
	json_array_foreach((json_t *)services, i, o) row_read(ret, o, &ret->rows[ret->row_cnt++]);
	return 0;
}
