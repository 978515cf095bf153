// SPDX-License-Identifier: BSD-3-Clause
#include "top/model.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/pattern.h"
#include "top/format.h"

#define MARK	      2	 /* before the name */
#define NAME_MIN      12 /* of a name that is longer */
#define NAME_MAX      64
#define HURT_PRIORITY 7 /* before columns of this priority and after */

/* --- columns */

const char *top_by_title(unsigned by)
{
	if (by == TOP_BY_NAME)
		return "SERVICE";
	if (by == TOP_BY_HURT)
		return "HURT";
	return by < TOP_COLUMNS && top_columns[by].priority ? top_columns[by].title : NULL;
}

const char *top_by_key(unsigned by)
{
	return by == TOP_BY_NAME   ? "service"
	       : by == TOP_BY_HURT ? "hurt_points"
				   : top_columns[by].key;
}

unsigned top_by_find(const char *name)
{
	unsigned found = TOP_BYS, cnt = 0;

	for (unsigned by = 0; by < TOP_BYS; by++) {
		const char *title = top_by_title(by);

		if (!title)
			continue;
		if (!strcasecmp(title, name) || !strcasecmp(top_by_key(by), name))
			return by;
		if (!strncasecmp(title, name, strlen(name)) ||
		    !strncasecmp(top_by_key(by), name, strlen(name))) {
			found = by;
			cnt++;
		}
	}
	return cnt == 1 ? found : TOP_BYS;
}

/* As they stand in the table: the name, points, the columns. */
static unsigned place_of(unsigned by)
{
	return by == TOP_BY_NAME ? 0 : by == TOP_BY_HURT ? 1 : by + 2;
}

static unsigned by_place(unsigned place)
{
	return place == 0 ? TOP_BY_NAME : place == 1 ? TOP_BY_HURT : place - 2;
}

unsigned top_by_step(unsigned by, int step)
{
	do
		by = by_place((place_of(by) + TOP_BYS + (unsigned)step) % TOP_BYS);
	while (!top_by_title(by));
	return by;
}

/* The lower, the longer it stays: what is sorted by before all others. */
static unsigned priority(unsigned column, unsigned by)
{
	if (column == by)
		return 1;
	return column == TOP_BY_HURT ? 2 * HURT_PRIORITY - 1 : 2 * top_columns[column].priority;
}

static bool is_kept(unsigned column, unsigned by, unsigned cnt)
{
	unsigned before = 0;

	for (unsigned other = 0; other < TOP_BY_NAME; other++)
		before += top_by_title(other) && priority(other, by) < priority(column, by);
	return before < cnt;
}

static unsigned longest_name(const struct top_table *t)
{
	unsigned longest = NAME_MIN;

	for (size_t i = 0; i < t->row_cnt; i++) {
		unsigned width = top_text_width(t->rows[i].service);

		longest = width > longest ? width : longest;
	}
	return longest < NAME_MAX ? longest : NAME_MAX;
}

void top_layout_make(struct top_layout *ret, const struct top_table *t, const struct top_view *v,
		     unsigned width)
{
	unsigned longest = longest_name(t), most = TOP_BYS, name, left;

	*ret = (struct top_layout){ .width = width, .name_width = longest };
	if (width) {
		name = width / 4 > NAME_MIN ? width / 4 : NAME_MIN;
		name = name < longest ? name : longest;
		most = width > MARK + name ? (width - MARK - name) / (TOP_CELL + 1) : 0;
	}
	for (unsigned place = 1; place < TOP_BYS; place++) {
		unsigned column = by_place(place);

		if (top_by_title(column) && is_kept(column, v->by, most))
			ret->columns[ret->cnt++] = column;
	}
	if (!width)
		return;
	left = MARK + ret->cnt * (TOP_CELL + 1);
	left = width > left ? width - left : 0;
	ret->name_width = left < longest ? left : longest;
}

/* --- lines */

static bool is_wanted(const char *service, const char *filter)
{
	if (strpbrk(filter, "*?[|!"))
		return pattern_match(filter, service);
	return strcasestr(service, filter);
}

/* For qsort_r(). What is not known comes last in any order. */
static int rows_compare(const void *a, const void *b, void *view)
{
	const struct top_row *x = *(const struct top_row *const *)a,
			     *y = *(const struct top_row *const *)b;
	const struct top_view *v = view;
	double left = x->points, right = y->points;
	int order = 0;

	if (v->by < TOP_COLUMNS) {
		const struct top_cell *p = &x->cells[v->by], *q = &y->cells[v->by];

		if ((p->is == TOP_KNOWN) != (q->is == TOP_KNOWN))
			return p->is == TOP_KNOWN ? -1 : 1;
		left = p->is == TOP_KNOWN ? p->value : 0;
		right = q->is == TOP_KNOWN ? q->value : 0;
	}
	if (v->by != TOP_BY_NAME && left != right)
		order = left < right ? 1 : -1;
	if (!order)
		return v->by == TOP_BY_NAME && v->reverse ? strcmp(y->service, x->service)
							  : strcmp(x->service, y->service);
	return v->reverse ? -order : order;
}

size_t top_rows_choose(const struct top_row **ret, const struct top_table *t,
		       const struct top_view *v)
{
	size_t cnt = 0;

	for (size_t i = 0; i < t->row_cnt; i++)
		if (is_wanted(t->rows[i].service, v->filter))
			ret[cnt++] = &t->rows[i];
	qsort_r(ret, cnt, sizeof(*ret), rows_compare, (void *)v);
	return cnt;
}

static void sum_add(struct top_row *sum, const struct top_row *r)
{
	sum->points = fmax(sum->points, r->points);
	if (r->severity && (!sum->severity || !strcmp(r->severity, "page")))
		sum->severity = r->severity;
	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		const struct top_cell *c = &r->cells[i];
		struct top_cell *to = &sum->cells[i];

		if (c->is == TOP_UNKNOWN)
			to->is = TOP_UNKNOWN;
		if (top_columns[i].apart || c->is != TOP_KNOWN)
			continue;
		to->is = TOP_KNOWN;
		to->value =
			top_columns[i].largest ? fmax(to->value, c->value) : to->value + c->value;
	}
}

/* The group of the first row of which the kind was not there yet, with its rows. */
static void group_take(struct top_lines *l, const struct top_row **rows, size_t cnt, size_t first,
		       struct top_row *sum)
{
	struct top_line *head = &l->lines[l->cnt++];

	*sum = (struct top_row){ .service = rows[first]->kind, .kind = rows[first]->kind };
	*head = (struct top_line){ .row = sum, .group = true };
	for (size_t i = first; i < cnt; i++) {
		if (!rows[i] || strcmp(rows[i]->kind, sum->kind) != 0)
			continue;
		sum_add(sum, rows[i]);
		head->cnt++;
		l->lines[l->cnt++].row = rows[i];
		if (i > first)
			rows[i] = NULL;
	}
}

int top_lines_make(struct top_lines *ret, const struct top_table *t, const struct top_view *v)
{
	const struct top_row **rows = calloc(t->row_cnt + 1, sizeof(*rows));
	size_t cnt, groups = 0;

	*ret = (struct top_lines){
		.lines = calloc(2 * t->row_cnt + 1, sizeof(*ret->lines)),
		.sums = calloc(t->row_cnt + 1, sizeof(*ret->sums)),
	};
	if (!rows || !ret->lines || !ret->sums) {
		free(rows);
		top_lines_release(ret);
		return -ENOMEM;
	}
	cnt = ret->service_cnt = top_rows_choose(rows, t, v);
	for (size_t i = 0; i < cnt; i++)
		if (!v->grouped)
			ret->lines[ret->cnt++].row = rows[i];
		else if (rows[i])
			group_take(ret, rows, cnt, i, &ret->sums[groups++]);
	free(rows);
	return 0;
}

void top_lines_release(struct top_lines *l)
{
	free(l->lines);
	free(l->sums);
	*l = (struct top_lines){ 0 };
}

/* --- text */

static void line_end(struct buf *b, const struct top_layout *l)
{
	unsigned used = MARK + l->name_width + l->cnt * (TOP_CELL + 1);

	for (; used < l->width; used++)
		buf_char(b, ' ');
}

/* A terminal that is too narrow for anything else has names alone. */
static void name_write(struct buf *b, const struct top_layout *l, const char *mark,
		       const char *name)
{
	unsigned width = MARK + l->name_width;

	if (l->width && width > l->width)
		width = l->width;
	top_text_add(b, mark, width < MARK ? width : MARK);
	if (width > MARK)
		top_text_add(b, name, width - MARK);
}

void top_header_write(struct buf *b, const struct top_layout *l)
{
	name_write(b, l, "", top_by_title(TOP_BY_NAME));
	for (unsigned i = 0; i < l->cnt; i++)
		buf_printf(b, " %*s", TOP_CELL, top_by_title(l->columns[i]));
	line_end(b, l);
}

static const char *mark_of(const struct top_row *r)
{
	return !r->severity ? "" : !strcmp(r->severity, "page") ? "!" : "*";
}

void top_line_write(struct buf *b, const struct top_layout *l, const struct top_table *t,
		    const struct top_line *line)
{
	char cell[TOP_CELL + 1], name[TOP_FILTER];

	if (line->group) {
		snprintf(name, sizeof(name), "%s: %zu", line->row->kind, line->cnt);
		name_write(b, l, mark_of(line->row), name);
	} else {
		name_write(b, l, mark_of(line->row), line->row->service);
	}
	for (unsigned i = 0; i < l->cnt; i++) {
		unsigned column = l->columns[i];

		if (column == TOP_BY_HURT)
			top_format_points(cell, line->row->points);
		else if (line->group && top_columns[column].apart)
			*cell = '\0';
		else
			top_format(cell, top_columns[column].unit, &line->row->cells[column],
				   t->lossy[column]);
		buf_printf(b, " %*s", TOP_CELL, cell);
	}
	line_end(b, l);
}

void top_title_write(struct buf *b, const struct top_table *t, const struct top_view *v,
		     const struct top_lines *lines, bool replay)
{
	time_t end = (time_t)((t->end_ns + 500000000) / 1000000000);
	struct tm tm;
	char text[32];
	size_t shown;

	localtime_r(&end, &tm);
	strftime(text, sizeof(text), t->age > 86400 / 2 ? "%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
	if (replay) {
		buf_printf(b, "REPLAY %s, ", text);
		top_format_clock(b, t->age);
		buf_str(b, " ago");
	} else {
		buf_printf(b, "seismo %s", text);
	}
	shown = t->row_cnt < t->matching_cnt ? t->matching_cnt : lines->service_cnt;
	buf_printf(b, "  window %.0f s  %zu", t->window, shown);
	if (shown != t->service_cnt)
		buf_printf(b, " of %zu", t->service_cnt);
	buf_printf(b, " services  by %s%s", top_by_title(v->by), v->reverse ? " reversed" : "");
	if (*v->filter)
		buf_printf(b, "  filter %s", v->filter);
}

void top_note_write(struct buf *b, const struct top_table *t)
{
	unsigned unknown = 0, lossy = 0;
	const char *why = NULL;

	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		if (!top_by_title(i))
			continue;
		unknown += t->unknown[i] != NULL;
		why = why ?: t->unknown[i];
		lossy += t->lossy[i];
	}
	if (lossy)
		buf_printf(b, "events were lost in this window: \"12?\" is 12 or more");
	else if (unknown)
		buf_printf(b, "%u columns are unknown (?): %s", unknown, why);
	else if (t->coverage < 0.95)
		buf_printf(b, "only %.0f %% of the window are known", 100 * t->coverage);
}

void top_alert_write(struct buf *b, const struct top_table *t, size_t which)
{
	if (which < t->alert_cnt) {
		const struct top_alert *a = &t->alerts[which];

		buf_printf(b, "%s %s: %s", strcmp(a->severity, "page") ? "*" : "!", a->rule,
			   a->summary);
		if (which == 0 && t->firing_cnt > 1)
			buf_printf(b, " (and %zu more)", t->firing_cnt - 1);
		return;
	}
	if (which == 0 && t->alerts_unknown)
		buf_printf(b, "alerts: unknown, %s", t->alerts_unknown);
	else if (which == 0)
		buf_str(b, "no alert fires");
}
