/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of facts share: facts.c has the rows, facts_*.c the tests. */
#ifndef RULE_FACT_H
#define RULE_FACT_H

#include <math.h>

#include "rule/facts.h"

enum answer { NO, YES, UNKNOWN };

#define UP	  2.0  /* times the usual */
#define LOAD_UP	  1.5  /* times the usual rate, or bytes a request */
#define HANGS	  5.0  /* seconds without an answer */
#define DOMINATES 0.5  /* of the service's time */
#define MUCH	  0.25 /* of it */
#define MANY	  3.0  /* times as many as usual */

#define FACT_PROTOTYPE(name, missing) enum answer fact_##name(const struct scene *s);
FACTS(FACT_PROTOTYPE)

/* Comparisons with NAN are unknown. */
static inline enum answer at_least(double value, double bound)
{
	return isnan(value) ? UNKNOWN : value >= bound ? YES : NO;
}

static inline enum answer both(enum answer a, enum answer b)
{
	return a == NO || b == NO ? NO : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : YES;
}

static inline enum answer either(enum answer a, enum answer b)
{
	return a == YES || b == YES ? YES : a == UNKNOWN || b == UNKNOWN ? UNKNOWN : NO;
}

/* Is it clearly more than usual, or is nothing known of that? */
static inline enum answer is_more(double factor)
{
	return isnan(factor) || factor >= LOAD_UP;
}

/* What tells of the subject is a metric that begins so. */
bool subject_begins(const struct scene *s, const char *prefix);
/* Does this take so much of the time or, where what is usual is known, of that by which the time has grown? */
enum answer part_takes(const struct scene *s, const char *name, double share);
/* Increase of a metric of the service in the window, and in as long a time usually; NAN: not known. */
struct counted {
	double now, usual;
};
struct counted service_counted(const struct scene *s, const char *metric, const char *service,
			       const char *label, const char *values);
/* A gauge of the callee, where that is a service of this host; otherwise NAN. */
double callee_gauge(const struct scene *s, const char *metric);
/* At least `least` of them, and several times as many as usual. */
enum answer is_up(struct counted c, double least);

#endif
