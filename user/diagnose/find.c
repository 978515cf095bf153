// SPDX-License-Identifier: BSD-3-Clause
#include "diagnose/find.h"

#include <math.h>
#include <string.h>

#define NS_PER_SEC 1000000000ULL
#define BEFORE_NS  (10 * NS_PER_SEC)
#define SHORT_NS   (10 * NS_PER_SEC)

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
	       (r->ongoing || last->end_ns - first->begin_ns >= SHORT_NS) &&
	       last->end_ns + f->since_ns > f->steps.now_ns;
}

void find_add(const struct finder *f, const struct symptom *s)
{
	if (!f->lasting || (s->severe && s->ongoing))
		symptoms_add(f->to, s);
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

#define BEFORE_MIN_NS \
	(60 * NS_PER_SEC) /* that is looked at before what is asked for, as it says what is usual */
#define FINE_NS	   (900 * NS_PER_SEC) /* the newest part, in which a short trouble shows */
#define LASTING_NS (24 * 3600 * NS_PER_SEC)

/* Looks at the last `since_ns`, and some time before it. */
static void steps_of(struct finder *f, u64 since_ns)
{
	u64 before_ns = since_ns / 2 > BEFORE_MIN_NS ? since_ns / 2 : BEFORE_MIN_NS;

	steps_make(&f->steps, f->src->history, f->src->registry->now_ns, since_ns + before_ns);
}

/*
 * Steps of what is asked for are long where that is long: in the newest part of it shorter ones are looked at first. What has lasted
 * since before all of them stands out from what was earlier.
 */
void symptoms_find(struct symptoms *ret, const struct symptom_params *p)
{
	struct finder f = {
		.src = p->src, .since_ns = p->since_ns, .service = p->service, .to = ret
	};
	u64 begin_ns;

	*ret = (struct symptoms){ .slowest_seconds = 0 };
	steps_of(&f, p->since_ns < FINE_NS ? p->since_ns : FINE_NS);
	if (!f.steps.cnt)
		return;
	f.newest = true;
	find_requests(&f);
	find_devices(&f);
	find_conditions(&f);
	f.newest = false;
	begin_ns = f.steps.at[0].begin_ns;
	if (p->since_ns > FINE_NS) {
		steps_of(&f, p->since_ns);
		if (f.steps.at[0].begin_ns >= begin_ns)
			return;
		find_requests(&f);
		find_devices(&f);
		find_conditions(&f);
		begin_ns = f.steps.at[0].begin_ns;
	}
	steps_make(&f.steps, p->src->history, p->src->registry->now_ns, LASTING_NS);
	f.lasting = true;
	if (f.steps.at[0].begin_ns < begin_ns)
		find_requests(&f);
}
