/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every series has counted since when: columns, each the changes of all series over some time. Columns of the
 * last quarter of an hour are single ticks; older ones are merged to minutes, then to half hours, up to a day. Memory is
 * bounded: where there is too much for it, columns are merged earlier. That costs resolution in time, never counts, and
 * each answer tells the window that it is about.
 */
#ifndef METRIC_HISTORY_H
#define METRIC_HISTORY_H

#include "metric/registry.h"

struct history;

/*
 * The values of all series count from `start_ns` (CLOCK_MONOTONIC), when they were 0. The history takes at most
 * `max_bytes`. NULL: no memory.
 */
struct history *history_new(struct registry *r, u64 start_ns, size_t max_bytes);
void history_free(struct history *h);

/*
 * Ends a tick: adds what has changed up to the registry's now_ns, and recycles the registry's ids. `lost` has the bits of those
 * sources (see struct family) that have lost events meanwhile. A tick that takes no time is none: what it was
 * about, and `lost`, goes to the next one. So it is when there is no memory (-ENOMEM). Otherwise 0.
 */
int history_tick(struct history *h, u64 lost);

/*
 * Merges two columns, if there is a reason to, and returns whether there was. To be called some times between ticks: they merge
 * no more than what they need memory for.
 */
bool history_tidy(struct history *h);

struct history_stats {
	size_t bytes; /* all that it has allocated */
	u32 columns;
	u64 begin_ns, end_ns; /* from when to when there are columns */
};
void history_stats(const struct history *h, struct history_stats *ret);

/*
 * Columns that follow each other up to the last one, and what has been read since: a window ends with the values that the registry
 * has now. Good until the registry is written.
 */
struct history_window {
	const struct history *history;
	u64 asked_ns, begin_ns, end_ns;
	u32 first; /* column */
};

/* The last `window_ns`, as nearly as there are columns. False: it has no length, nothing has been read yet. */
bool history_window(const struct history *h, u64 window_ns, struct history_window *ret);

/* What a counter has counted in a window, or a gauge has changed by. Series that are younger began with 0. */
s64 history_delta(const struct history_window *w, const struct series *s);
/* Adds what a histogram has counted in a window. */
void history_hist(const struct history_window *w, const struct series *s, struct hist *ret);

/* A gauge now and at the ends of the ticks in a window, as far as it was there. */
struct history_gauge {
	s64 last, max;
	double mean; /* over time */
};
void history_gauge(const struct history_window *w, const struct series *s,
		   struct history_gauge *ret);

/* Why a window is not fully covered. */
enum history_missing {
	HISTORY_YOUNG = 1,	  /* the history does not go back that far */
	HISTORY_SERIES_YOUNG = 2, /* the subject of the series was not known that long */
	HISTORY_LOSSY = 4,	  /* events were lost */
};

struct history_coverage {
	double ratio; /* of the window that was asked for, 0 to 1 */
	unsigned missing;
};
void history_coverage(const struct history_window *w, const struct series *s,
		      struct history_coverage *ret);

#endif
