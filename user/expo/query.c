// SPDX-License-Identifier: BSD-3-Clause
#include "expo/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/suggest.h"
#include "expo/json.h"
#include "metric/hist.h"
#include "metric/label.h"
#include "metric/query.h"

#define NS_PER_SEC     1000000000ULL
#define WINDOW_DEFAULT (30 * NS_PER_SEC)
#define CONDITIONS_MAX 16
#define GROUPS_MAX     1000

/* A parsed request, or the text of what is wrong with it. */
struct request {
	struct query query;
	struct query_match where[CONDITIONS_MAX];
	char *by_text, *where_text; /* the query points into these */
	struct buf error;
};

static int metric_unknown(struct request *q, const struct registry *r, const char *name)
{
	const char **names = calloc(r->family_cnt + 1, sizeof(*names));
	size_t cnt = 0;

	expo_quote(&q->error, "unknown metric ", name, "");
	for (size_t i = 0; names && i < r->family_cnt; i++)
		if (!r->families[i]->metric->hidden)
			names[cnt++] = r->families[i]->metric->name;
	if (names)
		suggest(&q->error, name, names);
	free(names);
	return -EINVAL;
}

static int metric_read(struct request *q, const struct registry *r, const char *name)
{
	if (!name || !*name) {
		buf_str(&q->error, "no metric: ask for metric=NAME&window=30s&by=LABEL,...&where="
				   "LABEL=VALUE,...");
		return -EINVAL;
	}
	q->query.family = registry_find(r, name);
	return q->query.family ? 0 : metric_unknown(q, r, name);
}

static int window_read(struct request *q, const struct expo_params *params)
{
	struct expo_window w = { .length_ns = WINDOW_DEFAULT };
	int err = expo_window_read(&w, params, &q->error);

	q->query.window_ns = w.length_ns;
	q->query.ago_ns = w.ago_ns;
	return err;
}

/* Returns the index of a label of the metric, or -EINVAL. */
static int label_read(struct request *q, const char *name)
{
	const struct family *f = q->query.family;
	const char *names[SERIES_LABELS + 1] = { NULL };
	int label = family_label(f, name);

	if (label >= 0)
		return label;
	memcpy(names, f->label_names, f->label_cnt * sizeof(*names));
	buf_str(&q->error, f->metric->name);
	expo_quote(&q->error, " has no label ", name, "");
	if (f->label_cnt)
		suggest(&q->error, name, names);
	return -EINVAL;
}

static bool by_has(const struct query *q, unsigned label)
{
	for (unsigned i = 0; i < q->by_cnt; i++)
		if (q->by[i] == label)
			return true;
	return false;
}

static int by_read(struct request *q, const char *text)
{
	char *save, *name;
	int label;

	q->by_text = strdup(text ?: "");
	if (!q->by_text)
		return -ENOMEM;
	for (name = strtok_r(q->by_text, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		label = label_read(q, name);
		if (label < 0)
			return label;
		if (!by_has(&q->query, (unsigned)label))
			q->query.by[q->query.by_cnt++] = (unsigned)label;
	}
	return 0;
}

/* Terminates and unquotes the value at *text in place, and advances *text to the next condition; NULL on a syntax error. */
static char *value_cut(char **text)
{
	bool quoted = **text == '"';
	char *value = *text, *from = value + quoted, *to = value;

	while (*from && *from != (quoted ? '"' : ',')) {
		if (quoted && *from == '\\' && from[1])
			from++;
		*to++ = *from++;
	}
	if (quoted && *from++ != '"')
		return NULL;
	if (*from && *from++ != ',')
		return NULL;
	*to = '\0';
	*text = from;
	return value;
}

static int where_error(struct request *q, const char *text)
{
	expo_quote(&q->error, "where ", text, " is not LABEL=VALUE,... or LABEL=\"VALUE\",...");
	return -EINVAL;
}

static int where_read(struct request *q, const char *text)
{
	char *at = q->where_text = strdup(text ?: "");

	if (!at)
		return -ENOMEM;
	q->query.where = q->where;
	while (*at) {
		struct query_match *m = &q->where[q->query.where_cnt];
		char *equals = strchr(at, '=');
		int label;

		if (!equals || q->query.where_cnt == CONDITIONS_MAX)
			return where_error(q, text);
		*equals = '\0';
		label = label_read(q, at);
		if (label < 0)
			return label;
		at = equals + 1;
		m->label = (unsigned)label;
		m->value = value_cut(&at);
		if (!m->value)
			return where_error(q, text);
		q->query.where_cnt++;
	}
	return 0;
}

static int request_read(struct request *q, const struct registry *r,
			const struct expo_params *params)
{
	int err = metric_read(q, r, params->get(params->ctx, "metric"));

	err = err ?: window_read(q, params);
	err = err ?: by_read(q, params->get(params->ctx, "by"));
	return err ?: where_read(q, params->get(params->ctx, "where"));
}

static void request_release(struct request *q)
{
	free(q->by_text);
	free(q->where_text);
	buf_release(&q->error);
}

/* Sets a number whose key names its unit: "rate", "bytes", "per_second" -> rate_bytes_per_second. */
static void number_set(json_t *o, const char *what, const char *unit, const char *per, double value)
{
	char key[64];

	snprintf(key, sizeof(key), "%s%s%s%s%s", what, *unit ? "_" : "", unit, *per ? "_" : "",
		 per);
	json_object_set_new(o, key, json_number(value));
}

static double scale(const struct metric *m)
{
	return unit_billionths(m->unit) ? 1e-9 : 1;
}

static void hist_write(json_t *o, const struct hist *h, double seconds)
{
	double cnt = (double)hist_count(h);

	json_object_set_new(o, "count_total", json_integer((json_int_t)cnt));
	number_set(o, "rate", "", "per_second", cnt / seconds);
	number_set(o, "sum", "seconds", "", (double)h->sum_ns / NS_PER_SEC);
	number_set(o, "mean", "seconds", "", (double)h->sum_ns / NS_PER_SEC / cnt);
	number_set(o, "p50", "seconds", "", hist_quantile(h, 0.5));
	number_set(o, "p90", "seconds", "", hist_quantile(h, 0.9));
	number_set(o, "p99", "seconds", "", hist_quantile(h, 0.99));
}

static void counter_write(json_t *o, const struct metric *m, u64 delta, double seconds)
{
	double value = (double)delta * scale(m);

	if (m->unit == UNIT_SECONDS)
		number_set(o, "count", "seconds", "", value);
	else
		json_object_set_new(o, m->unit == UNIT_BYTES ? "count_bytes" : "count_total",
				    json_integer((json_int_t)delta));
	number_set(o, "rate", metric_units[m->unit], "per_second", value / seconds);
}

static void gauge_write(json_t *o, const struct metric *m, const struct query_group *g)
{
	const char *unit = *metric_units[m->unit] ? metric_units[m->unit] : "value";

	number_set(o, "last", unit, "", (double)g->gauge_last * scale(m));
	number_set(o, "mean", unit, "", g->gauge_mean * scale(m));
	number_set(o, "max", unit, "", (double)g->gauge_max * scale(m));
}

static void coverage_write(json_t *o, const struct history_coverage *c)
{
	json_t *missing = json_array();

	number_set(o, "coverage", "ratio", "", c->ratio);
	for (unsigned bit = 0; history_missing_words[bit]; bit++)
		if (c->missing & 1U << bit)
			json_array_append_new(missing, json_string(history_missing_words[bit]));
	json_object_set_new(o, "missing", missing);
}

static json_t *group_json(const struct query *q, const struct query_group *g, double seconds)
{
	const struct metric *m = q->family->metric;
	json_t *o = json_object(), *labels = json_object();

	for (unsigned i = 0; i < q->by_cnt; i++)
		json_object_set_new(labels, q->family->label_names[q->by[i]],
				    json_string(g->label[i] ?: ""));
	json_object_set_new(o, "labels", labels);
	if (g->hist)
		hist_write(o, g->hist, seconds);
	else if (m->kind == METRIC_GAUGE)
		gauge_write(o, m, g);
	else
		counter_write(o, m, g->delta, seconds);
	json_object_set_new(o, "series_total", json_integer(g->series_cnt));
	coverage_write(o, &g->coverage);
	return o;
}

static json_t *result_json(const struct query *q, const struct query_result *r, u64 now_ns)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	const struct history_window *w = &r->window;
	double seconds = (double)(w->end_ns - w->begin_ns) / NS_PER_SEC;
	u64 age_ns = now_ns > w->end_ns ? now_ns - w->end_ns : 0;
	json_t *o = json_object(), *groups = json_array();

	json_object_set_new(o, "metric", json_string(q->family->metric->name));
	json_object_set_new(o, "type", json_string(kinds[q->family->metric->kind]));
	number_set(o, "window", "seconds", "", seconds);
	number_set(o, "requested_window", "seconds", "", (double)q->window_ns / NS_PER_SEC);
	number_set(o, "age", "seconds", "", (double)age_ns / NS_PER_SEC);
	for (u32 i = 0; i < r->group_cnt; i++)
		json_array_append_new(groups, group_json(q, r->groups[i], seconds));
	json_object_set_new(o, "groups", groups);
	json_object_set_new(o, "omitted_series_total", json_integer(r->omitted_cnt));
	return o;
}

unsigned expo_query(const struct registry *r, const struct history *h, u64 now_ns,
		    const struct expo_params *params, struct buf *out)
{
	struct request request = { .query.groups_max = GROUPS_MAX };
	struct query_result result = { 0 };
	unsigned status = 200;
	int err = request_read(&request, r, params);

	err = err ?: query_run(&request.query, h, &result);
	if (err)
		status = expo_error(err, &request.error, out);
	else
		json_write(result_json(&request.query, &result, now_ns), out);
	query_release(&result);
	request_release(&request);
	return status;
}
