// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "rule/cause.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Who has used a device for so long uses it. */
#define USE_NS (5 * 60 * 1000000000ULL)

/* Services and devices on which a symptom fires, and devices that those services use. */
struct subject {
	UT_hash_handle hh;
	const char *name; /* hashed; as long as the alerts and series live */
};

enum subject_kind { SERVICES, DEVICES, DEVICES_OF_SERVICES, SUBJECT_KINDS };

struct symptoms {
	struct subject *subjects[SUBJECT_KINDS];
	u32 cnt;
	bool incomplete; /* no memory */
};

static bool has(const struct symptoms *s, enum subject_kind kind, const char *name)
{
	struct subject *found;

	HASH_FIND_STR(s->subjects[kind], name, found);
	return found;
}

static void add(struct symptoms *s, enum subject_kind kind, const char *name)
{
	struct subject *new;

	if (!*name || has(s, kind, name))
		return;
	new = calloc(1, sizeof(*new));
	s->incomplete |= !new;
	if (!new)
		return;
	new->name = name;
	HASH_ADD_KEYPTR(hh, s->subjects[kind], name, strlen(name), new);
	if (new->hh.tbl)
		return;
	s->incomplete = true;
	free(new);
}

static void symptoms_release(struct symptoms *s)
{
	for (int kind = 0; kind < SUBJECT_KINDS; kind++) {
		struct subject *e = s->subjects[kind], *next;

		HASH_CLEAR(hh, s->subjects[kind]);
		for (; e; e = next) {
			next = e->hh.next;
			free(e);
		}
	}
}

/* Does the alert's rule distinguish by this label? "": not. */
static const char *label_of(const struct alert *a, const char *name)
{
	for (unsigned i = 0; i < a->rule->by_cnt; i++)
		if (!strcmp(a->rule->by[i], name))
			return a->label[i];
	return "";
}

static bool is_symptom(const struct alert *a)
{
	return a->state == ALERT_FIRING && !a->rule->cause && a->rule->severity != RULE_INFO &&
	       !a->silenced && !a->expected;
}

static bool is_used(const struct history_window *w, const struct series *s)
{
	return s->hist ? history_hist_sum(w, s) > 0 : *s->value > 0;
}

/* Who waits for a disk that does not answer has completed nothing, but is under way. */
static const char *const use_metrics[] = {
	"seismo_service_block_io_duration_seconds",
	"seismo_service_volume_io_duration_seconds",
	"seismo_service_block_io_oldest_seconds",
};

static void uses_add(struct symptoms *s, const struct family *f, const struct history_window *w)
{
	int service = family_label(f, "service"), device = family_label(f, "device");

	if (service < 0 || device < 0)
		return;
	for (size_t i = 0; i < f->series_cnt; i++) {
		const char *who = f->series[i]->label[service] ?: "",
			   *what = f->series[i]->label[device] ?: "";

		if (has(s, SERVICES, who) && is_used(w, f->series[i]))
			add(s, DEVICES_OF_SERVICES, what);
	}
}

static void symptoms_find(struct symptoms *s, const struct alerts *t, const struct registry *r,
			  const struct history *h)
{
	struct alert_entry *e, *next;
	struct history_window w;

	HASH_ITER(hh, t->table, e, next) {
		if (!is_symptom(&e->alert))
			continue;
		s->cnt++;
		add(s, SERVICES, label_of(&e->alert, "service"));
		add(s, SERVICES, label_of(&e->alert, "peer"));
		add(s, DEVICES, label_of(&e->alert, "device"));
	}
	if (!s->cnt || !history_window_ticks(h, USE_NS, &w))
		return;
	for (size_t i = 0; i < sizeof(use_metrics) / sizeof(*use_metrics); i++) {
		const struct family *f = registry_find(r, use_metrics[i]);

		if (f)
			uses_add(s, f, &w);
	}
}

/*
 * What is wrong in a service is no reason for somebody else's disk to be slow, nor is it made any worse by one: a crash loop
 * is not paged for because the disk, which nearly all services share, is.
 */
static bool explains(const struct symptoms *s, const struct alert *a)
{
	const char *service = label_of(a, "service"), *device = label_of(a, "device");

	if (!s->cnt)
		return false;
	if (*service)
		return has(s, SERVICES, service);
	if (*device)
		return has(s, DEVICES, device) || has(s, DEVICES_OF_SERVICES, device);
	return true;
}

static bool any_cause(const struct alerts *t)
{
	for (size_t i = 0; i < t->rule_cnt; i++)
		if (t->rules[i].conf->cause && t->rules[i].entries)
			return true;
	return false;
}

int cause_judge(struct alerts *t, const struct registry *r, const struct history *h)
{
	struct symptoms symptoms = { 0 };
	struct alert_entry *e, *next;

	if (!any_cause(t))
		return 0;
	symptoms_find(&symptoms, t, r, h);
	HASH_ITER(hh, t->table, e, next) {
		struct alert *a = &e->alert;

		if (a->rule->cause && a->state == ALERT_FIRING && !symptoms.incomplete)
			a->severity = explains(&symptoms, a) ? a->rule->severity : RULE_INFO;
	}
	symptoms_release(&symptoms);
	return symptoms.incomplete ? -ENOMEM : 0;
}
