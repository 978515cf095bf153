// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/find.h"

#include <math.h>
#include <string.h>

#define BEFORE_NS  (10 * 1000000000ULL)
#define LASTING_NS (10 * 1000000000ULL)

/*
 * How it was just after the start is not how it is, and what was over at once is nobody's trouble any more: there has to be some
 * time before a run, and one that has ended must have lasted.
 */
bool find_is_recent(const struct finder *f, const struct run *r, const double *values)
{
	const struct history_window *first = &f->steps.at[r->first],
				    *last = &f->steps.at[r->end - 1];
	u32 known = 0;

	while (known < r->first && isnan(values[known]))
		known++;
	return first->begin_ns >= f->steps.at[known].begin_ns + BEFORE_NS &&
	       (r->ongoing || last->end_ns - first->begin_ns >= LASTING_NS) &&
	       last->end_ns + f->since_ns > f->steps.now_ns;
}

void find_date(const struct finder *f, const struct run *r, struct symptom *s)
{
	s->begin_ns = r->first ? f->steps.at[r->first].begin_ns : 0;
	s->end_ns = f->steps.at[r->end - 1].end_ns;
	s->ongoing = r->ongoing;
}

u32 find_now_first(const struct finder *f, const struct run *r)
{
	u32 first = r->end - 1;

	while (first > r->first &&
	       f->steps.at[first].begin_ns + FIND_NOW_NS > f->steps.at[r->end - 1].end_ns)
		first--;
	return first;
}

bool find_is_anonymous(const char *service)
{
	return !strcmp(service, "kernel") || !strcmp(service, "other") ||
	       !strcmp(service, "unknown") || !strcmp(service, "commands");
}

/* What was before is looked at too: it says what is usual. */
#define BEFORE_MIN_NS (60 * 1000000000ULL)

void symptoms_find(struct symptoms *ret, const struct symptom_params *p)
{
	struct finder f = {
		.src = p->src, .since_ns = p->since_ns, .service = p->service, .to = ret
	};
	u64 before_ns = p->since_ns / 2;

	*ret = (struct symptoms){ .slowest_seconds = 0 };
	steps_make(&f.steps, p->src->history, p->src->registry->now_ns,
		   p->since_ns + (before_ns > BEFORE_MIN_NS ? before_ns : BEFORE_MIN_NS));
	if (!f.steps.cnt)
		return;
	find_requests(&f);
	find_devices(&f);
	find_conditions(&f);
}
