// SPDX-License-Identifier: BSD-3-Clause
#include "rule/burn.h"

#include <math.h>

/* Requests of a window, and those that failed. */
struct burn {
	double errors, total, coverage;
	unsigned missing;
};

static struct burn burn_get(const struct rule_context *c, enum plan_slot errors,
			    enum plan_slot total)
{
	struct amount e = { 0 }, t = { 0 };

	amount_get(c, errors, &e);
	amount_get(c, total, &t);
	return (struct burn){ e.value, t.value, fmin(e.coverage, t.coverage),
			      e.missing | t.missing };
}

static double ratio(const struct burn *b)
{
	return b->total > 0 ? b->errors / b->total : NAN;
}

/*
 * The allowance is for the beginning. What is not known of the window is taken to have had as many requests, none of which
 * failed: what is too much even then is certain.
 */
static enum verdict_is spent(const struct rule_context *c, const struct burn *b, double limit)
{
	double errors = b->errors - (c->firing ? 0 : BURN_ALLOWANCE);

	if (b->total > 0 && b->coverage > 0 && errors / (b->total / b->coverage) > limit)
		return VERDICT_TRUE;
	return b->missing ? VERDICT_UNKNOWN : VERDICT_FALSE;
}

static enum verdict_is both(enum verdict_is a, enum verdict_is b)
{
	if (a == VERDICT_FALSE || b == VERDICT_FALSE)
		return VERDICT_FALSE;
	return a == VERDICT_UNKNOWN ? a : b;
}

void burn_judge(const struct rule_context *c, struct verdict *ret)
{
	const struct rule_conf *r = c->data->rule;
	const double limit = r->factor * (1 - r->objective);
	const struct burn day = burn_get(c, PLAN_DAY, PLAN_DAY_OF),
			  full = burn_get(c, PLAN_VALUE, PLAN_OF),
			  brief = burn_get(c, PLAN_SHORT, PLAN_SHORT_OF);
	const bool few = full.total < (double)r->min_events || full.total <= BURN_ALLOWANCE;
	const struct burn *spent_in = few ? &day : &full, *recent = &brief;
	enum verdict_is ongoing;

	if (few && recent->total <= BURN_ALLOWANCE)
		recent = full.total > BURN_ALLOWANCE ? &full : &day;
	ret->value = ratio(spent_in);
	ret->events = (u64)spent_in->total;
	ret->coverage = spent_in->coverage;
	ongoing = ratio(recent) > limit ? VERDICT_TRUE : VERDICT_FALSE;
	ret->is = both(spent(c, spent_in, limit), brief.missing ? VERDICT_UNKNOWN : ongoing);
	if (ret->is == VERDICT_UNKNOWN)
		ret->why = amount_missing(spent_in->missing | brief.missing);
}
