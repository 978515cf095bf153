// SPDX-License-Identifier: BSD-3-Clause
#include "alert/outbox.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
	UT_hash_handle hh; /* which keeps the order of arrival */
	u64 key;
	struct notice *notice;
	enum told told;
	bool due;	/* to be repeated */
	bool forgotten; /* as soon as it is told */
};

struct outbox {
	struct outbox_rules rules;
	struct entry *entries;
	u64 dropped;
};

struct outbox *outbox_new(const struct outbox_rules *rules)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (o)
		o->rules = *rules;
	return o;
}

static void entry_remove(struct outbox *o, struct entry *e)
{
	HASH_DEL(o->entries, e);
	notice_unref(e->notice);
	free(e);
}

void outbox_free(struct outbox *o)
{
	struct entry *e, *next;

	if (!o)
		return;
	HASH_ITER(hh, o->entries, e, next)
		entry_remove(o, e);
	free(o);
}

static bool is_muted(const struct outbox *o, const struct entry *e)
{
	return o->rules.pages && e->notice->mute;
}

static enum told wanted(const struct outbox *o, const struct entry *e)
{
	return e->notice->firing && !is_muted(o, e) ? TOLD_FIRING : TOLD_RESOLVED;
}

/* Of what nobody heard, and nobody is to hear, nothing is told. */
static bool is_waiting(const struct outbox *o, const struct entry *e)
{
	return wanted(o, e) != e->told && !(e->told == TOLD_NOTHING && is_muted(o, e));
}

static bool is_ready(const struct outbox *o, const struct entry *e)
{
	return is_waiting(o, e) || (e->due && !is_muted(o, e));
}

static struct entry *entry_find(const struct outbox *o, u64 key)
{
	struct entry *e;

	HASH_FIND(hh, o->entries, &key, sizeof(key), e);
	return e;
}

static struct entry *entry_add(struct outbox *o, u64 key, enum told told)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e && HASH_COUNT(o->entries) >= o->rules.max) {
		o->dropped++;
		entry_remove(o, o->entries);
	}
	if (!e)
		return NULL;
	e->key = key;
	e->told = told;
	HASH_ADD(hh, o->entries, key, sizeof(e->key), e);
	return e;
}

void outbox_put(struct outbox *o, struct notice *n, enum told told)
{
	struct entry *e = entry_find(o, n->key) ?: entry_add(o, n->key, told);

	if (!e)
		return;
	notice_unref(e->notice);
	e->notice = notice_ref(n);
	e->due = o->rules.repeats;
	e->forgotten = false;
	/* Nobody has heard that it fires again, should it end before that is told. */
	if (n->firing && e->told == TOLD_RESOLVED)
		e->told = TOLD_NOTHING;
	if (e->told == TOLD_ALL)
		e->told = wanted(o, e);
}

void outbox_forget(struct outbox *o, u64 key)
{
	struct entry *e = entry_find(o, key);

	if (!e)
		return;
	e->forgotten = true;
	if (o->rules.repeats || !is_waiting(o, e))
		entry_remove(o, e);
}

unsigned outbox_take(struct outbox *o, struct parcel *parcels, unsigned max, bool same_name)
{
	struct entry *e, *next;
	unsigned cnt = 0;

	HASH_ITER(hh, o->entries, e, next) {
		if (cnt == max)
			break;
		if (!is_ready(o, e) ||
		    (same_name && cnt && strcmp(e->notice->name, parcels[0].notice->name) != 0))
			continue;
		parcels[cnt++] =
			(struct parcel){ notice_ref(e->notice), wanted(o, e) == TOLD_FIRING };
	}
	return cnt;
}

static void entry_told(struct outbox *o, struct entry *e, const struct parcel *p)
{
	e->told = p->firing ? TOLD_FIRING : TOLD_RESOLVED;
	if (e->notice == p->notice)
		e->due = false;
	if (e->forgotten && !is_waiting(o, e))
		entry_remove(o, e);
}

void outbox_return(struct outbox *o, struct parcel *parcels, unsigned cnt, bool told)
{
	struct entry *e;

	for (struct parcel *p = parcels; p < parcels + cnt; p++) {
		e = told ? entry_find(o, p->notice->key) : NULL;
		if (e)
			entry_told(o, e, p);
		notice_unref(p->notice);
	}
}

unsigned outbox_waiting(const struct outbox *o)
{
	unsigned cnt = 0;

	for (const struct entry *e = o->entries; e; e = e->hh.next)
		cnt += is_waiting(o, e);
	return cnt;
}

u64 outbox_dropped(const struct outbox *o)
{
	return o->dropped;
}

bool outbox_ready(const struct outbox *o)
{
	const struct entry *e = o->entries;

	while (e && !is_ready(o, e))
		e = e->hh.next;
	return e;
}

void outbox_each(const struct outbox *o,
		 void (*each)(void *ctx, struct notice *n, enum told told, bool waiting), void *ctx)
{
	for (const struct entry *e = o->entries; e; e = e->hh.next)
		each(ctx, e->notice, e->told, is_waiting(o, e));
}
