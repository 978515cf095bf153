// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "rule/changes.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "metric/label.h"

#define NS_PER_MS    1000000ULL
#define SLOT_NS	     (60000 * NS_PER_MS)
#define WINDOW_SLOTS ((unsigned)(CHANGES_WINDOW_NS / SLOT_NS))
#define SLOTS	     (6 * WINDOW_SLOTS) /* so far back windows reach, and as long a time before each */
#define ENTRIES_MAX  256		/* of a kind */
#define DETAIL_SIZE  128
#define HABIT	     3 /* times more often than before: that stands out */

const char *const change_kinds[CHANGE_KINDS] = { "replaced", "oom", "died", "started", "ended" };

struct slot {
	u32 cnt;
	u16 first_ms; /* since the slot began */
};

/* Of a service, all changes of a kind. */
struct entry {
	UT_hash_handle hh; /* by service */
	u64 last_slot;	   /* number of the latest slot, which is at[last_slot % SLOTS] */
	u64 last_ns;
	bool gone; /* the service has ended: its start matters less than that of others */
	struct slot at[SLOTS];
	char detail[DETAIL_SIZE];
	char service[];
};

struct changes {
	struct entry *entries[CHANGE_KINDS];
	u64 known_ns; /* since when all is known */
	bool watched[CHANGE_KINDS];
};

struct changes *changes_new(void)
{
	return calloc(1, sizeof(struct changes));
}

static void entry_remove(struct changes *c, enum change_kind kind, struct entry *e)
{
	HASH_DEL(c->entries[kind], e);
	free(e);
}

void changes_free(struct changes *c)
{
	struct entry *e, *next;

	if (!c)
		return;
	for (int kind = 0; kind < CHANGE_KINDS; kind++)
		HASH_ITER(hh, c->entries[kind], e, next)
			entry_remove(c, (enum change_kind)kind, e);
	free(c);
}

/* Slots that nothing was noted in are empty. */
static void entry_advance(struct entry *e, u64 slot)
{
	for (u64 i = e->last_slot + 1; i <= slot && i <= e->last_slot + SLOTS; i++)
		e->at[i % SLOTS] = (struct slot){ 0 };
	if (slot > e->last_slot)
		e->last_slot = slot;
}

/* Makes room: what has ended goes first, then what was longest ago. All is known from then on only. */
static void evict(struct changes *c, enum change_kind kind)
{
	struct entry *e, *next, *least = NULL;

	HASH_ITER(hh, c->entries[kind], e, next)
		if (!least || e->gone > least->gone ||
		    (e->gone == least->gone && e->last_ns < least->last_ns))
			least = e;
	if (!least)
		return;
	if (!least->gone && least->last_ns > c->known_ns)
		c->known_ns = least->last_ns;
	entry_remove(c, kind, least);
}

static struct entry *entry_get(struct changes *c, enum change_kind kind, const char *service)
{
	struct entry *e;
	size_t len = strlen(service);

	HASH_FIND_STR(c->entries[kind], service, e);
	if (e)
		return e;
	if (HASH_COUNT(c->entries[kind]) >= ENTRIES_MAX)
		evict(c, kind);
	e = calloc(1, sizeof(*e) + len + 1);
	if (!e)
		return NULL;
	memcpy(e->service, service, len);
	HASH_ADD_KEYPTR(hh, c->entries[kind], e->service, len, e);
	if (e->hh.tbl)
		return e;
	free(e);
	return NULL;
}

void changes_note(struct changes *c, enum change_kind kind, const char *service, const char *detail,
		  u64 cnt, u64 now_ns)
{
	char clean[LABEL_VALUE_SIZE];
	struct entry *e;
	struct slot *slot;

	label_clean(clean, service);
	e = entry_get(c, kind, clean);
	if (!e) {
		c->known_ns = now_ns; /* without memory this one is not known */
		return;
	}
	entry_advance(e, now_ns / SLOT_NS);
	slot = &e->at[e->last_slot % SLOTS];
	if (!slot->cnt)
		slot->first_ms = (u16)(now_ns % SLOT_NS / NS_PER_MS);
	slot->cnt = cnt < UINT32_MAX - slot->cnt ? slot->cnt + (u32)cnt : UINT32_MAX;
	e->last_ns = now_ns;
	e->gone = false;
	label_clean(clean, detail ?: "");
	memccpy(e->detail, clean, '\0', DETAIL_SIZE - 1);
}

void changes_watch(struct changes *c, enum change_kind kind, bool watched)
{
	c->watched[kind] = watched;
}

bool changes_watched(const struct changes *c, enum change_kind kind)
{
	return c && c->watched[kind];
}

/* --- from the counters of processes */

struct processes {
	const struct family *live, *starts, *exits, *oom_kills;
	struct history_window tick;
};

static s64 grown(const struct processes *p, const struct family *f, const char *const labels[])
{
	const struct series *s = f ? family_find(f, labels) : NULL;

	return s ? history_delta(&p->tick, s) : 0;
}

/* Live processes of a service now and a tick ago. */
static void live_read(const struct processes *p, const char *service, s64 *now, s64 *before)
{
	const struct series *s = family_find(p->live, (const char *[SERIES_LABELS]){ service });

	*now = s ? *s->value : 0;
	*before = *now - (s ? history_delta(&p->tick, s) : 0);
}

/* A service that forks has not started: it has if it had no process, or if all that it had have ended in the same tick. */
static void starts_note(struct changes *c, const struct processes *p, const char *service,
			s64 started, u64 now_ns)
{
	static const char *const reasons[] = { "ok", "error", "signal", "oom" };
	s64 now, before, ended = 0;

	live_read(p, service, &now, &before);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		ended += grown(p, p->exits, (const char *[SERIES_LABELS]){ service, reasons[i] });
	if (now > 0 && started >= now && ended >= before)
		changes_note(c, CHANGE_STARTED, service, before > 0 ? "restarted" : "", 1, now_ns);
}

static void exits_note(struct changes *c, const struct processes *p, const struct series *s,
		       s64 ended, u64 now_ns)
{
	const char *service = s->label[0], *reason = s->label[1] ?: "";
	struct entry *start;
	s64 now, before;

	live_read(p, service, &now, &before);
	if (strcmp(reason, "ok") != 0 && (strcmp(reason, "oom") != 0 || !p->oom_kills))
		changes_note(c, CHANGE_DIED, service, reason, (u64)ended, now_ns);
	if (now > 0)
		return;
	if (before > 0 && !strcmp(reason, "ok"))
		changes_note(c, CHANGE_ENDED, service, "", 1, now_ns);
	HASH_FIND_STR(c->entries[CHANGE_STARTED], service, start);
	if (start)
		start->gone = true;
}

static void each_grown(const struct processes *p, const struct family *f, struct changes *c,
		       void (*note)(struct changes *c, const struct processes *p,
				    const struct series *s, s64 cnt))
{
	for (size_t i = 0; f && i < f->series_cnt; i++) {
		const struct series *s = f->series[i];
		s64 cnt = s->label[0] ? history_delta(&p->tick, s) : 0;

		if (cnt > 0)
			note(c, p, s, cnt);
	}
}

static void start_note(struct changes *c, const struct processes *p, const struct series *s,
		       s64 cnt)
{
	starts_note(c, p, s->label[0], cnt, p->tick.end_ns);
}

static void exit_note(struct changes *c, const struct processes *p, const struct series *s, s64 cnt)
{
	exits_note(c, p, s, cnt, p->tick.end_ns);
}

static void oom_note(struct changes *c, const struct processes *p, const struct series *s, s64 cnt)
{
	(void)p;
	changes_note(c, CHANGE_OOM, s->label[0], s->label[1], (u64)cnt, p->tick.end_ns);
}

void changes_tick(struct changes *c, const struct registry *r, const struct history *h)
{
	struct processes p = {
		.live = registry_find(r, "seismo_processes"),
		.starts = registry_find(r, "seismo_process_starts_total"),
		.exits = registry_find(r, "seismo_process_exits_total"),
		.oom_kills = registry_find(r, "seismo_oom_kills_total"),
	};

	for (int kind = CHANGE_OOM; kind < CHANGE_KINDS; kind++)
		c->watched[kind] = p.live && p.starts && p.exits;
	if (!c->watched[CHANGE_STARTED] || !history_window_tick(h, &p.tick))
		return;
	if (!c->known_ns) {
		c->known_ns = p.tick.end_ns;
		return;
	}
	each_grown(&p, p.starts, c, start_note);
	each_grown(&p, p.exits, c, exit_note);
	each_grown(&p, p.oom_kills, c, oom_note);
}

/* --- what stands out */

/* Adds up the slots of the window that ends with `last`, and those before. */
static bool entry_read(const struct entry *e, u64 last, struct change *ret)
{
	u64 before = 0;

	*ret = (struct change){ .service = e->service, .detail = e->detail };
	for (unsigned age = 2 * WINDOW_SLOTS; age-- > 0;) {
		u64 number = last - age;
		const struct slot *s = &e->at[number % SLOTS];

		if (number > last || number > e->last_slot || number + SLOTS <= e->last_slot ||
		    !s->cnt)
			continue;
		if (age >= WINDOW_SLOTS) {
			before += s->cnt;
			continue;
		}
		ret->last_ns = number * SLOT_NS + s->first_ms * NS_PER_MS;
		if (!ret->cnt)
			ret->first_ns = ret->last_ns;
		ret->cnt += s->cnt;
		if (number == e->last_slot)
			ret->last_ns = e->last_ns;
	}
	return ret->cnt && ret->cnt >= HABIT * before;
}

/* Puts it where it belongs among the cnt there, of which the last gives way. */
static void sorted_add(struct change *list, size_t cnt, size_t max, const struct change *add)
{
	size_t at = cnt < max ? cnt : max;

	while (at > 0 && list[at - 1].kind == add->kind && list[at - 1].last_ns < add->last_ns) {
		if (at < max)
			list[at] = list[at - 1];
		at--;
	}
	if (at < max)
		list[at] = *add;
}

size_t changes_list(const struct changes *c, u64 until_ns, struct change *ret, size_t max)
{
	size_t cnt = 0;

	for (int kind = 0; kind < CHANGE_KINDS; kind++) {
		struct entry *e, *next;

		HASH_ITER(hh, c->entries[kind], e, next) {
			struct change change;

			if (!entry_read(e, until_ns / SLOT_NS, &change))
				continue;
			change.kind = (enum change_kind)kind;
			sorted_add(ret, cnt++, max, &change);
		}
	}
	return cnt;
}

u64 changes_known_ns(const struct changes *c, u64 until_ns, u64 now_ns)
{
	u64 begin = until_ns > CHANGES_WINDOW_NS ? until_ns - CHANGES_WINDOW_NS : 0,
	    known = c->known_ns;
	u64 reach = (SLOTS - 1) * SLOT_NS;

	if (known && now_ns > reach && known < now_ns - reach)
		known = now_ns - reach;
	if (known > until_ns)
		return 0;
	return known && known < begin ? begin : known;
}
