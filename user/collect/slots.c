// SPDX-License-Identifier: BSD-3-Clause
#include "collect/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/estimate.h"
#include "metric/hist.h"

int slots_init(struct slots *p, enum table_pool pool, struct tables *tables,
	       struct families *families)
{
	bool hist = pool == POOL_HIST;
	u32 size = hist ? tables->sizes.hists : tables->sizes.counters;

	*p = (struct slots){ .pool = pool,
			     .tables = tables,
			     .families = families,
			     .size = size,
			     .top = METRIC_MAX };
	p->states = calloc(size, sizeof(*p->states));
	p->series = calloc(size, sizeof(*p->series));
	p->last = calloc(size, sizeof(*p->last));
	p->next = hist ? calloc(size, sizeof(*p->next)) : NULL;
	p->known = hist ? calloc(size, sizeof(*p->known)) : NULL;
	p->left = hist ? calloc(size, sizeof(*p->left)) : NULL;
	return p->states && p->series && p->last && (!hist || (p->next && p->known && p->left))
		       ? 0
		       : -ENOMEM;
}

void slots_release(struct slots *p)
{
	free(p->states);
	free(p->series);
	free(p->last);
	free(p->next);
	free(p->known);
	for (u32 slot = 0; p->left && slot < p->size; slot++)
		free(p->left[slot]);
	free(p->left);
}

static struct series_key *owners(const struct slots *p)
{
	return p->pool == POOL_HIST ? p->tables->hist_owners : p->tables->counter_owners;
}

/* The metric that a slot counts; 0: the slot is free. Slots below METRIC_MAX take the rest of the metric with their number. */
static u32 slot_metric(const struct slots *p, u32 slot)
{
	u32 metric = slot < METRIC_MAX ? slot
				       : __atomic_load_n(&owners(p)[slot].metric, __ATOMIC_ACQUIRE);

	return metric < METRIC_MAX ? metric : 0;
}

static struct series_key slot_key(const struct slots *p, u32 slot)
{
	return slot < METRIC_MAX ? (struct series_key){ .metric = slot, .dim = SERIES_OTHER }
				 : owners(p)[slot];
}

/* --- counters */

static void counter_read(struct slots *p, u32 slot, u64 now)
{
	u64 grown = now - p->last[slot];
	struct series *s = p->series[slot];

	if (!grown)
		return;
	p->last[slot] = now;
	if (!s || s->family->metric->scan)
		return;
	if (s->family->metric->unflushed)
		s->base += (s64)grown;
	else
		*s->value += (s64)grown;
	if (p->states[slot] == SLOT_REFUSED)
		p->refused[slot_metric(p, slot)] +=
			s->family->metric->unit == UNIT_NONE ? grown : 1;
}

/* Does the slot hold a gauge, which each scan fills anew? It is in the first lane, whichever CPU scans. */
static bool slot_scanned(const struct slots *p, u32 slot)
{
	const struct family *f = p->families->by_number[slot_metric(p, slot)];

	return f && f->metric->scan;
}

void slots_scan_begin(struct slots *p)
{
	for (u32 slot = 1; slot < p->top; slot++) {
		if (!slot_scanned(p, slot))
			continue;
		p->tables->counters[slot] = 0;
		if (families_owner_may_change(p->families->by_number[slot_metric(p, slot)]))
			p->states[slot] =
				SLOT_NEW; /* it is looked up again: there is nothing to move */
	}
}

void slots_scan_end(struct slots *p)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++) {
		struct family *f = p->families->by_number[metric];

		for (size_t i = 0; f && f->metric->scan && i < f->series_cnt; i++)
			*f->series[i]->value = 0;
	}
	for (u32 slot = 1; slot < p->top; slot++) {
		struct series *s = slot_scanned(p, slot) ? p->series[slot] : NULL;

		if (s)
			*s->value = metric_merge(s->family->metric, *s->value,
						 (s64)p->tables->counters[slot]);
	}
}

/* --- histograms: a series is what it had from slots that left it (hist_base), and the slots of its list */

static void hist_link(struct slots *p, u32 slot, struct series *s)
{
	p->next[slot] = s->first_slot;
	s->first_slot = slot;
}

static void hist_unlink(struct slots *p, u32 slot, struct series *s)
{
	u32 *at = &s->first_slot;

	while (*at != slot)
		at = &p->next[*at];
	*at = p->next[slot];
	p->next[slot] = 0;
}

static void hist_series_read(struct slots *p, struct series *s)
{
	struct hist sum = s->hist_base ? *s->hist_base : (struct hist){ 0 };

	for (u32 slot = s->first_slot; slot; slot = p->next[slot])
		tables_hist_add(p->tables, slot, &sum);
	*s->hist = sum;
	s->stale = false;
}

static void refused_count(struct slots *p, u32 slot)
{
	struct hist hist = { 0 };
	u64 events;

	tables_hist_add(p->tables, slot, &hist);
	events = hist_count(&hist);
	p->refused[slot_metric(p, slot)] += events - p->known[slot];
	p->known[slot] = events;
}

/* Does the slot hold a sample, which stands for events that its series misses? */
static bool slot_samples(const struct slots *p, u32 slot)
{
	const struct family *f = p->families->by_number[slot_metric(p, slot)];

	return f && f->metric->sample;
}

static void sample_slot_read(struct slots *p, u32 slot)
{
	struct hist now = { 0 }, more;

	tables_hist_add(p->tables, slot, &now);
	more = now;
	if (!p->left[slot])
		p->left[slot] = calloc(1, sizeof(now));
	if (!p->left[slot])
		return;
	hist_subtract(&more, p->left[slot]);
	*p->left[slot] = now;
	if (p->series[slot])
		estimate_sample(p->series[slot], &more);
}

static void hist_slot_read(struct slots *p, u32 slot, u64 mark)
{
	if (mark == p->last[slot])
		return;
	p->last[slot] = mark;
	if (slot_samples(p, slot)) {
		sample_slot_read(p, slot);
		return;
	}
	if (p->series[slot])
		p->series[slot]->stale = true;
	if (p->states[slot] == SLOT_REFUSED)
		refused_count(p, slot);
}

/* A series is added up once, however many of its slots have changed: many are "other" when a limit is reached. */
static void hists_read(struct slots *p)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++) {
		struct family *f = p->families->by_number[metric];

		for (size_t i = 0; f && i < f->series_cnt; i++)
			if (f->series[i]->stale)
				hist_series_read(p, f->series[i]);
	}
}

/* What the slot had counted before stays behind; p->left[] is freed. */
static void hist_join(struct slots *p, u32 slot, struct series *s)
{
	struct hist *left = p->left[slot];

	hist_link(p, slot, s);
	if (!left)
		return;
	p->known[slot] = hist_count(left);
	if (series_hist_base(s))
		hist_subtract(s->hist_base, left);
	s->stale = true;
	free(left);
	p->left[slot] = NULL;
}

/* What the slot has counted until now stays in its series, if any, and is noted for the one that comes next. */
static void hist_part(struct slots *p, u32 slot, struct series *s)
{
	struct hist now = { 0 };

	tables_hist_add(p->tables, slot, &now);
	if (!p->left[slot])
		p->left[slot] = malloc(sizeof(now));
	if (p->left[slot])
		*p->left[slot] = now;
	if (!s)
		return;
	hist_unlink(p, slot, s);
	if (series_hist_base(s))
		hist_add(s->hist_base, &now);
	s->stale = true;
}

/* --- both */

#define READ_AT_ONCE 64

static void slots_read_some(struct slots *p, u32 first, u32 cnt)
{
	u64 now[READ_AT_ONCE];

	if (p->pool == POOL_HIST)
		tables_hists_mark(p->tables, first, cnt, now);
	else
		tables_counters_sum(p->tables, first, cnt, now);
	for (u32 i = 0; i < cnt; i++) {
		if (p->states[first + i] == SLOT_NEW)
			continue;
		if (p->pool == POOL_HIST)
			hist_slot_read(p, first + i, now[i]);
		else
			counter_read(p, first + i, now[i]);
	}
}

void slots_read(struct slots *p)
{
	for (u32 slot = 1; slot < p->top; slot += READ_AT_ONCE)
		slots_read_some(p, slot,
				p->top - slot < READ_AT_ONCE ? p->top - slot : READ_AT_ONCE);
	if (p->pool == POOL_HIST)
		hists_read(p);
}

/* Which series a slot counts for, if any; SLOT_NEW: that is not known yet, or there is no memory. */
static enum slot_state slot_find(struct slots *p, u32 slot, struct series **ret)
{
	const struct series_key key = slot_key(p, slot);
	struct identities *identities = p->families->identities;
	struct family *f = p->families->by_number[key.metric];
	struct service *s = NULL, *before = NULL;
	bool refused = false;

	*ret = NULL;
	if (!f)
		return SLOT_NEW;
	if (f->metric->sample && slot < METRIC_MAX) /* of whom is not known */
		return SLOT_IGNORED;
	if (f->metric->sample)
		f = p->families->by_number[key.metric - 1];
	if (f->metric->service && !(s = identities_service(identities, key.identity)))
		return SLOT_NEW;
	if (f->metric->from_identity && key.dim && key.dim != SERIES_OTHER) {
		before = identities_service(identities, (u32)(key.dim - 1));
		if (!before || before == s)
			return before ? SLOT_IGNORED : SLOT_NEW;
	}
	*ret = families_series(p->families, f, s, key.dim, &refused);
	if (!*ret)
		return SLOT_NEW;
	if (slot < METRIC_MAX) /* the kernel side has counted what it refused */
		return SLOT_COUNTED;
	refused |= s && key.identity && identities->owners[key.identity].refused;
	return refused ? SLOT_REFUSED : SLOT_COUNTED;
}

static void slot_resolve(struct slots *p, u32 slot)
{
	p->states[slot] = (u8)slot_find(p, slot, &p->series[slot]);
	if (p->pool == POOL_HIST && p->series[slot] && !slot_samples(p, slot))
		hist_join(p, slot, p->series[slot]);
}

/* How many slots of the pool the kernel side has given out, and whether some metric had to do without. */
static u64 given_out(const struct slots *p, u32 metric)
{
	const struct family *f = p->families->by_number[metric];

	if (!f || (f->metric->kind == METRIC_HISTOGRAM) != (p->pool == POOL_HIST))
		return 0;
	return __atomic_load_n(&p->tables->budgets[metric].used, __ATOMIC_ACQUIRE);
}

static void resolve_rest(struct slots *p, u32 metric)
{
	const struct family *f = p->families->by_number[metric];

	if (f && p->states[metric] == SLOT_NEW && p->tables->budgets[metric].dropped &&
	    (f->metric->kind == METRIC_HISTOGRAM) == (p->pool == POOL_HIST))
		slot_resolve(p, metric);
}

void slots_resolve(struct slots *p)
{
	u64 used = 0;

	for (u32 metric = 1; metric < METRIC_MAX; metric++) {
		used += given_out(p, metric);
		resolve_rest(p, metric);
	}
	for (u32 slot = METRIC_MAX; slot < p->size && (used || slot < p->top); slot++) {
		u32 metric = slot_metric(p, slot);

		if (!metric)
			continue;
		if (p->states[slot] == SLOT_NEW)
			slot_resolve(p, slot);
		if (slot >= p->top)
			p->top = slot + 1;
		used -= used && p->families->by_number[metric];
	}
}

/* The identities that a slot is about; 0 in place of each that there is not. */
static void key_identities(const struct slots *p, const struct series_key *key, u32 ret[2])
{
	const struct family *f = p->families->by_number[key->metric];

	ret[0] = key->identity;
	ret[1] = 0;
	if (f && f->metric->from_identity && key->dim != SERIES_OTHER)
		ret[1] = (u32)key->dim ? (u32)(key->dim - 1) : 0;
	for (int i = 0; i < 2; i++)
		if (ret[i] >= p->tables->sizes.identities)
			ret[i] = 0;
}

static bool key_dying(const struct slots *p, const struct series_key *key)
{
	const struct identity_owner *owners = p->families->identities->owners;
	u32 ids[2];

	key_identities(p, key, ids);
	return owners[ids[0]].dying || owners[ids[1]].dying;
}

/* Also when the service in another label is one that was moved. */
static bool key_moved(const struct slots *p, const struct series_key *key)
{
	const struct identity_owner *owners = p->families->identities->owners;
	const struct family *f = p->families->by_number[key->metric];
	u32 ids[2];

	key_identities(p, key, ids);
	return owners[ids[0]].moved || owners[ids[1]].moved ||
	       (f && families_moved(p->families, f, key->dim));
}

/* They live until what the slot has counted has a series. */
static void key_spare(const struct slots *p, const struct series_key *key)
{
	u32 ids[2];

	key_identities(p, key, ids);
	for (int i = 0; i < 2; i++)
		p->families->identities->owners[ids[i]].dying = false;
}

/* The slot counts for nobody any more; its series keeps what it has counted until now. */
static void slot_leave(struct slots *p, u32 slot)
{
	slots_read_some(p, slot, 1);
	if (p->pool == POOL_HIST && !slot_samples(p, slot))
		hist_part(p, slot, p->series[slot]);
	p->series[slot] = NULL;
	p->states[slot] = SLOT_NEW;
}

/* What was shown as to come belongs to the old series, although the new one gets it when it is counted. */
static void unflushed_split(const struct slots *p, u32 identity, struct series *from,
			    struct series *to)
{
	const char *totals = (const char *)&p->tables->task_totals[identity];
	size_t at = from && to ? to->family->metric->unflushed : 0;
	u64 value = at ? *(const u64 *)(totals + at) : 0;

	if (!value)
		return;
	from->base += (s64)value;
	to->base -= (s64)value;
}

/* What it counts from now on counts for another series. */
static void slot_change(struct slots *p, u32 slot)
{
	struct series *from = p->series[slot];

	slot_leave(p, slot);
	slot_resolve(p, slot);
	unflushed_split(p, owners(p)[slot].identity, from, p->series[slot]);
}

void slots_move(struct slots *p)
{
	for (u32 slot = METRIC_MAX; slot < p->top; slot++) {
		if (p->states[slot] == SLOT_NEW || !key_moved(p, &owners(p)[slot]))
			continue;
		slot_change(p, slot);
	}
}

void slots_admit(struct slots *p)
{
	const struct families *t = p->families;

	for (u32 slot = METRIC_MAX; slot < p->top; slot++) {
		const struct series_key *key = &owners(p)[slot];

		if (p->states[slot] != SLOT_REFUSED ||
		    t->identities->owners[key->identity].refused ||
		    family_full(t->by_number[key->metric], (u32)t->conf->limits.series))
			continue;
		slot_change(p, slot);
	}
}

/* Empty, as the kernel side expects it of a slot that is free. */
static void slot_clear(struct slots *p, u32 slot)
{
	p->last[slot] = 0;
	if (p->pool == POOL_COUNTER) {
		tables_counter_clear(p->tables, slot);
		return;
	}
	tables_hist_clear(p->tables, slot);
	p->known[slot] = 0;
	free(p->left[slot]);
	p->left[slot] = NULL;
}

static void slot_free(struct slots *p, u32 slot)
{
	struct series_key *owner = &owners(p)[slot];

	if (p->on_free)
		p->on_free(p->ctx, p, slot);
	tables_series_delete(p->tables, owner);
	slot_leave(p, slot);
	slot_clear(p, slot);
	__atomic_fetch_sub(&p->tables->budgets[owner->metric].used, 1, __ATOMIC_RELAXED);
	owner->metric = 0;
	tables_free(p->tables, p->pool, slot);
}

void slots_reclaim(struct slots *p)
{
	for (u32 slot = METRIC_MAX; slot < p->top; slot++) {
		u32 metric = slot_metric(p, slot);

		if (!metric || !key_dying(p, &owners(p)[slot]))
			continue;
		if (p->states[slot] == SLOT_NEW)
			slot_resolve(p, slot);
		if (p->states[slot] == SLOT_NEW && p->families->by_number[metric])
			key_spare(p, &owners(p)[slot]);
		else
			slot_free(p, slot);
	}
}

u32 slots_used(const struct slots *p)
{
	u32 used = 0;

	for (u32 slot = METRIC_MAX; slot < p->top; slot++)
		used += slot_metric(p, slot) != 0;
	return used;
}

struct series_key slots_owner(const struct slots *p, u32 slot)
{
	struct series_key key = slot_key(p, slot);

	key.metric = slot < METRIC_MAX ? 0 : slot_metric(p, slot);
	return key;
}
