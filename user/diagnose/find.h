/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks for symptoms: find_*.c for kinds of them. */
#ifndef DIAGNOSE_FIND_H
#define DIAGNOSE_FIND_H

#include "diagnose/symptom.h"

struct symptom_params {
	const struct evidence_sources *src;
	u64 since_ns;	     /* what ended before is not told */
	const char *service; /* only what is about this one; NULL: all */
};

void symptoms_find(struct symptoms *ret, const struct symptom_params *p);
struct finder {
	const struct evidence_sources *src;
	u64 since_ns;
	const char *service; /* NULL: all */
	struct steps steps;
	bool newest; /* they are the newest part: what is counted once, or is about the present alone, belongs there */
	bool lasting; /* they are all that is known: only what is clear and goes on is told of so long a time */
	const char *counted; /* the service that was counted last */
	struct symptoms *to;
};

/* Requests: slow, failing, stalled. */
void find_requests(struct finder *f);
/* Devices: slow, hung, failing. */
void find_devices(struct finder *f);
/* Limits that are reached, deaths, blocked tasks. */
void find_conditions(struct finder *f);

/* Is the run worth telling: has it not ended before the time that is asked for? */
bool find_is_recent(const struct finder *f, const struct run *r, const double *values);
/* Begin and end of a symptom that is seen in these steps. */
void find_date(const struct finder *f, const struct run *r, struct symptom *s);
/* Adds it, if the steps are such that it counts. */
void find_add(const struct finder *f, const struct symptom *s);
/* The end of the run: where it is long, the last part of it. */
#define FIND_NOW_NS (60 * 1000000000ULL)
u32 find_now_first(const struct finder *f, const struct run *r);

/* Stands for nobody who could suffer. */
bool find_is_anonymous(const char *service);

#endif
