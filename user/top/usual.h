/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is usual for a service: the mean of a source's events from an hour to 15 minutes before the end of the window that is looked at.
 * It is kept, since it changes little and takes as long to measure as many other columns together.
 */
#ifndef TOP_USUAL_H
#define TOP_USUAL_H

#include "metric/query.h"
#include "top/columns.h"

/* All zeros knows nothing yet. */
struct top_usual {
	const struct top_source *source; /* NULL: nothing is kept */
	const struct registry *registry;
	u64 end_ns; /* of the window that it was measured for, CLOCK_MONOTONIC */
	struct usual_mean *means;
};

/* What the source had in a window, by service; `sums`: of histograms only that. Returns what query_run() does. */
int top_source_query(const struct top_source *source, const struct family *f,
		     const struct history *h, u64 window_ns, u64 ago_ns, bool sums,
		     struct query_result *ret);

/*
 * Makes it what was usual before a window that ended so long ago; up to a minute earlier or later it stays what it is. 0, -EAGAIN or
 * -ENODATA: nothing is usual, as the history does not reach back so far; -ENOMEM.
 */
int top_usual_measure(struct top_usual *u, const struct top_source *source, const struct family *f,
		      const struct history *h, u64 ago_ns);
/* The mean of an event, in seconds; NAN: nothing is usual. */
double top_usual_mean(const struct top_usual *u, const char *service);
void top_usual_release(struct top_usual *u);

#endif
