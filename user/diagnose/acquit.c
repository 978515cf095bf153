// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/acquit.h"

#include <string.h>

#define MOST	  0.8 /* of its requests: fewer of the others could not have been all that fail */
#define BEFORE_NS (60 * 1000000000ULL)

/* It had processes, and has none any more. */
static bool is_gone(const struct registry *r, const char *service)
{
	const struct family *f = registry_find(r, "seismo_processes");
	const struct series *s =
		f ? family_find(f, (const char *[SERIES_LABELS]){ service }) : NULL;

	return s && !*s->value;
}

static bool suffers(const struct symptoms *list, const char *service)
{
	for (u32 i = 0; i < list->cnt; i++)
		if (!list->at[i].new_kind && symptom_is_about_requests(&list->at[i]) &&
		    !strcmp(list->at[i].service, service))
			return true;
	return false;
}

/* While it lasts; what is not answered is not counted until then, and its callers are those that asked just before. */
static bool window_of(const struct symptom *s, const struct symptom_params *p,
		      struct history_window *ret)
{
	u64 now_ns = p->src->registry->now_ns, begin = s->begin_ns;

	if (s->kind == SYMPTOM_STALLED)
		begin = begin > BEFORE_NS ? begin - BEFORE_NS : 0;
	return history_window_past(p->src->history, now_ns - begin, now_ns - s->end_ns, ret);
}

static double asked_in(const struct symptom *s, const struct symptom_params *p,
		       const struct history_window *w)
{
	static const char *const metrics[] = { "seismo_requests_total",
					       "seismo_requests_unanswered_total" };
	const struct condition where[] = { { "service", s->service },
					   { "direction", "inbound" },
					   { "protocol", s->protocol },
					   { NULL } };
	double cnt = 0;

	for (size_t m = 0; m < sizeof(metrics) / sizeof(*metrics); m++) {
		struct group g;

		group_find(&g, p->src->registry, metrics[m], where);
		for (size_t i = 0; i < g.cnt; i++)
			cnt += series_increase(g.at[i], w);
		group_release(&g);
	}
	return cnt;
}

static bool is_harmless(const struct symptoms *list, const struct symptom *s,
			const struct symptom_params *p)
{
	const struct condition where[] = { { "direction", "outbound" },
					   { "protocol", s->protocol },
					   { "peer", s->service },
					   { NULL } };
	struct history_window w;
	bool suffer = false;
	double known = 0;
	struct group g;

	if (!window_of(s, p, &w))
		return false;
	group_find(&g, p->src->registry, "seismo_requests_total", where);
	for (size_t i = 0; i < g.cnt && !suffer; i++) {
		const char *caller = g.at[i]->label[0];

		if (!caller || find_is_anonymous(caller) || is_gone(p->src->registry, caller))
			continue;
		known += series_increase(g.at[i], &w);
		suffer = suffers(list, caller);
	}
	group_release(&g);
	return !suffer && known > 0 && known >= MOST * asked_in(s, p, &w);
}

void symptoms_acquit(struct symptoms *list, const struct symptom_params *p)
{
	for (u32 i = 0; i < list->cnt; i++) {
		struct symptom *s = &list->at[i];

		if (!symptom_is_about_requests(s) || !is_harmless(list, s, p))
			continue;
		s->weak = true;
		s->severe = s->absolute = false;
	}
}
