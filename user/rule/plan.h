/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What rules ask the history: queries, each of which is run once for all the rules that share it. They are planned when the
 * rules are configured; those on a metric whose probe starts later are completed then.
 */
#ifndef RULE_PLAN_H
#define RULE_PLAN_H

#include "conf/rule.h"
#include "metric/query.h"

/* What a rule may have to know: its terms, over its window or another one. */
enum plan_slot {
	PLAN_VALUE, /* `metric`, over `window`; over the long one of a burn rate */
	PLAN_OF,
	PLAN_LOAD,
	PLAN_SHORT, /* over the short window of a burn rate */
	PLAN_SHORT_OF,
	PLAN_DAY, /* over a day, for services with few requests */
	PLAN_DAY_OF,
	PLAN_GUARD, /* the first of `while` */
	PLAN_SLOTS = PLAN_GUARD + RULE_GUARD_MAX
};

#define PLAN_DAY_NS (24 * 3600 * 1000000000ULL)
/* The window of what is about the last tick alone, however long that was. */
#define PLAN_TICK_NS 1

struct plan;

/* The rules must outlive the plan. NULL: no memory. */
struct plan *plan_new(const struct registry *r, const struct rule_conf *const rules[], size_t cnt);
void plan_free(struct plan *p);

/* The rule (by its place in `rules`) that is n-th to be evaluated: those that share queries follow each other. */
size_t plan_rule(const struct plan *p, size_t n);

/* What was found for a rule, by slot; NULL: the rule does not need it. */
struct plan_data {
	const struct rule_conf *rule;
	const struct query *query[PLAN_SLOTS];
	const struct query_result *result[PLAN_SLOTS];
};

/* The groups that the rule is about. */
static inline const struct query_result *plan_groups(const struct plan_data *d)
{
	return d->result[d->rule->value == RULE_RATIO ? PLAN_OF : PLAN_VALUE];
}

/*
 * Runs the queries of the n-th rule to be evaluated, but those that the one before left. 0; -ENODATA: a metric is not there,
 * or lacks a label, see `why`; -EAGAIN: nothing has been read yet; -ENOMEM. Valid until plan_drop(), the next call, or a
 * change of the registry.
 */
int plan_run(struct plan *p, const struct history *h, size_t n, struct plan_data *ret,
	     const char **why);
/* Forgets all results. */
void plan_drop(struct plan *p);

#endif
