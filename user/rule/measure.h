/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups of series, and what they did in a window. */
#ifndef RULE_MEASURE_H
#define RULE_MEASURE_H

#include "conf/rule.h"
#include "metric/history.h"

/* A label that must have this value; value NULL: any. */
struct condition {
	const char *label, *value;
};
#define CONDITIONS_MAX 5

struct group {
	const struct family *family; /* NULL: there is no such metric at present */
	const struct series **at;    /* valid as long as the series */
	size_t cnt;
};

/* Finds the series for which all of the conditions hold, up to one without a label. Out of memory there are none. */
void group_find(struct group *ret, const struct registry *r, const char *metric,
		const struct condition *where);
/* Those of a rule's term, with these values of the rule's `by`, as far as the metric has such labels. */
void group_find_term(struct group *ret, const struct registry *r, const struct rule_term *term,
		     char *const by[], const char *const values[], unsigned by_cnt);
void group_release(struct group *g);

/* In base units. */
struct measure {
	const char *unknown; /* why nothing is known; NULL: all that follows is */
	double seconds;	     /* length of the window */
	double cnt;	     /* events; of other counters their increase in base units */
	double sum;	     /* histogram: of all values. Counter: as cnt */
	double p50, p99;     /* histogram; NAN: it has no events */
	double last, max;    /* gauge */
	struct history_coverage coverage;
};

/* `w` NULL: unknown, because of `why`. */
void group_measure(const struct group *g, const struct history_window *w, const char *why,
		   struct measure *ret);

/* Of the events of a histogram, in so many seconds. */
void hist_measure(const struct hist *h, double seconds, struct measure *ret);

/* The increase of a counter or of a histogram's sum in base units, or the present value of a gauge. */
double series_increase(const struct series *s, const struct history_window *w);
/* The same of the series with exactly these values of the family's labels, and 0 where there is none; NAN: no such metric. */
double metric_increase(const struct registry *r, const char *metric, const char *const labels[],
		       const struct history_window *w);

/* NULL: it has no such label, or no value. */
static inline const char *series_label(const struct series *s, const char *name)
{
	int at = family_label(s->family, name);

	return at < 0 ? NULL : s->label[at];
}

static inline double measure_rate(const struct measure *m)
{
	return m->cnt / m->seconds;
}

static inline double measure_mean(const struct measure *m)
{
	return m->sum / m->cnt; /* NAN without events */
}

#endif
