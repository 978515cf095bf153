/* SPDX-License-Identifier: BSD-3-Clause */
/* The history in steps of equal length, and the run of steps in which a value was larger than in the others. */
#ifndef DIAGNOSE_STEPS_H
#define DIAGNOSE_STEPS_H

#include "metric/history.h"

#define STEPS_MAX 256

/* From the oldest on; the last one ends now. */
struct steps {
	struct history_window at[STEPS_MAX];
	u32 cnt;
	u64 now_ns;
};

/* Of the last `back_ns`, as far as the history goes. */
void steps_make(struct steps *s, const struct history *h, u64 now_ns, u64 back_ns);

/* The steps from `first` on and before `end`, of which there is one at least, as one window. */
void steps_window(const struct steps *s, u32 first, u32 end, struct history_window *ret);

/* Steps from `first` on and before `end`. */
struct run {
	u32 first, end;
	bool ongoing;	  /* the last step is in it */
	double rise;	  /* mean of the values in it, less that of the others */
	double clearness; /* the rise, by what the values vary by chance */
};

/*
 * Finds the run of at least two steps in which values stand out most, or the one that goes on where that is clear enough;
 * NAN is no value. False: there is none whose rise is `rise` at least, or there are too few values to tell.
 */
bool run_find(const double *values, u32 cnt, double rise, struct run *ret);

#endif
