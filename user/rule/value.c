// SPDX-License-Identifier: BSD-3-Clause
#include "rule/value.h"

#include <math.h>

#include "metric/hist.h"
#include "rule/burn.h"

#define NS_PER_SEC 1000000000.0

struct value {
	double value;
	u64 events; /* UINT64_MAX: none are needed */
	unsigned missing;
	double coverage;
	struct amount main, of;
};

static double mean(const struct query_group *g)
{
	return g->hist ? (double)g->hist->sum_ns / (double)g->delta : g->gauge_mean;
}

static double quantity(enum rule_value value, double quantile, const struct amount *main,
		       const struct amount *of)
{
	const struct query_group *g = main->group;

	switch (value) {
	case RULE_RATE:
		return main->value / main->seconds;
	case RULE_RATIO:
		return of->value > 0 ? main->value / of->value : NAN;
	case RULE_QUANTILE:
		return g && g->hist ? hist_quantile_of(g->hist, g->delta, quantile) : NAN;
	case RULE_MEAN:
		return g ? mean(g) * amount_scale(main->family) : NAN;
	case RULE_MAX:
		return g ? (double)g->gauge_max * amount_scale(main->family) : NAN;
	default:
		return main->value;
	}
}

static bool is_gauge(const struct amount *a)
{
	return a->family->metric->kind == METRIC_GAUGE;
}

static u64 events_of(const struct amount *a)
{
	if (is_gauge(a))
		return UINT64_MAX;
	return a->group ? a->group->delta : 0;
}

static void value_get(const struct rule_context *c, struct value *ret)
{
	const struct rule_conf *r = c->data->rule;
	bool ratio = r->value == RULE_RATIO;

	*ret = (struct value){ 0 };
	amount_get(c, PLAN_VALUE, &ret->main);
	if (ratio)
		amount_get(c, PLAN_OF, &ret->of);
	ret->value = quantity(r->value, r->quantile, &ret->main, &ret->of);
	ret->events = events_of(ratio ? &ret->of : &ret->main);
	ret->missing = ret->main.missing | (ratio ? ret->of.missing : 0);
	ret->coverage = ratio ? fmin(ret->main.coverage, ret->of.coverage) : ret->main.coverage;
}

static bool enough(const struct rule_context *c, u64 events)
{
	u64 least = c->data->rule->min_events;

	if (c->firing && least > 1)
		least = 1;
	return events >= least;
}

/*
 * More events than were seen can only make these values larger: they are known well enough where they are large enough
 * already.
 */
static bool only_grows(enum rule_value value)
{
	return value == RULE_RATE || value == RULE_COUNT;
}

static enum verdict_is compare(enum rule_value kind, bool want_below, double threshold,
			       double value, unsigned missing)
{
	bool above = value > threshold, below = value < threshold;

	if (missing & AMOUNT_BEFORE || (missing && !(only_grows(kind) && above)))
		return VERDICT_UNKNOWN;
	return (want_below ? below : above) ? VERDICT_TRUE : VERDICT_FALSE;
}

/* `while`: what is not there at all is 0. */
static enum verdict_is guard_judge(const struct rule_context *c, unsigned n, const char **why)
{
	const struct rule_guard *guard = &c->data->rule->guards[n];
	enum verdict_is ret;
	struct amount a;
	double value = 0;

	amount_get(c, (enum plan_slot)(PLAN_GUARD + n), &a);
	if (a.group)
		value = quantity(guard->value, 0, &a, NULL);
	ret = compare(guard->value, guard->below, guard->threshold, value, a.missing);
	if (ret == VERDICT_UNKNOWN)
		*why = amount_missing(a.missing);
	return ret;
}

static void guards_judge(const struct rule_context *c, struct verdict *ret)
{
	for (unsigned i = 0; i < c->data->rule->guard_cnt && ret->is != VERDICT_FALSE; i++) {
		enum verdict_is guard = guard_judge(c, i, &ret->why);

		if (guard != VERDICT_TRUE)
			ret->is = guard;
	}
}

/* The load of a rate is what the rule names: at its own rate every rate is usual. */
static struct load load_of(const struct rule_context *c, const struct value *v)
{
	const struct rule_conf *r = c->data->rule;
	bool is_rate = r->value == RULE_RATE || r->value == RULE_COUNT || is_gauge(&v->main);
	const struct amount *events = r->value == RULE_RATIO ? &v->of : &v->main;
	struct load ret = { 0 };
	struct amount load;
	bool named = amount_get(c, PLAN_LOAD, &load);

	if (!is_rate) {
		ret.rate = (double)v->events / events->seconds;
		ret.size = named && v->events ? load.value / (double)v->events : 0;
	} else if (named) {
		ret.rate = load.value / load.seconds;
	}
	return ret;
}

static void baseline_judge(const struct rule_context *c, u64 key, const struct value *v,
			   const struct load *load, struct verdict *ret)
{
	const struct rule_conf *r = c->data->rule;
	struct baseline_usual usual;
	bool seen = c->baselines && baseline_usual(c->baselines, key, load, &usual),
	     known = r->unseen_load ? !seen && c->baselines &&
					      baseline_highest(c->baselines, key, load, &usual)
				    : seen;

	if (known)
		ret->baseline = usual.value;
	if (!(v->value > r->at_least) || (r->unseen_load && seen)) {
		ret->is = VERDICT_FALSE;
	} else if (!known) {
		ret->is = VERDICT_UNKNOWN;
		ret->why = "what is usual at this load is not known yet";
	} else {
		ret->is = v->value > baseline_threshold(&usual, r->factor) ? VERDICT_TRUE
									   : VERDICT_FALSE;
	}
}

static void baseline_learn_from(const struct rule_conf *r, const struct value *v,
				const struct load *load, struct baseline_window *ret)
{
	bool of_hist = v->main.group && (r->value == RULE_QUANTILE || r->value == RULE_MEAN);
	u64 length_ns = (u64)(v->main.seconds * NS_PER_SEC);

	if (!(v->value >= 0) || !isfinite(v->value))
		return;
	*ret = (struct baseline_window){
		.load = *load,
		.value = v->value,
		.hist = of_hist ? v->main.group->hist : NULL,
		/* what there is at a moment is looked at once a window, too: one that grows is not eight */
		.length_ns = r->value == RULE_LAST && length_ns < r->window_ns ? r->window_ns
									       : length_ns,
	};
}

static void condition_judge(const struct rule_context *c, u64 key, struct verdict *ret,
			    struct baseline_window *learn)
{
	const struct rule_conf *r = c->data->rule;
	struct load load;
	struct value v;

	value_get(c, &v);
	ret->value = v.value;
	ret->events = v.events == UINT64_MAX ? 0 : v.events;
	ret->coverage = v.coverage;
	if (!enough(c, v.events)) {
		ret->is = v.missing ? VERDICT_UNKNOWN : VERDICT_FALSE;
	} else if (r->condition != RULE_BASELINE) {
		ret->is = compare(r->value, r->condition == RULE_BELOW, r->threshold, v.value,
				  v.missing);
	} else if (v.missing) {
		ret->is = VERDICT_UNKNOWN;
	} else {
		load = load_of(c, &v);
		baseline_judge(c, key, &v, &load, ret);
		baseline_learn_from(r, &v, &load, learn);
	}
	if (ret->is == VERDICT_UNKNOWN && !ret->why)
		ret->why = amount_missing(v.missing);
}

void value_judge(const struct rule_context *c, u64 key, struct verdict *ret,
		 struct baseline_window *learn)
{
	*ret = (struct verdict){ .value = NAN, .baseline = NAN };
	learn->length_ns = 0;
	if (c->data->rule->condition == RULE_BURN_RATE)
		burn_judge(c, ret);
	else
		condition_judge(c, key, ret, learn);
	guards_judge(c, ret);
}

void value_judge_gone(const struct rule_context *c, struct verdict *ret)
{
	const struct rule_conf *r = c->data->rule;
	enum plan_slot slot = r->condition == RULE_BURN_RATE ? PLAN_SHORT_OF
			      : r->value == RULE_RATIO	     ? PLAN_OF
							     : PLAN_VALUE;
	struct amount a;

	amount_get(c, slot, &a);
	*ret = (struct verdict){ .value = NAN, .baseline = NAN, .coverage = a.coverage };
	ret->is = a.missing & AMOUNT_BEFORE ? VERDICT_UNKNOWN : VERDICT_FALSE;
	ret->why = amount_missing(a.missing & AMOUNT_BEFORE);
}
