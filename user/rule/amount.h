/* SPDX-License-Identifier: BSD-3-Clause */
/* How much of something there was in a window, how well that is known, and what a rule makes of it. */
#ifndef RULE_AMOUNT_H
#define RULE_AMOUNT_H

#include "rule/plan.h"

enum verdict_is { VERDICT_FALSE, VERDICT_TRUE, VERDICT_UNKNOWN };

struct verdict {
	enum verdict_is is;
	const char *why;	/* it is unknown */
	double value, baseline; /* NAN: there is none */
	u64 events;
	double coverage;
};

struct baselines;

struct rule_context {
	const struct plan_data *data;
	const struct baselines *baselines;
	u64 interval_ns; /* between ticks */
	const struct query_group
		*group; /* of plan_groups(); NULL: one that is not there (any more) */
	/* An alert is firing: fewer events than `min_events` are enough for it to go on, but not none. */
	bool firing;
};

/* A term over a window, in base units. */
struct amount {
	double value; /* increase of a counter or of a histogram's number of events, last value of a gauge */
	double seconds; /* of the window */
	double coverage;
	unsigned missing; /* bits of enum history_missing, and AMOUNT_SHAPE */
	const struct family *family;
	const struct query_group *group; /* NULL: there are no such series, and were none */
};
#define AMOUNT_SHAPE \
	256 /* the window of the history is much longer or shorter than the one asked for */
/* Nothing is known of what was before: neither more nor less. */
#define AMOUNT_BEFORE (HISTORY_YOUNG | AMOUNT_SHAPE)

/* That of the group. False: the rule has no such term. */
bool amount_get(const struct rule_context *c, enum plan_slot slot, struct amount *ret);
/* What a unit of the family's values is in base units. */
double amount_scale(const struct family *f);
/* What these bits mean, for people; NULL: nothing is missing. */
const char *amount_missing(unsigned missing);

#endif
