// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM	      1
#define HASH_FUNCTION(key, len, hash) ((hash) = pointer_hash(key))
#include "top/measure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/parse.h"
#include "metric/hist.h"
#include "rule/text.h"
#include "top/model.h"

#define NS_PER_SEC  1000000000ULL
#define SOURCES_MAX (TOP_COLUMNS * TOP_SOURCES)

/* Of a key that is a pointer. */
static inline unsigned pointer_hash(const void *key)
{
	const uintptr_t *pointer = key;

	return (unsigned)(*pointer * 0x9e3779b97f4a7c15ULL >> 32);
}

/* What a source had in the window, by service. */
struct amounts {
	const struct top_source *source;
	const struct family *family; /* NULL: there is none at present */
	struct query_result now;
	double seconds; /* of the window in which the family has been there */
	bool quantiles;
	const struct top_usual *usual;	   /* NULL: nothing is, or no column asks */
	const struct query_group **of_row; /* NULL: the service has none of it */
};

/* A service, and its row. */
struct seen {
	const char *service;
	size_t row;
	UT_hash_handle hh;
};

struct measuring {
	const struct top_sources *src;
	const struct expo_window *window;
	struct top_table *table;
	struct top_usual *usual;
	struct amounts amounts[SOURCES_MAX];
	unsigned amount_cnt;
	struct seen *seen;
	size_t row_room;
};

static struct amounts *amounts_of(struct measuring *m, const struct top_source *source)
{
	unsigned i = 0;

	while (i < m->amount_cnt && m->amounts[i].source != source)
		i++;
	m->amount_cnt += i == m->amount_cnt;
	m->amounts[i].source = source;
	return &m->amounts[i];
}

/* Without a history that reaches back so far nothing is usual. */
static int usual_measure(struct measuring *m, struct amounts *a)
{
	int err = top_usual_measure(m->usual, a->source, a->family, m->src->history,
				    m->window->ago_ns);

	a->usual = err ? NULL : m->usual;
	return err == -ENOMEM ? err : 0;
}

static int source_measure(struct measuring *m, struct amounts *a, bool usual)
{
	u64 begin;
	int err;

	a->family = registry_find(m->src->registry, a->source->metric);
	if (!a->family)
		return 0;
	err = top_source_query(a->source, a->family, m->src->history, m->window->length_ns,
			       m->window->ago_ns, !a->quantiles, &a->now);
	if (err)
		return err;
	begin = a->now.window.begin_ns > a->family->born_ns ? a->now.window.begin_ns
							    : a->family->born_ns;
	a->seconds = ((double)a->now.window.end_ns - (double)begin) / NS_PER_SEC;
	return usual ? usual_measure(m, a) : 0;
}

/* Each source once, with all that some column wants of it. */
static int sources_measure(struct measuring *m)
{
	bool usual[SOURCES_MAX] = { false };
	int err = 0;

	for (const struct top_column *c = top_columns; c < top_columns + TOP_COLUMNS; c++)
		for (unsigned i = 0; i < TOP_SOURCES && c->of[i]; i++) {
			struct amounts *a = amounts_of(m, c->of[i]);

			a->quantiles |= c->value != TOP_SUM;
			usual[a - m->amounts] |= c->value == TOP_EXCESS;
		}
	for (unsigned i = 0; i < m->amount_cnt && !err; i++)
		err = source_measure(m, &m->amounts[i], usual[i]);
	return err;
}

/* --- from amounts to cells */

static double unit(const struct family *f)
{
	return unit_billionths(f->metric->unit) ? 1e-9 : 1;
}

/* What a histogram's values took beyond the usual mean, by second. NAN: nothing is usual. */
static double excess(const struct amounts *a, const struct query_group *g)
{
	double sum = (double)g->hist->sum_ns * 1e-9,
	       mean = a->usual ? top_usual_mean(a->usual, g->label[0] ?: "") : NAN;

	return isnan(mean) ? NAN : fmax(sum - mean * (double)g->delta, 0) / a->seconds;
}

static double amount_value(const struct amounts *a, const struct query_group *g,
			   enum top_value value)
{
	bool histogram = g->hist;

	switch (value) {
	case TOP_RATE:
		return (double)g->delta * (histogram ? 1 : unit(a->family)) / a->seconds;
	case TOP_SUM:
		return (double)(histogram ? g->hist->sum_ns : g->sum_ns) * 1e-9 / a->seconds;
	case TOP_P50:
		return histogram ? hist_quantile_of(g->hist, g->delta, 0.5) : NAN;
	case TOP_P99:
		return histogram ? hist_quantile_of(g->hist, g->delta, 0.99) : NAN;
	case TOP_LAST:
		return (double)g->gauge_last * unit(a->family);
	case TOP_EXCESS:
		return histogram ? excess(a, g) : NAN;
	}
	return NAN;
}

static void cell_measure(struct measuring *m, const struct top_column *c,
			 struct amounts *const of[TOP_SOURCES], struct top_row *row)
{
	struct top_cell *cell = &row->cells[c - top_columns];
	size_t at = (size_t)(row - m->table->rows);

	if (m->table->unknown[c - top_columns])
		cell->is = TOP_UNKNOWN;
	for (unsigned i = 0; i < TOP_SOURCES && of[i]; i++) {
		const struct amounts *a = of[i];
		const struct query_group *g = a->of_row[at];
		double value = g && a->seconds > 0 ? amount_value(a, g, c->value) : NAN;

		if (isnan(value) && c->always && a->family && !g)
			value = 0;
		if (isnan(value))
			continue;
		if (cell->is != TOP_KNOWN)
			*cell = (struct top_cell){ TOP_KNOWN, value };
		else if (c->largest)
			cell->value = fmax(cell->value, value);
		else
			cell->value += value;
	}
	if (c->present && cell->is == TOP_KNOWN && cell->value == 0)
		cell->is = TOP_NONE;
}

/* A column is known as far as one of its sources is. */
static void column_measure(struct measuring *m, const struct top_column *c)
{
	bool known = false, lossy = false, usual = c->value != TOP_EXCESS;
	struct amounts *of[TOP_SOURCES] = { NULL };

	for (unsigned i = 0; i < TOP_SOURCES && c->of[i]; i++) {
		const struct amounts *a = of[i] = amounts_of(m, c->of[i]);

		known |= a->family && a->seconds > 0;
		lossy |= a->now.coverage.missing & HISTORY_LOSSY;
		usual |= a->usual != NULL;
	}
	m->table->lossy[c - top_columns] = lossy;
	if (!known)
		m->table->unknown[c - top_columns] = "its probe does not run, or did not then";
	else if (!usual)
		m->table->unknown[c - top_columns] = "the history does not reach back an hour";
	for (size_t i = 0; i < m->table->row_cnt; i++)
		cell_measure(m, c, of, &m->table->rows[i]);
}

/* --- rows */

static int row_add(struct measuring *m, const char *service)
{
	struct top_table *t = m->table;

	if (t->row_cnt == m->row_room) {
		size_t room = 2 * m->row_room + 64;
		struct top_row *rows = reallocarray(t->rows, room, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		t->rows = rows;
		m->row_room = room;
	}
	t->rows[t->row_cnt++] = (struct top_row){
		.service = service,
		.kind = m->src->kind(m->src->ctx, service),
	};
	return 0;
}

static int seen_add(struct measuring *m, const char *service)
{
	struct seen *s;

	HASH_FIND_PTR(m->seen, &service, s);
	if (s)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->service = service;
	s->row = m->table->row_cnt;
	HASH_ADD_PTR(m->seen, service, s);
	if (!s->hh.tbl) {
		free(s);
		return -ENOMEM;
	}
	return row_add(m, service);
}

static int groups_assign(struct measuring *m, struct amounts *a)
{
	a->of_row = calloc(m->table->row_cnt + 1, sizeof(*a->of_row));
	for (u32 g = 0; a->of_row && g < a->now.group_cnt; g++) {
		struct seen *s;

		HASH_FIND_PTR(m->seen, &a->now.groups[g]->label[0], s);
		if (s)
			a->of_row[s->row] = a->now.groups[g];
	}
	return a->of_row ? 0 : -ENOMEM;
}

/* A row for each service that has anything. */
static int rows_find(struct measuring *m)
{
	int err = 0;

	for (unsigned i = 0; i < m->amount_cnt; i++)
		for (u32 g = 0; g < m->amounts[i].now.group_cnt && !err; g++)
			if (m->amounts[i].now.groups[g]->label[0])
				err = seen_add(m, m->amounts[i].now.groups[g]->label[0]);
	for (unsigned i = 0; i < m->amount_cnt && !err; i++)
		err = groups_assign(m, &m->amounts[i]);
	return err;
}

static void measuring_release(struct measuring *m)
{
	struct seen *s = m->seen, *next;

	HASH_CLEAR(hh, m->seen);
	for (; s; s = next) {
		next = s->hh.next;
		free(s);
	}
	for (unsigned i = 0; i < m->amount_cnt; i++) {
		free(m->amounts[i].of_row);
		query_release(&m->amounts[i].now);
	}
}

/* A service that has gone is there as long as its metrics are: it is not shown where it did nothing in the window. */
static bool is_idle(const struct top_row *r)
{
	for (unsigned i = 0; i < TOP_COLUMNS; i++)
		if (r->cells[i].is == TOP_KNOWN && r->cells[i].value != 0)
			return false;
	return true;
}

static void rows_drop_idle(struct top_table *t)
{
	size_t cnt = 0;

	for (size_t i = 0; i < t->row_cnt; i++)
		if (!is_idle(&t->rows[i]))
			t->rows[cnt++] = t->rows[i];
	t->row_cnt = cnt;
}

/* --- alerts */

static const char *alert_service(const struct alert *a)
{
	for (unsigned i = 0; i < a->rule->by_cnt; i++)
		if (!strcmp(a->rule->by[i], "service"))
			return a->label[i];
	return NULL;
}

static void alert_mark(struct top_table *t, const char *service, const struct alert *a)
{
	for (size_t i = 0; service && i < t->row_cnt; i++)
		if (!t->rows[i].severity && !strcmp(t->rows[i].service, service))
			t->rows[i].severity = rule_severities[a->severity];
}

struct alert_list {
	struct top_table *table;
	enum rule_severity severity; /* of those that are taken */
};

static void alert_take(void *ctx, const struct alert *a)
{
	const struct alert_list *list = ctx;
	struct top_table *t = list->table;
	struct buf summary = { 0 };

	if (a->state != ALERT_FIRING || a->severity != list->severity || a->silenced || a->expected)
		return;
	t->firing_cnt++;
	alert_mark(t, alert_service(a), a);
	if (t->alert_cnt == TOP_ALERTS)
		return;
	summary_write(&summary, a);
	t->texts[t->alert_cnt] = strdup(buf_cstr(&summary));
	t->alerts[t->alert_cnt] =
		(struct top_alert){ a->rule->alert, rule_severities[a->severity],
				    t->texts[t->alert_cnt] ?: "", alert_service(a) };
	t->alert_cnt++;
	buf_release(&summary);
}

/* The gravest first, and only those that are paged or told. */
static void alerts_measure(struct top_table *t, const struct engine *engine)
{
	engine_each(engine, alert_take, &(struct alert_list){ t, RULE_PAGE });
	engine_each(engine, alert_take, &(struct alert_list){ t, RULE_WARNING });
}

/* --- the whole */

/* How much of the window the history knows: that of what has been there for longest. */
static void coverage_measure(struct measuring *m)
{
	for (unsigned i = 0; i < m->amount_cnt; i++) {
		const struct amounts *a = &m->amounts[i];

		if (a->family && a->now.coverage.ratio > m->table->coverage)
			m->table->coverage = a->now.coverage.ratio;
	}
}

int top_measure(struct top_table *ret, const struct top_sources *src, const struct expo_window *w)
{
	struct top_usual usual = { 0 };
	struct measuring m = {
		.src = src, .window = w, .table = ret, .usual = src->usual ?: &usual
	};
	struct history_window window;
	int err = 0;

	*ret = (struct top_table){ .requested_window = (double)w->length_ns / NS_PER_SEC };
	if (!history_window_past(src->history, w->ago_ns + w->length_ns, w->ago_ns, &window))
		return w->ago_ns ? -ENODATA : -EAGAIN;
	ret->window = (double)(window.end_ns - window.begin_ns) / NS_PER_SEC;
	ret->age = src->now_ns > window.end_ns ? (double)(src->now_ns - window.end_ns) / NS_PER_SEC
					       : 0;
	ret->end_ns = src->wall_ns - (s64)(ret->age * NS_PER_SEC);
	err = sources_measure(&m);
	coverage_measure(&m);
	err = err ?: rows_find(&m);
	for (unsigned i = 0; i < TOP_COLUMNS && !err; i++)
		column_measure(&m, &top_columns[i]);
	measuring_release(&m);
	top_usual_release(&usual);
	rows_drop_idle(ret);
	if (w->ago_ns)
		ret->alerts_unknown = "only what fires now is known";
	else if (src->engine)
		alerts_measure(ret, src->engine);
	else
		ret->alerts_unknown = "no rules are evaluated";
	top_table_judge(ret);
	return err;
}

/* Which rows are wanted: parameters of the request. */
struct wish {
	struct expo_window window;
	struct top_view view;
	u64 limit;
};

static int limit_read(struct wish *w, const char *text, struct buf *error)
{
	if (!text || !parse_u64(text, 1, TOP_ROWS_MAX, &w->limit))
		return 0;
	expo_quote(error, "limit ", text, " is not between 1 and 10000");
	return -EINVAL;
}

static int sort_read(struct wish *w, const char *text, struct buf *error)
{
	if (text)
		w->view.by = top_by_find(text);
	if (w->view.by != TOP_BYS)
		return 0;
	expo_quote(error, "sort ", text, " is none of");
	for (unsigned by = 0; by < TOP_BYS; by++)
		if (top_by_title(by))
			buf_printf(error, " %s", top_by_key(by));
	return -EINVAL;
}

static int filter_read(struct wish *w, const char *text, struct buf *error)
{
	if (snprintf(w->view.filter, TOP_FILTER, "%s", text ?: "") < TOP_FILTER)
		return 0;
	buf_printf(error, "filter is longer than %d bytes", TOP_FILTER - 1);
	return -EINVAL;
}

static int wish_read(struct wish *w, const struct expo_params *params, struct buf *error)
{
	const char *reverse = params->get(params->ctx, "reverse");
	int err = expo_window_read(&w->window, params, error);

	w->view.reverse = reverse && !strcmp(reverse, "1");
	err = err ?: limit_read(w, params->get(params->ctx, "limit"), error);
	err = err ?: sort_read(w, params->get(params->ctx, "sort"), error);
	return err ?: filter_read(w, params->get(params->ctx, "filter"), error);
}

static int table_answer(struct top_table *t, const struct wish *w, struct buf *out)
{
	const struct top_row **rows = calloc(t->row_cnt + 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	t->service_cnt = t->row_cnt;
	t->matching_cnt = top_rows_choose(rows, t, &w->view);
	top_table_write(t, rows, t->matching_cnt < w->limit ? t->matching_cnt : w->limit, out);
	free(rows);
	return 0;
}

unsigned top_answer(const struct top_sources *src, const struct expo_params *params,
		    struct buf *out)
{
	struct wish wish = { .window.length_ns = TOP_WINDOW_NS,
			     .view.by = TOP_BY_HURT,
			     .limit = TOP_ROWS_MAX };
	struct buf error = { 0 };
	struct top_table table = { 0 };
	int err = wish_read(&wish, params, &error);

	err = err ?: top_measure(&table, src, &wish.window);
	err = err ?: table_answer(&table, &wish, out);
	top_table_release(&table);
	if (err)
		err = (int)expo_error(err, &error, out);
	buf_release(&error);
	return err ? (unsigned)err : 200;
}
