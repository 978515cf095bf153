// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "top/usual.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "top/table.h"

#define NS_PER_SEC    1000000000ULL
#define USUAL_FROM_NS (3600 * NS_PER_SEC) /* before the end of the window */
#define USUAL_TO_NS   (900 * NS_PER_SEC)
#define KEPT_NS	      (60 * NS_PER_SEC)

/* The name is a copy: that of the registry goes with the service. */
struct usual_mean {
	UT_hash_handle hh;
	double seconds;
	char service[];
};

int top_source_query(const struct top_source *source, const struct family *f,
		     const struct history *h, u64 window_ns, u64 ago_ns, bool sums,
		     struct query_result *ret)
{
	struct query_match where[TOP_WHERE];
	struct query q = { .family = f,
			   .window_ns = window_ns,
			   .ago_ns = ago_ns,
			   .by_cnt = 1, /* the first label is the service */
			   .where = where,
			   .groups_max = TOP_ROWS_MAX,
			   .unsorted = true,
			   .sums = sums };

	for (; q.where_cnt < TOP_WHERE && source->where[q.where_cnt].label; q.where_cnt++) {
		int label = family_label(f, source->where[q.where_cnt].label);

		if (label < 0)
			return -ENODATA;
		where[q.where_cnt] =
			(struct query_match){ (unsigned)label, source->where[q.where_cnt].pattern,
					      true };
	}
	return query_run(&q, h, ret);
}

static int mean_add(struct top_usual *u, const struct query_group *g)
{
	const char *service = g->label[0];
	size_t size = service ? strlen(service) + 1 : 0;
	struct usual_mean *m;

	if (!service || !g->delta)
		return 0;
	m = calloc(1, sizeof(*m) + size);
	if (!m)
		return -ENOMEM;
	memcpy(m->service, service, size);
	m->seconds = (double)g->hist->sum_ns * 1e-9 / (double)g->delta;
	HASH_ADD_STR(u->means, service, m);
	if (m->hh.tbl)
		return 0;
	free(m);
	return -ENOMEM;
}

static bool is_kept(const struct top_usual *u, const struct top_source *source,
		    const struct family *f, u64 end_ns)
{
	u64 apart = u->end_ns > end_ns ? u->end_ns - end_ns : end_ns - u->end_ns;

	return u->source == source && u->registry == f->registry && apart < KEPT_NS;
}

int top_usual_measure(struct top_usual *u, const struct top_source *source, const struct family *f,
		      const struct history *h, u64 ago_ns)
{
	u64 end_ns = f->registry->now_ns > ago_ns ? f->registry->now_ns - ago_ns : 0;
	struct query_result r = { 0 };
	int err;

	if (is_kept(u, source, f, end_ns))
		return 0;
	top_usual_release(u);
	err = top_source_query(source, f, h, USUAL_FROM_NS - USUAL_TO_NS, ago_ns + USUAL_TO_NS,
			       false, &r);
	for (u32 i = 0; i < r.group_cnt && !err; i++)
		err = mean_add(u, r.groups[i]);
	query_release(&r);
	if (err)
		top_usual_release(u);
	else
		*u = (struct top_usual){ source, f->registry, end_ns, u->means };
	return err;
}

double top_usual_mean(const struct top_usual *u, const char *service)
{
	struct usual_mean *m;

	HASH_FIND_STR(u->means, service, m);
	return m ? m->seconds : NAN;
}

void top_usual_release(struct top_usual *u)
{
	struct usual_mean *m = u->means, *next;

	HASH_CLEAR(hh, u->means);
	for (; m; m = next) {
		next = m->hh.next;
		free(m);
	}
	*u = (struct top_usual){ 0 };
}
