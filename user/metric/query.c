// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM	      1
#define HASH_INITIAL_NUM_BUCKETS      1024
#define HASH_INITIAL_NUM_BUCKETS_LOG2 10
#define HASH_FUNCTION(key, len, hash) ((hash) = labels_hash(key))
#include "metric/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "conf/pattern.h"
#include "metric/hist.h"
#include "metric/intern.h"
#include "metric/label.h"

/* Groups are hashed for each series, by the pointers of their labels. */
static inline unsigned labels_hash(const void *key)
{
	const uintptr_t *label = key;
	u64 hash = 0;

	for (unsigned i = 0; i < SERIES_LABELS; i++)
		hash = (hash ^ label[i]) * 0x9e3779b97f4a7c15ULL;
	return (unsigned)(hash >> 32);
}

struct query_entry {
	UT_hash_handle hh; /* by the pointers in group.label */
	struct query_group group;
	struct hist hist[]; /* one, of histograms */
};

/*
 * Whether a label's value fits a pattern, remembered for the values seen last: labels whose values are few are matched as
 * fast as by comparing pointers.
 */
#define MEMO 64
struct pattern {
	const struct query_match *match;
	struct {
		const char *value;
		bool known, fits;
	} memo[MEMO];
};

/* The conditions, with interned values: series are matched by comparing pointers. */
struct plan {
	const struct query *query;
	const char *where[SERIES_LABELS]; /* by label; NULL: absent */
	bool matched[SERIES_LABELS];	  /* whether there is a condition on it */
	bool impossible;
	struct pattern *patterns;
	size_t pattern_cnt;
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

static int query_plan(const struct query *q, struct plan *ret)
{
	size_t patterns = 0;

	for (size_t i = 0; i < q->where_cnt; i++)
		patterns += q->where[i].pattern;
	*ret = (struct plan){ .query = q };
	ret->patterns = patterns ? calloc(patterns, sizeof(*ret->patterns)) : NULL;
	if (patterns && !ret->patterns)
		return -ENOMEM;
	for (size_t i = 0; i < q->where_cnt; i++)
		if (q->where[i].pattern)
			ret->patterns[ret->pattern_cnt++].match = &q->where[i];
		else
			match_plan(ret, &q->where[i]);
	return 0;
}

static bool pattern_fits(struct pattern *p, const char *value)
{
	size_t at = ((uintptr_t)value >> 4) * 0x9e3779b97f4a7c15ULL >> 58;

	if (!p->memo[at].known || p->memo[at].value != value) {
		p->memo[at].known = true;
		p->memo[at].value = value;
		p->memo[at].fits = pattern_match(p->match->value, value ?: "");
	}
	return p->memo[at].fits;
}

static bool plan_selects(const struct plan *p, const struct series *s)
{
	for (unsigned i = 0; i < s->family->label_cnt; i++)
		if (p->matched[i] && s->label[i] != p->where[i])
			return false;
	for (size_t i = 0; i < p->pattern_cnt; i++)
		if (!pattern_fits(&p->patterns[i], s->label[p->patterns[i].match->label]))
			return false;
	return !p->impossible;
}

static struct query_entry *entry_new(const struct query *q, const char *const label[])
{
	bool histogram = q->family->metric->kind == METRIC_HISTOGRAM && !q->sums;
	struct query_entry *e = calloc(1, sizeof(*e) + (histogram ? sizeof(*e->hist) : 0));

	if (!e)
		return NULL;
	memcpy(e->group.label, label, sizeof(e->group.label));
	e->group.gauge_max = INT64_MIN;
	e->group.hist = histogram ? e->hist : NULL;
	return e;
}

/* Finds or adds the group of a series; NULL (and 0) when there are too many groups. */
static int group_get(const struct query *q, struct query_result *r, const struct series *s,
		     struct query_group **ret)
{
	const char *label[SERIES_LABELS] = { NULL };
	struct query_entry *e;

	*ret = NULL;
	for (unsigned i = 0; i < q->by_cnt; i++)
		label[i] = q->by[i] == QUERY_ABSENT ? NULL : s->label[q->by[i]];
	HASH_FIND(hh, r->index, label, sizeof(label), e);
	if (!e && HASH_COUNT(r->index) < q->groups_max) {
		e = entry_new(q, label);
		if (!e)
			return -ENOMEM;
		HASH_ADD(hh, r->index, group.label, sizeof(label), e);
		if (!e->hh.tbl) {
			free(e);
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

/* Most series are older than the window, and as well covered as their family. */
static struct history_coverage series_coverage(const struct query_result *r, const struct series *s)
{
	u64 since = s->family->metric->kind == METRIC_GAUGE ? s->born_ns : s->known_ns;
	struct history_coverage ret = r->coverage;

	if (since > r->window.begin_ns)
		history_coverage(&r->window, s, &ret);
	return ret;
}

static void series_add(struct query_group *g, const struct query_result *r, const struct series *s)
{
	const struct history_window *w = &r->window;
	const struct history_coverage coverage = series_coverage(r, s);
	s64 delta;

	if (!g->series_cnt++ || coverage.ratio > g->coverage.ratio)
		g->coverage = coverage;
	switch (s->family->metric->kind) {
	case METRIC_HISTOGRAM:
		if (g->hist)
			history_hist(w, s, g->hist);
		else
			g->sum_ns += history_hist_sum(w, s);
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

static int groups_order(const struct query *q, struct query_result *ret)
{
	struct query_entry *e, *next;

	ret->groups = calloc(HASH_COUNT(ret->index) + 1, sizeof(*ret->groups));
	if (!ret->groups)
		return -ENOMEM;
	HASH_ITER(hh, ret->index, e, next) {
		ret->groups[ret->group_cnt++] = &e->group;
		if (e->group.hist)
			e->group.delta = hist_count(e->group.hist);
	}
	if (!q->unsorted)
		qsort(ret->groups, ret->group_cnt, sizeof(*ret->groups), labels_compare);
	return 0;
}

static int groups_fill(struct plan *p, struct query_result *ret)
{
	const struct family *f = p->query->family;

	for (size_t i = 0; i < f->series_cnt; i++) {
		struct query_group *group;

		/* what came later was not there, which is not the same as 0 */
		if (p->query->ago_ns && !history_has(&ret->window, f->series[i]))
			continue;
		if (!plan_selects(p, f->series[i]))
			continue;
		if (group_get(p->query, ret, f->series[i], &group))
			return -ENOMEM;
		if (group)
			series_add(group, ret, f->series[i]);
		else
			ret->omitted_cnt++;
	}
	return 0;
}

static int window_get(const struct query *q, const struct history *h, struct history_window *ret)
{
	if (q->ticks)
		return history_window_ticks(h, q->window_ns, ret) ? 0 : -EAGAIN;
	if (history_window_past(h, q->ago_ns + q->window_ns, q->ago_ns, ret))
		return 0;
	return q->ago_ns ? -ENODATA : -EAGAIN;
}

int query_run(const struct query *q, const struct history *h, struct query_result *ret)
{
	struct plan plan;
	int err;

	*ret = (struct query_result){ 0 };
	err = window_get(q, h, &ret->window);
	if (err)
		return err;
	history_family_coverage(&ret->window, q->family, &ret->coverage);
	err = query_plan(q, &plan);
	err = err ?: groups_fill(&plan, ret);
	err = err ?: groups_order(q, ret);
	free(plan.patterns);
	return err;
}

void query_release(struct query_result *r)
{
	struct query_entry *e = r->index, *next;

	HASH_CLEAR(hh, r->index);
	for (; e; e = next) {
		next = e->hh.next;
		free(e);
	}
	free(r->groups);
	*r = (struct query_result){ 0 };
}

const struct query_group *query_find(const struct query_result *r,
				     const char *const label[SERIES_LABELS])
{
	struct query_entry *e;

	HASH_FIND(hh, r->index, label, SERIES_LABELS * sizeof(*label), e);
	return e ? &e->group : NULL;
}
