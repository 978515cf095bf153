// SPDX-License-Identifier: BSD-3-Clause
#include "collect/watched.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct watched_key {
	u64 dim;
	u32 metric, watch;
};

struct watched_total {
	struct watched_key key;
	struct watched_row row;
	UT_hash_handle hh;
};

static u32 watch_of(const struct slots *p, u32 identity)
{
	const struct identity *row = identity && identity < p->tables->sizes.identities
					     ? table_row(&p->tables->identities, identity)
					     : NULL;

	return row ? (u32)(row->key.port >> IDENTITY_WATCH_SHIFT) : 0;
}

/* Adds what the slot has counted to the total of its metric and dimension. */
static void slot_add(struct watched_total **totals, const struct slots *p, u32 slot,
		     const struct series_key *owner, u32 watch)
{
	const struct watched_key key = { owner->dim, owner->metric, watch };
	const struct family *f = p->families->by_number[owner->metric];
	struct watched_total *t;
	u64 count = 0;

	if (!f || f->metric->scan)
		return;
	HASH_FIND(hh, *totals, &key, sizeof(key), t);
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return;
		t->key = key;
		t->row.metric = f->metric;
		t->row.dim = owner->dim;
		HASH_ADD(hh, *totals, key, sizeof(key), t);
	}
	if (p->pool == POOL_HIST) {
		tables_hist_add(p->tables, slot, &t->row.hist);
		return;
	}
	tables_counters_sum(p->tables, slot, 1, &count);
	t->row.count += count;
}

static u32 *number_find(struct watched *w, u32 watch)
{
	for (u32 *n = w->numbers; n < w->numbers + WATCHED_MAX; n++)
		if (*n == watch)
			return n;
	return NULL;
}

/* The slots of a number may go long after it was forgotten. */
static void slot_gone(void *ctx, const struct slots *p, u32 slot)
{
	const struct series_key owner = slots_owner(p, slot);
	struct watched *w = ctx;
	u32 watch = watch_of(p, owner.identity);

	if (watch && number_find(w, watch))
		slot_add(&w->gone, p, slot, &owner, watch);
}

void watched_init(struct watched *w, struct slots *counters, struct slots *hists)
{
	*w = (struct watched){ .pools = { counters, hists } };
	for (unsigned i = 0; i < 2; i++) {
		w->pools[i]->on_free = slot_gone;
		w->pools[i]->ctx = w;
	}
}

static void totals_free(struct watched_total **totals, u32 watch)
{
	struct watched_total *t, *next;

	HASH_ITER(hh, *totals, t, next) {
		if (watch && t->key.watch != watch)
			continue;
		HASH_DEL(*totals, t);
		free(t);
	}
}

void watched_release(struct watched *w)
{
	totals_free(&w->gone, 0);
}

void watched_begin(struct watched *w, u32 watch)
{
	u32 *free_one = number_find(w, 0);

	if (free_one)
		*free_one = watch;
}

void watched_forget(struct watched *w, u32 watch)
{
	u32 *n = number_find(w, watch);

	if (n)
		*n = 0;
	totals_free(&w->gone, watch);
}

/* Those that are gone come first: what is there is added to a copy. */
static void gone_copy(const struct watched *w, u32 watch, struct watched_total **totals)
{
	for (const struct watched_total *t = w->gone; t; t = t->hh.next) {
		struct watched_total *copy = t->key.watch == watch ? malloc(sizeof(*copy)) : NULL;

		if (!copy)
			continue;
		*copy = *t;
		HASH_ADD(hh, *totals, key, sizeof(copy->key), copy);
	}
}

void watched_visit(struct watched *w, u32 watch,
		   void (*each)(void *ctx, const struct watched_row *row), void *ctx)
{
	struct watched_total *totals = NULL;

	gone_copy(w, watch, &totals);
	for (unsigned i = 0; i < 2; i++) {
		const struct slots *p = w->pools[i];

		/* also of those that have come since the tables were read */
		for (u32 slot = METRIC_MAX; slot < p->size; slot++) {
			const struct series_key owner = slots_owner(p, slot);

			if (owner.metric && watch_of(p, owner.identity) == watch)
				slot_add(&totals, p, slot, &owner, watch);
		}
	}
	for (const struct watched_total *t = totals; t; t = t->hh.next)
		each(ctx, &t->row);
	totals_free(&totals, 0);
}
