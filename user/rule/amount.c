// SPDX-License-Identifier: BSD-3-Clause
#include "rule/amount.h"

#include <math.h>

#define NS_PER_SEC 1000000000.0

double amount_scale(const struct family *f)
{
	return unit_billionths(f->metric->unit) ? 1e-9 : 1;
}

static double group_value(const struct family *f, const struct query_group *g)
{
	switch (f->metric->kind) {
	case METRIC_HISTOGRAM:
		return g ? (double)g->delta : 0;
	case METRIC_GAUGE:
		return g ? (double)g->gauge_last * amount_scale(f) : NAN;
	default:
		return g ? (double)g->delta * amount_scale(f) : 0;
	}
}

/*
 * The history is made of ticks, which are long where the daemon could not run. A window that is off by a half tells neither
 * how much happened in the time asked for, nor that nothing did.
 */
static bool shape_fits(const struct history_window *w, u64 interval_ns)
{
	double length = (double)(w->end_ns - w->begin_ns),
	       asked = (double)(w->asked_ns > interval_ns ? w->asked_ns : interval_ns);

	return w->asked_ns == PLAN_TICK_NS || (length <= 1.5 * asked && length * 1.5 >= asked);
}

static unsigned missing_of(const struct rule_context *c, const struct query *q,
			   const struct query_result *r, const struct query_group *g)
{
	unsigned missing = g ? g->coverage.missing : r->coverage.missing;

	/* how it was before the probe ran is not known of any series */
	if (q->family->born_ns > r->window.begin_ns)
		missing |= HISTORY_YOUNG;
	/* a gauge that was not there had no value */
	else if (q->family->metric->kind == METRIC_GAUGE)
		missing &= ~(unsigned)HISTORY_SERIES_YOUNG;
	if (!(missing & HISTORY_YOUNG) && !shape_fits(&r->window, c->interval_ns))
		missing |= AMOUNT_SHAPE;
	return missing;
}

/* The group with the values of the labels that the metric has. */
static const struct query_group *group_find(const struct rule_context *c, const struct query *q,
					    const struct query_result *r)
{
	const char *key[SERIES_LABELS] = { NULL };

	if (!c->group || r == plan_groups(c->data))
		return c->group;
	for (unsigned i = 0; i < q->by_cnt; i++)
		key[i] = q->by[i] == QUERY_ABSENT ? NULL : c->group->label[i];
	return query_find(r, key);
}

bool amount_get(const struct rule_context *c, enum plan_slot slot, struct amount *ret)
{
	const struct query *q = c->data->query[slot];
	const struct query_result *r = c->data->result[slot];
	const struct query_group *g;

	if (!q)
		return false;
	g = group_find(c, q, r);
	*ret = (struct amount){
		.value = group_value(q->family, g),
		.seconds = (double)(r->window.end_ns - r->window.begin_ns) / NS_PER_SEC,
		.coverage = g ? g->coverage.ratio : r->coverage.ratio,
		.missing = missing_of(c, q, r, g),
		.family = q->family,
		.group = g,
	};
	return true;
}

const char *amount_missing(unsigned missing)
{
	static const struct {
		unsigned bit;
		const char *why;
	} reasons[] = {
		{ HISTORY_YOUNG, "Seismo has not watched for as long as the rule looks back" },
		{ AMOUNT_SHAPE, "Seismo could not watch all the time" },
		{ HISTORY_LOSSY, "events were lost" },
		{ HISTORY_SERIES_YOUNG, "it is not known for as long as the rule looks back" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (missing & reasons[i].bit)
			return reasons[i].why;
	return NULL;
}
