// SPDX-License-Identifier: BSD-3-Clause
#include "rule/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conf/pattern.h"
#include "metric/hist.h"
#include "metric/label.h"

#define NS_PER_SEC 1e9

static bool group_add(struct group *g, const struct series *s)
{
	if (!(g->cnt & (g->cnt - 1))) {
		const struct series **at =
			reallocarray(g->at, g->cnt ? 2 * g->cnt : 1, sizeof(*at));

		if (!at)
			return false;
		g->at = at;
	}
	g->at[g->cnt++] = s;
	return true;
}

void group_release(struct group *g)
{
	free(g->at);
	*g = (struct group){ 0 };
}

/* Values as the registry holds them, so that pointers can be compared; false: no series can have them. */
struct interned {
	unsigned label[CONDITIONS_MAX];
	const char *value[CONDITIONS_MAX];
	unsigned cnt;
};

static bool interned_add(struct interned *list, const struct family *f, const char *label,
			 const char *value)
{
	char clean[LABEL_VALUE_SIZE];
	int at = family_label(f, label);

	if (at < 0 || list->cnt == CONDITIONS_MAX)
		return at < 0 && !*value;
	label_clean(clean, value);
	list->label[list->cnt] = (unsigned)at;
	list->value[list->cnt] = *clean ? intern_find(&f->registry->strings, clean) : NULL;
	return list->value[list->cnt++] || !*clean;
}

static bool interned_match(const struct interned *list, const struct series *s)
{
	for (unsigned i = 0; i < list->cnt; i++)
		if (s->label[list->label[i]] != list->value[i])
			return false;
	return true;
}

void group_find(struct group *ret, const struct registry *r, const char *metric,
		const struct condition *where)
{
	struct interned list = { .cnt = 0 };
	bool possible = true;

	*ret = (struct group){ .family = registry_find(r, metric) };
	if (!ret->family)
		return;
	for (; where->label; where++)
		possible &= !where->value ||
			    interned_add(&list, ret->family, where->label, where->value);
	for (size_t i = 0; possible && i < ret->family->series_cnt; i++)
		if (interned_match(&list, ret->family->series[i]) &&
		    !group_add(ret, ret->family->series[i]))
			break;
}

static bool term_match(const struct rule_term *term, const struct series *s)
{
	for (unsigned i = 0; i < term->where_cnt; i++) {
		int label = family_label(s->family, term->where[i].key);

		if (!pattern_match(term->where[i].value, label < 0 ? "" : s->label[label] ?: ""))
			return false;
	}
	return true;
}

void group_find_term(struct group *ret, const struct registry *r, const struct rule_term *term,
		     char *const by[], const char *const values[], unsigned by_cnt)
{
	const struct family *f = registry_find(r, term->metric);
	struct condition where[RULE_BY_MAX + 1] = { 0 };
	size_t cnt = 0;

	for (unsigned i = 0; f && i < by_cnt; i++)
		if (family_label(f, by[i]) >= 0)
			where[cnt++] = (struct condition){ by[i], values[i] ?: "" };
	cnt = 0;
	group_find(ret, r, term->metric, where);
	for (size_t i = 0; i < ret->cnt; i++)
		if (term_match(term, ret->at[i]))
			ret->at[cnt++] = ret->at[i];
	ret->cnt = cnt;
}

static double base_unit(const struct family *f)
{
	return unit_billionths(f->metric->unit) ? 1e-9 : 1;
}

static void gauge_measure(const struct series *s, const struct history_window *w,
			  struct measure *ret)
{
	struct history_gauge gauge;
	double unit = base_unit(s->family), last;

	history_gauge(w, s, &gauge);
	last = (double)gauge.last * unit;
	ret->last = s->family->metric->largest ? fmax(ret->last, last) : ret->last + last;
	ret->max = fmax(ret->max, (double)gauge.max * unit);
}

void hist_measure(const struct hist *h, double seconds, struct measure *ret)
{
	ret->unknown = NULL;
	ret->seconds = seconds;
	ret->cnt = (double)hist_count(h);
	ret->sum = (double)h->sum_ns / NS_PER_SEC;
	ret->p50 = hist_quantile(h, 0.5);
	ret->p99 = hist_quantile(h, 0.99);
}

void group_measure(const struct group *g, const struct history_window *w, const char *why,
		   struct measure *ret)
{
	struct hist hist = { 0 };
	u64 known_ns = g->cnt ? UINT64_MAX : 0;

	*ret = (struct measure){ .p50 = NAN,
				 .p99 = NAN,
				 .unknown = !g->family ? "no probe gives this metric at present"
					    : !w       ? why
						       : NULL };
	if (ret->unknown)
		return;
	for (size_t i = 0; i < g->cnt; i++)
		known_ns = g->at[i]->known_ns < known_ns ? g->at[i]->known_ns : known_ns;
	/* how many there were before the probe ran, or the service was there, is not known: they are no 0 in a rate */
	if (known_ns < w->begin_ns || known_ns >= w->end_ns)
		known_ns = w->begin_ns;
	ret->seconds = (double)(w->end_ns - known_ns) / NS_PER_SEC;
	for (size_t i = 0; i < g->cnt; i++) {
		struct history_coverage coverage;

		history_coverage(w, g->at[i], &coverage);
		if (!i || coverage.ratio > ret->coverage.ratio)
			ret->coverage = coverage;
		switch (g->family->metric->kind) {
		case METRIC_HISTOGRAM:
			history_hist(w, g->at[i], &hist);
			break;
		case METRIC_GAUGE:
			gauge_measure(g->at[i], w, ret);
			break;
		default:
			ret->sum += series_increase(g->at[i], w);
		}
	}
	ret->cnt = ret->sum;
	if (g->family->metric->kind == METRIC_HISTOGRAM)
		hist_measure(&hist, ret->seconds, ret);
}

double series_increase(const struct series *s, const struct history_window *w)
{
	s64 delta;

	if (s->hist)
		return (double)history_hist_sum(w, s) / NS_PER_SEC;
	if (s->family->metric->kind == METRIC_GAUGE)
		return (double)*s->value * base_unit(s->family);
	delta = history_delta(w, s);
	return delta > 0 ? (double)delta * base_unit(s->family) : 0;
}

double metric_increase(const struct registry *r, const char *metric, const char *const labels[],
		       const struct history_window *w)
{
	const struct family *f = registry_find(r, metric);
	const struct series *s = f ? family_find(f, labels) : NULL;

	if (!f)
		return NAN;
	return s ? series_increase(s, w) : 0;
}
