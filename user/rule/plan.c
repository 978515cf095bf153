// SPDX-License-Identifier: BSD-3-Clause
#include "rule/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 100000 /* of a query; there are fewer series */

struct plan_query {
	const struct rule_term *term;
	char *const *by;
	unsigned by_cnt;
	struct query_match *where; /* owned */
	bool subset;		   /* by those of the labels that the metric has */
	struct query query;	   /* without family: its metric is not there */
	const char *why;	   /* not */
	bool ran;
	struct query_result result;
};

struct planned {
	size_t rule;
	int query[PLAN_SLOTS]; /* -1: none */
};

struct plan {
	const struct registry *registry;
	const struct rule_conf *const *rules;
	struct planned *planned; /* in the order of evaluation */
	size_t cnt;
	struct plan_query *queries;
	size_t query_cnt;
	size_t family_cnt; /* of the registry when families were looked for last */
};

/* The term of a slot; NULL: the rule does not have it. */
static const struct rule_term *slot_term(const struct rule_conf *r, int slot)
{
	const struct rule_term *term;

	switch (slot) {
	case PLAN_VALUE:
	case PLAN_SHORT:
	case PLAN_DAY:
		term = &r->term;
		break;
	case PLAN_OF:
	case PLAN_SHORT_OF:
	case PLAN_DAY_OF:
		term = &r->of;
		break;
	case PLAN_LOAD:
		term = r->condition == RULE_BASELINE ? &r->load : NULL;
		break;
	default:
		slot -= PLAN_GUARD;
		term = slot < (int)r->guard_cnt ? &r->guards[slot].term : NULL;
	}
	return term && term->metric ? term : NULL;
}

/* The window of a slot; 0: the rule does not need it. */
static u64 slot_window(const struct rule_conf *r, int slot)
{
	bool burn_rate = r->condition == RULE_BURN_RATE;
	enum rule_value value = r->value;

	if (!slot_term(r, slot))
		return 0;
	if (slot == PLAN_SHORT || slot == PLAN_SHORT_OF)
		return burn_rate ? r->short_ns : 0;
	if (slot == PLAN_DAY || slot == PLAN_DAY_OF)
		return burn_rate ? PLAN_DAY_NS : 0;
	if (slot >= PLAN_GUARD)
		value = r->guards[slot - PLAN_GUARD].value;
	if (value == RULE_LAST)
		return PLAN_TICK_NS;
	return burn_rate ? r->long_ns : r->window_ns;
}

static bool same_where(const struct rule_term *a, const struct rule_term *b)
{
	if (strcmp(a->metric, b->metric) || a->where_cnt != b->where_cnt)
		return false;
	for (unsigned i = 0; i < a->where_cnt; i++)
		if (strcmp(a->where[i].key, b->where[i].key) ||
		    strcmp(a->where[i].value, b->where[i].value))
			return false;
	return true;
}

static bool same_by(const struct plan_query *q, const struct rule_conf *r)
{
	if (q->by_cnt != r->by_cnt)
		return false;
	for (unsigned i = 0; i < r->by_cnt; i++)
		if (strcmp(q->by[i], r->by[i]))
			return false;
	return true;
}

/* The query of a slot, which is added unless there is one. Negative errno; there is room. */
static int query_get(struct plan *p, const struct rule_conf *r, const struct rule_term *term,
		     u64 window_ns, int slot)
{
	struct plan_query *q = p->queries;
	bool subset = slot >= PLAN_GUARD;

	for (; q < p->queries + p->query_cnt; q++)
		if (q->query.window_ns == window_ns && q->subset == subset &&
		    same_where(q->term, term) && same_by(q, r))
			return (int)(q - p->queries);
	*q = (struct plan_query){
		.term = term,
		.by = r->by,
		.by_cnt = r->by_cnt,
		.subset = subset,
		.where = calloc(term->where_cnt + 1, sizeof(*q->where)),
		.query = { .window_ns = window_ns,
			   .groups_max = GROUPS_MAX,
			   .ticks = true,
			   .unsorted = true },
	};
	if (!q->where)
		return -ENOMEM;
	p->query_cnt++;
	return (int)(q - p->queries);
}

static bool rule_plan(struct plan *p, size_t rule)
{
	const struct rule_conf *r = p->rules[rule];
	struct planned *planned = &p->planned[rule];

	planned->rule = rule;
	for (int slot = 0; slot < PLAN_SLOTS; slot++) {
		u64 window_ns = slot_window(r, slot);

		planned->query[slot] =
			window_ns ? query_get(p, r, slot_term(r, slot), window_ns, slot) : -1;
		if (planned->query[slot] == -ENOMEM)
			return false;
	}
	return true;
}

static int planned_compare(const void *a, const void *b)
{
	const struct planned *x = a, *y = b;

	for (int i = 0; i < PLAN_SLOTS; i++)
		if (x->query[i] != y->query[i])
			return x->query[i] < y->query[i] ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

/* A rule needs so many queries at most. */
static size_t queries_most(const struct rule_conf *const rules[], size_t cnt)
{
	size_t most = 0;

	for (size_t i = 0; i < cnt; i++)
		for (int slot = 0; slot < PLAN_SLOTS; slot++)
			most += slot_window(rules[i], slot) > 0;
	return most;
}

struct plan *plan_new(const struct registry *r, const struct rule_conf *const rules[], size_t cnt)
{
	struct plan *p = calloc(1, sizeof(*p));
	bool complete;

	if (!p)
		return NULL;
	*p = (struct plan){ .registry = r, .rules = rules, .cnt = cnt };
	p->planned = calloc(cnt + 1, sizeof(*p->planned));
	p->queries = calloc(queries_most(rules, cnt) + 1, sizeof(*p->queries));
	complete = p->planned && p->queries;
	for (size_t i = 0; complete && i < cnt; i++)
		complete = rule_plan(p, i);
	if (!complete) {
		plan_free(p);
		return NULL;
	}
	qsort(p->planned, cnt, sizeof(*p->planned), planned_compare);
	return p;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	plan_drop(p);
	for (size_t i = 0; i < p->query_cnt; i++)
		free(p->queries[i].where);
	free(p->queries);
	free(p->planned);
	free(p);
}

size_t plan_rule(const struct plan *p, size_t n)
{
	return p->planned[n].rule;
}

static bool label_find(const struct family *f, const char *name, unsigned *ret)
{
	int label = family_label(f, name);

	*ret = (unsigned)label;
	return label >= 0;
}

/* Connects the query with its metric. */
static void query_resolve(struct plan_query *q, const struct registry *r)
{
	const struct family *f = registry_find(r, q->term->metric);
	bool complete = true;

	q->why = f ? NULL : "its probe does not run";
	if (!f)
		return;
	for (unsigned i = 0; i < q->by_cnt; i++) {
		bool found = label_find(f, q->by[i], &q->query.by[i]);

		if (!found)
			q->query.by[i] = QUERY_ABSENT;
		complete &= found || q->subset;
	}
	for (unsigned i = 0; i < q->term->where_cnt; i++) {
		complete &= label_find(f, q->term->where[i].key, &q->where[i].label);
		q->where[i].value = q->term->where[i].value;
		q->where[i].pattern = true;
	}
	if (!complete) {
		q->why = "its metric does not have these labels";
		return;
	}
	q->query.family = f;
	q->query.by_cnt = q->by_cnt;
	q->query.where = q->where;
	q->query.where_cnt = q->term->where_cnt;
}

static void families_find(struct plan *p)
{
	if (p->family_cnt == p->registry->family_cnt)
		return;
	p->family_cnt = p->registry->family_cnt;
	for (size_t i = 0; i < p->query_cnt; i++)
		if (!p->queries[i].query.family)
			query_resolve(&p->queries[i], p->registry);
}

static bool planned_needs(const struct planned *planned, size_t query)
{
	for (int slot = 0; slot < PLAN_SLOTS; slot++)
		if (planned->query[slot] == (int)query)
			return true;
	return false;
}

static void result_drop(struct plan_query *q)
{
	if (q->ran)
		query_release(&q->result);
	q->ran = false;
}

/* Those that the rule does not share with the one before it are not needed any more: rules are in order. */
static void results_drop_others(struct plan *p, size_t n)
{
	const struct planned *before = n ? &p->planned[n - 1] : NULL;

	for (int slot = 0; before && slot < PLAN_SLOTS; slot++)
		if (before->query[slot] >= 0 &&
		    !planned_needs(&p->planned[n], (size_t)before->query[slot]))
			result_drop(&p->queries[before->query[slot]]);
}

int plan_run(struct plan *p, const struct history *h, size_t n, struct plan_data *ret,
	     const char **why)
{
	const struct planned *planned = &p->planned[n];
	int err = 0;

	families_find(p);
	results_drop_others(p, n);
	*ret = (struct plan_data){ .rule = p->rules[planned->rule] };
	*why = NULL;
	for (int slot = 0; slot < PLAN_SLOTS && !err; slot++) {
		struct plan_query *q =
			planned->query[slot] < 0 ? NULL : &p->queries[planned->query[slot]];

		if (!q)
			continue;
		if (!q->query.family) {
			*why = q->why;
			return -ENODATA;
		}
		err = q->ran ? 0 : query_run(&q->query, h, &q->result);
		q->ran = true;
		ret->query[slot] = &q->query;
		ret->result[slot] = &q->result;
	}
	if (err)
		plan_drop(p);
	return err;
}

void plan_drop(struct plan *p)
{
	for (size_t i = 0; i < p->query_cnt; i++)
		result_drop(&p->queries[i]);
}
