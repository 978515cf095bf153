/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the families have counted for tasks that somebody watches. These have identities of their own (IDENTITY_WATCH_SHIFT), whose
 * slots count for the same series as ever; what those have counted that are gone is kept as long as it is watched.
 */
#ifndef COLLECT_WATCHED_H
#define COLLECT_WATCHED_H

#include "collect/slots.h"

struct watched_row {
	const struct metric *metric;
	u64 dim;
	u64 count;	  /* of a counter, in its unit */
	struct hist hist; /* of a histogram */
};

struct watched_total;

#define WATCHED_MAX 4 /* numbers at a time */

struct watched {
	u32 numbers[WATCHED_MAX]; /* 0: none */
	struct slots *pools[2];	  /* counters, histograms */
	struct watched_total *gone;
};

void watched_init(struct watched *w, struct slots *counters, struct slots *hists);
void watched_release(struct watched *w);
/* Calls `each` for every metric and dimension that has counted something for this number. */
void watched_visit(struct watched *w, u32 watch,
		   void (*each)(void *ctx, const struct watched_row *row), void *ctx);
/* From now on what has gone of this number is kept, until it is forgotten; at most WATCHED_MAX at a time. */
void watched_begin(struct watched *w, u32 watch);
void watched_forget(struct watched *w, u32 watch);

#endif
