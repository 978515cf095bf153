// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "metric/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "metric/intern.h"
#include "metric/label.h"

/* A group while it is added up. */
struct entry {
	struct query_group group; /* first: a group pointer is an entry pointer */
	UT_hash_handle hh;	  /* by the pointers in group.label */
};

/* The conditions, with interned values: series are matched by comparing pointers. */
struct plan {
	const struct query *query;
	const char *where[SERIES_LABELS]; /* by label; NULL: absent */
	bool matched[SERIES_LABELS];	  /* whether there is a condition on it */
	bool impossible;
};

static void match_plan(struct plan *p, const struct query_match *m)
{
	const char *value = NULL;
	char clean[LABEL_VALUE_SIZE];

	if (*m->value) {
		label_clean(clean, m->value);
		value = intern_find(&p->query->family->registry->strings, clean);
		p->impossible |= !value;
	}
	p->impossible |= p->matched[m->label] && p->where[m->label] != value;
	p->where[m->label] = value;
	p->matched[m->label] = true;
}

static struct plan query_plan(const struct query *q)
{
	struct plan p = { .query = q };

	for (size_t i = 0; i < q->where_cnt; i++)
		match_plan(&p, &q->where[i]);
	return p;
}

static bool plan_selects(const struct plan *p, const struct series *s)
{
	for (unsigned i = 0; i < s->family->label_cnt; i++)
		if (p->matched[i] && s->label[i] != p->where[i])
			return false;
	return !p->impossible;
}

static void entry_free(struct entry *e)
{
	free(e->group.hist);
	free(e);
}

static struct entry *entry_new(const struct query *q, const char *const label[])
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	memcpy(e->group.label, label, sizeof(e->group.label));
	e->group.gauge_max = INT64_MIN;
	if (q->family->metric->kind != METRIC_HISTOGRAM)
		return e;
	e->group.hist = calloc(1, sizeof(*e->group.hist));
	if (e->group.hist)
		return e;
	entry_free(e);
	return NULL;
}

/* Finds or adds the group of a series; NULL (and 0) when there are too many groups. */
static int group_get(const struct query *q, struct entry **entries, const struct series *s,
		     struct query_group **ret)
{
	const char *label[SERIES_LABELS] = { NULL };
	struct entry *e;

	*ret = NULL;
	for (unsigned i = 0; i < q->by_cnt; i++)
		label[i] = s->label[q->by[i]];
	HASH_FIND(hh, *entries, label, sizeof(label), e);
	if (!e && HASH_COUNT(*entries) < q->groups_max) {
		e = entry_new(q, label);
		if (!e)
			return -ENOMEM;
		HASH_ADD(hh, *entries, group.label, sizeof(label), e);
		if (!e->hh.tbl) {
			entry_free(e);
			return -ENOMEM;
		}
	}
	if (e)
		*ret = &e->group;
	return 0;
}

static void gauge_add(struct query_group *g, const struct history_window *w, const struct series *s)
{
	struct history_gauge gauge;

	history_gauge(w, s, &gauge);
	g->gauge_last = metric_merge(s->family->metric, g->gauge_last, gauge.last);
	if (!s->family->metric->largest)
		g->gauge_mean += gauge.mean;
	else if (gauge.mean > g->gauge_mean)
		g->gauge_mean = gauge.mean;
	if (gauge.max > g->gauge_max)
		g->gauge_max = gauge.max;
}

static void series_add(struct query_group *g, const struct history_window *w,
		       const struct series *s)
{
	struct history_coverage coverage;
	s64 delta;

	history_coverage(w, s, &coverage);
	if (!g->series_cnt++ || coverage.ratio > g->coverage.ratio)
		g->coverage = coverage;
	switch (s->family->metric->kind) {
	case METRIC_HISTOGRAM:
		history_hist(w, s, g->hist);
		break;
	case METRIC_GAUGE:
		gauge_add(g, w, s);
		break;
	default:
		delta = history_delta(w, s);
		g->delta += delta > 0 ? (u64)delta : 0;
		g->total += (u64)*s->value;
	}
}

static int labels_compare(const void *a, const void *b)
{
	const struct query_group *x = *(struct query_group *const *)a,
				 *y = *(struct query_group *const *)b;
	int order = 0;

	for (unsigned i = 0; i < SERIES_LABELS && !order; i++)
		order = strcmp(x->label[i] ?: "", y->label[i] ?: "");
	return order;
}

/* Moves the groups from the hash table to a sorted array. */
static int groups_order(struct entry *entries, struct query_result *ret)
{
	struct entry *e, *next;

	ret->groups = calloc(HASH_COUNT(entries) + 1, sizeof(*ret->groups));
	HASH_ITER(hh, entries, e, next) {
		HASH_DEL(entries, e);
		if (ret->groups)
			ret->groups[ret->group_cnt++] = &e->group;
		else
			entry_free(e);
	}
	if (!ret->groups)
		return -ENOMEM;
	qsort(ret->groups, ret->group_cnt, sizeof(*ret->groups), labels_compare);
	return 0;
}

static int groups_fill(const struct plan *p, struct entry **entries, struct query_result *ret)
{
	const struct family *f = p->query->family;

	for (size_t i = 0; i < f->series_cnt; i++) {
		struct query_group *group;

		if (!plan_selects(p, f->series[i]))
			continue;
		if (group_get(p->query, entries, f->series[i], &group))
			return -ENOMEM;
		if (group)
			series_add(group, &ret->window, f->series[i]);
		else
			ret->omitted_cnt++;
	}
	return 0;
}

int query_run(const struct query *q, const struct history *h, struct query_result *ret)
{
	const struct plan plan = query_plan(q);
	struct entry *entries = NULL;
	int err, order_err;

	*ret = (struct query_result){ 0 };
	if (!history_window(h, q->window_ns, &ret->window))
		return -EAGAIN;
	err = groups_fill(&plan, &entries, ret);
	order_err = groups_order(entries, ret);
	return err ?: order_err;
}

void query_release(struct query_result *r)
{
	for (u32 i = 0; i < r->group_cnt; i++)
		entry_free((struct entry *)r->groups[i]);
	free(r->groups);
	*r = (struct query_result){ 0 };
}
