// SPDX-License-Identifier: BSD-3-Clause
#include "collect/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/collector.h"
#include "collect/identity.h"
#include "lib/loop.h"

#define NS_PER_SEC   1000000000ULL
#define TASK_SCAN_NS (30 * NS_PER_SEC)
#define FORGET_NS    (10 * NS_PER_SEC)
#define IDLE_UNLINK \
	2 /* task scans without a task, after which nobody may get the identity any more */
#define IDLE_REUSE 3 /* ... and after which its number is free */

static struct service *service_get(struct collector *c, const char *name)
{
	struct service *s;

	HASH_FIND_STR(c->services, name, s);
	if (s)
		return s;
	if (c->service_cnt > c->conf->limits.services && c->other)
		return c->other;
	s = calloc(1, sizeof(*s));
	if (!s)
		return c->other;
	s->name = strdup(name);
	if (!s->name) {
		free(s);
		return c->other;
	}
	HASH_ADD_KEYPTR(hh, c->services, s->name, strlen(s->name), s);
	c->service_cnt++;
	return s;
}

struct service *identity_service(struct collector *c, u32 identity)
{
	const struct identity *row;
	struct identity_origin from;
	struct service *s;

	if (identity == IDENTITY_OTHER || identity >= c->tables->sizes.identities)
		return c->other;
	if (!c->identities[identity]) {
		row = table_row(&c->tables->identities, identity);
		if (!row)
			return c->other;
		identity_name(row, c->conf, &from);
		s = c->identities[identity] = service_get(c, from.service);
		if (*from.cgroup && s != c->other)
			cgroup_add(c, s, from.cgroup);
	}
	return c->identities[identity];
}

static void label_value(struct collector *c, const struct metric_label *l, u64 dim, char *buf,
			size_t size)
{
	u64 value = dim >> l->shift & (l->bits < 64 ? (1ULL << l->bits) - 1 : ~0ULL);
	const char *service = NULL;
	u32 identity, gen;

	if (dim == SERIES_OTHER)
		service = "other";
	else if (l->owner && l->owner(value, &identity, &gen))
		service = collector_service(c, identity, gen);
	if (service)
		snprintf(buf, size, "%s", service);
	else
		l->format(value, buf, size);
}

static struct series *series_get(struct collector *c, struct family *f, const struct service *s,
				 u64 dim)
{
	const char *values[SERIES_LABELS];
	char text[METRIC_LABELS][NAME_SIZE];
	const struct metric_label *l = f->metric->labels;
	unsigned cnt = 0;

	if (f->metric->service)
		values[cnt++] = s->name;
	for (unsigned i = 0; cnt < f->label_cnt; i++) {
		label_value(c, &l[i], dim, text[i], sizeof(text[i]));
		values[cnt++] = text[i];
	}
	return family_series(f, values);
}

struct tally *tally_get(struct collector *c, struct family *f, struct service *s, u64 dim)
{
	struct series *series = series_get(c, f, s, dim);
	struct tally *t = NULL;

	if (!series)
		return NULL;
	HASH_FIND_PTR(c->tallies, &series, t);
	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	*t = (struct tally){ .series = series, .family = f, .service = s };
	HASH_ADD_PTR(c->tallies, series, t);
	c->tally_cnt++;
	return t;
}

/* Which series a kernel series counts for. */
static struct tally *tally_resolve(struct collector *c, const struct series_key *key)
{
	struct family *f = key->metric < METRIC_MAX ? c->families[key->metric] : NULL;
	struct service *s = NULL;
	u64 dim = key->dim;

	if (!f)
		return &c->ignored;
	if (f->metric->service) {
		s = identity_service(c, key->identity);
		if (f->metric->from_identity && dim && dim != SERIES_OTHER &&
		    identity_service(c, (u32)(dim - 1)) == s)
			return &c->ignored;
		if (s == c->other && key->identity != IDENTITY_OTHER)
			c->dropped[key->metric]++;
	}
	if (c->tally_cnt >= c->conf->limits.series) {
		c->dropped[key->metric]++;
		s = s ? c->other : NULL;
		dim = SERIES_OTHER;
	}
	return tally_get(c, f, s, dim);
}

static s64 counter_sum(const struct collector *c, u32 slot)
{
	u64 sum = 0;

	for (u32 cpu = 0; cpu < c->tables->sizes.cpus; cpu++)
		sum += __atomic_load_n(
			&c->tables->counters[(size_t)cpu * c->tables->sizes.counters + slot],
			__ATOMIC_RELAXED);
	return (s64)sum;
}

static void hist_sum(const struct collector *c, u32 slot, struct hist *into)
{
	const u64 *from = table_row(&c->tables->hists, slot);

	for (u32 cpu = 0; from && cpu < c->tables->sizes.cpus;
	     cpu++, from += sizeof(*into) / sizeof(u64)) {
		for (size_t i = 0; i < sizeof(*into) / sizeof(u64); i++)
			((u64 *)into)[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	}
}

void slot_add(struct collector *c, const struct pool *p, u32 slot, struct tally *t)
{
	if (!t || t == &c->ignored)
		return;
	if (p->kind == POOL_HIST && t->series->hist)
		hist_sum(c, slot, t->series->hist);
	else if (p->kind == POOL_COUNTER)
		*t->series->value += counter_sum(c, slot);
}

/* How many slots of the pool the kernel side has given out. */
static u64 pool_used(const struct collector *c, const struct pool *p)
{
	u64 used = 0;

	for (u32 m = 1; m < METRIC_MAX; m++)
		if (c->families[m] &&
		    (c->families[m]->metric->kind == METRIC_HISTOGRAM) == (p->kind == POOL_HIST))
			used += __atomic_load_n(&c->tables->budgets[m].used, __ATOMIC_ACQUIRE);
	return used;
}

/* Finds out for every slot that came into use which series it counts for. */
static void pool_resolve(struct collector *c, struct pool *p)
{
	u64 used = pool_used(c, p);

	for (u32 slot = METRIC_MAX; slot < p->size && (used || slot < p->top); slot++) {
		if (!__atomic_load_n(&p->owners[slot].metric, __ATOMIC_ACQUIRE))
			continue;
		if (!p->tallies[slot])
			p->tallies[slot] = tally_resolve(c, &p->owners[slot]);
		if (slot >= p->top)
			p->top = slot + 1;
		used -= used > 0;
	}
}

/* What did not fit went to slots with the metrics' numbers. */
static void pool_resolve_other(struct collector *c, struct pool *p)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++) {
		const struct series_key key = { .metric = metric, .dim = SERIES_OTHER };
		struct family *f = c->families[metric];
		bool hist = f && f->metric->kind == METRIC_HISTOGRAM;

		if (f && !p->tallies[metric] && hist == (p->kind == POOL_HIST) &&
		    c->tables->budgets[metric].dropped)
			p->tallies[metric] = tally_resolve(c, &key);
	}
}

static void pool_read(struct collector *c, struct pool *p)
{
	for (u32 slot = 1; slot < p->top; slot++)
		slot_add(c, p, slot, p->tallies[slot]);
}

static void tallies_reset(struct collector *c)
{
	for (struct tally *t = c->tallies; t; t = t->hh.next) {
		if (t->series->value)
			*t->series->value = t->base;
		else if (t->hist_base)
			*t->series->hist = *t->hist_base;
		else
			memset(t->series->hist, 0, sizeof(*t->series->hist));
	}
}

static void resolve(struct collector *c)
{
	pool_resolve(c, &c->counters);
	pool_resolve(c, &c->hists);
}

/*
 * What is unflushed may be counted while the task scan is on its way. Slots from before it and what it found
 * hold nothing twice, and slots from after it hold what was counted meanwhile: the greater of the two is
 * shown, and never less than was shown.
 */
int collector_read(struct collector *c)
{
	int err;

	c->registry->now_ns = clock_now_ns();
	resolve(c);
	unflushed_read(c);
	err = task_scan(c);
	unflushed_add(c);
	resolve(c);
	pool_resolve_other(c, &c->counters);
	pool_resolve_other(c, &c->hists);
	tallies_reset(c);
	pool_read(c, &c->counters);
	pool_read(c, &c->hists);
	gauges_read(c);
	cgroups_read(c);
	clamp_monotonic(c);
	return err;
}

static void slot_visit(struct collector *c, const struct pool *p, u32 number,
		       void (*each)(void *ctx, const struct slot *slot), void *ctx)
{
	const struct series_key *owner = &p->owners[number];
	struct slot slot = { .service = identity_service(c, owner->identity)->name,
			     .dim = owner->dim };
	struct hist hist = { 0 };

	if (p->kind == POOL_COUNTER) {
		slot.value = (u64)counter_sum(c, number);
	} else {
		hist_sum(c, number, &hist);
		slot.hist = &hist;
	}
	each(ctx, &slot);
}

int collector_each(struct collector *c, const char *metric,
		   void (*each)(void *ctx, const struct slot *slot), void *ctx)
{
	const struct pool *p;
	u32 number = 1;

	while (number < METRIC_MAX &&
	       (!c->families[number] || strcmp(c->families[number]->metric->name, metric)))
		number++;
	if (number == METRIC_MAX)
		return -ENOENT;
	resolve(c);
	p = c->families[number]->metric->kind == METRIC_HISTOGRAM ? &c->hists : &c->counters;
	for (u32 slot = METRIC_MAX; slot < p->top; slot++)
		if (__atomic_load_n(&p->owners[slot].metric, __ATOMIC_ACQUIRE) == number)
			slot_visit(c, p, slot, each, ctx);
	return 0;
}

const char *collector_service(struct collector *c, u32 identity, u32 gen)
{
	if (identity >= c->tables->sizes.identities || c->tables->states[identity].gen != gen)
		return NULL;
	return identity_service(c, identity)->name;
}

/* The series keeps what the slot had counted; the slot is empty again. */
static void slot_fold(struct collector *c, struct pool *p, u32 slot, struct tally *t)
{
	const struct table_sizes *sizes = &c->tables->sizes;
	void *row;

	if (t && t != &c->ignored && p->kind == POOL_COUNTER)
		t->base += counter_sum(c, slot);
	if (t && t != &c->ignored && p->kind == POOL_HIST) {
		if (!t->hist_base)
			t->hist_base = calloc(1, sizeof(*t->hist_base));
		if (t->hist_base)
			hist_sum(c, slot, t->hist_base);
	}
	if (p->kind == POOL_HIST && (row = table_row(&c->tables->hists, slot)))
		memset(row, 0, c->tables->hists.row_size);
	for (u32 cpu = 0; p->kind == POOL_COUNTER && cpu < sizes->cpus; cpu++)
		c->tables->counters[(size_t)cpu * sizes->counters + slot] = 0;
}

static bool slot_dying(const struct collector *c, const struct series_key *key)
{
	const struct family *f = key->metric < METRIC_MAX ? c->families[key->metric] : NULL;

	if (key->identity < c->tables->sizes.identities && c->dying[key->identity])
		return true;
	return f && f->metric->from_identity && key->dim &&
	       key->dim <= c->tables->sizes.identities && c->dying[key->dim - 1];
}

static void pool_reclaim(struct collector *c, struct pool *p)
{
	for (u32 slot = METRIC_MAX; slot < p->top; slot++) {
		struct series_key *owner = &p->owners[slot];

		if (!owner->metric || !slot_dying(c, owner))
			continue;
		tables_series_delete(c->tables, owner);
		slot_fold(c, p, slot, p->tallies[slot]);
		__atomic_fetch_sub(&c->tables->budgets[owner->metric].used, 1, __ATOMIC_RELAXED);
		owner->metric = 0;
		p->tallies[slot] = NULL;
		tables_free(c->tables, p->kind, slot);
	}
}

static void identity_reclaim(struct collector *c, u32 id)
{
	struct tables *tables = c->tables;

	for (unsigned i = 0; i < tables->slot_cache_cnt; i++) {
		void *row = table_row(&tables->slot_caches[i], id);

		if (row)
			memset(row, 0, tables->slot_caches[i].row_size);
	}
	c->identities[id] = NULL;
	c->idle[id] = 0;
	c->dying[id] = false;
	tables->states[id].live = 0;
	tables_free(tables, POOL_IDENTITY, id);
}

/*
 * Identities without tasks die in steps: first none gets them any more and what remembers the number
 * (gen) is told, then, when what was under way is through, their counts are folded and the number is
 * free.
 */
static void reclaim(struct collector *c)
{
	struct tables *tables = c->tables;
	bool any = false;

	if (c->runs[0]->probe->task_scan(c->runs[0])) /* the core's part is enough */
		return;
	for (u32 id = 1; id < tables->sizes.identities; id++) {
		struct identity_state *state = &tables->states[id];

		if (!state->live || tables->task_totals[id].tasks) {
			c->idle[id] = 0;
			continue;
		}
		if (++c->idle[id] == IDLE_UNLINK) {
			identity_service(c, id);
			__atomic_fetch_add(&state->gen, 1, __ATOMIC_SEQ_CST);
			tables_identity_unlink(tables, id);
		}
		c->dying[id] = c->idle[id] >= IDLE_REUSE;
		any |= c->dying[id];
	}
	if (!any)
		return;
	resolve(c);
	pool_reclaim(c, &c->counters);
	pool_reclaim(c, &c->hists);
	for (u32 id = 1; id < tables->sizes.identities; id++)
		if (c->dying[id])
			identity_reclaim(c, id);
}

static void tally_free(struct collector *c, struct tally *t)
{
	HASH_DEL(c->tallies, t);
	c->tally_cnt--;
	free(t->hist_base);
	free(t);
}

static void service_forget(struct collector *c, struct service *s)
{
	struct tally *t, *next;

	HASH_ITER(hh, c->tallies, t, next) {
		if (t->service != s)
			continue;
		family_remove(t->family, t->series);
		tally_free(c, t);
	}
	cgroups_drop(c, s);
	HASH_DEL(c->services, s);
	c->service_cnt--;
	free(s->name);
	free(s);
}

/* Services that have had no identity for long. */
static void forget(struct collector *c, u64 now_ns)
{
	struct service *s, *next;

	for (u32 id = 1; id < c->tables->sizes.identities; id++)
		if (c->identities[id])
			c->identities[id]->alive_ns = now_ns;
	c->other->alive_ns = now_ns;
	HASH_ITER(hh, c->services, s, next) {
		if (!s->alive_ns)
			s->alive_ns = now_ns;
		if (now_ns - s->alive_ns > c->conf->limits.forget_after_ns)
			service_forget(c, s);
	}
}

static u32 identities_used(const struct tables *tables)
{
	u32 used = 0;

	for (u32 id = 1; id < tables->sizes.identities; id++)
		used += tables->states[id].live != 0;
	return used;
}

void collector_tick(struct collector *c, u64 now_ns)
{
	bool scarce = identities_used(c->tables) > c->tables->sizes.identities / 2;

	if (scarce || now_ns >= c->task_scan_ns) {
		c->task_scan_ns = now_ns + TASK_SCAN_NS;
		reclaim(c);
	}
	if (now_ns >= c->forget_ns) {
		c->forget_ns = now_ns + FORGET_NS;
		forget(c, now_ns);
	}
	registry_recycle(c->registry);
}

void collector_stats(const struct collector *c, struct collector_stats *ret)
{
	*ret = (struct collector_stats){
		.services = c->service_cnt - 1, /* "other" is none */
		.identities = identities_used(c->tables),
	};
	for (u32 slot = METRIC_MAX; slot < c->counters.top; slot++)
		ret->counters += c->counters.owners[slot].metric != 0;
	for (u32 slot = METRIC_MAX; slot < c->hists.top; slot++)
		ret->hists += c->hists.owners[slot].metric != 0;
	for (unsigned m = 1; m < METRIC_MAX; m++)
		ret->dropped[m] = c->dropped[m] + c->tables->budgets[m].dropped;
}

static bool families_add(struct collector *c, struct probe_run *const *runs)
{
	for (; *runs; runs++) {
		unsigned number = (*runs)->metric_base;

		if ((*runs)->state != PROBE_ON)
			continue;
		for (const struct metric *m = (*runs)->probe->metrics; m->name; m++, number++) {
			c->families[number] = registry_add(c->registry, m);
			if (!c->families[number])
				return false;
		}
	}
	return true;
}

struct collector *collector_new(struct tables *tables, const struct conf *conf,
				struct registry *registry, struct probe_run *const *runs)
{
	struct collector *c = calloc(1, sizeof(*c));
	const struct table_sizes *s = &tables->sizes;

	if (!c)
		return NULL;
	c->tables = tables;
	c->conf = conf;
	c->registry = registry;
	c->runs = runs;
	cgroup_mounts_read(&c->mounts);
	c->identities = calloc(s->identities, sizeof(*c->identities));
	c->idle = calloc(s->identities, sizeof(*c->idle));
	c->dying = calloc(s->identities, sizeof(*c->dying));
	c->counters = (struct pool){ POOL_COUNTER, tables->counter_owners,
				     calloc(s->counters, sizeof(struct tally *)), s->counters,
				     METRIC_MAX };
	c->hists = (struct pool){ POOL_HIST, tables->hist_owners,
				  calloc(s->hists, sizeof(struct tally *)), s->hists, METRIC_MAX };
	c->other = service_get(c, "other");
	if (!c->identities || !c->idle || !c->dying || !c->counters.tallies || !c->hists.tallies ||
	    !c->other || !families_add(c, runs)) {
		collector_free(c);
		return NULL;
	}
	return c;
}

void collector_free(struct collector *c)
{
	struct service *s, *next_s;
	struct tally *t, *next_t;

	if (!c)
		return;
	HASH_ITER(hh, c->tallies, t, next_t)
		tally_free(c, t);
	HASH_ITER(hh, c->services, s, next_s) {
		cgroups_drop(c, s);
		HASH_DEL(c->services, s);
		free(s->name);
		free(s);
	}
	free(c->identities);
	free(c->idle);
	free(c->dying);
	free(c->counters.tallies);
	free(c->hists.tallies);
	free(c);
}
