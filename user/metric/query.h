/* SPDX-License-Identifier: BSD-3-Clause */
/* Aggregates the history of a metric over a window, grouped by labels. */
#ifndef METRIC_QUERY_H
#define METRIC_QUERY_H

#include "metric/history.h"

struct query_match {
	unsigned label;	   /* of the family */
	const char *value; /* any bytes; "" matches series without the label */
	bool pattern;	   /* `value` is one (conf/pattern.h) */
};

/* A label that the family does not have: all groups have NULL in its place. */
#define QUERY_ABSENT SERIES_LABELS

struct query {
	const struct family *family;
	u64 window_ns;
	u64 ago_ns;		    /* since its end; 0: it ends now. Not with `ticks` */
	unsigned by[SERIES_LABELS]; /* labels of the family to group by, or QUERY_ABSENT */
	unsigned by_cnt;
	const struct query_match *where; /* conditions; all must hold */
	size_t where_cnt;
	u32 groups_max;
	bool ticks;    /* of whole ticks: see history_window_ticks() */
	bool unsorted; /* groups come in any order */
	bool sums;     /* of histograms only the sum, which costs less */
};

/* The sum of the series with the same values of the labels in `by`. */
struct query_group {
	const char *label
		[SERIES_LABELS]; /* by index of `by`; NULL: absent. Valid as long as the series */
	u32 series_cnt;
	u64 total;	   /* counters: since the beginning */
	u64 delta;	   /* in the window: of counters, and the number of events in histograms */
	struct hist *hist; /* histograms, but with `sums` */
	u64 sum_ns;	   /* of histograms, with `sums` */
	s64 gauge_last;	   /* gauges: sum (or largest, see struct metric) of the last values */
	double gauge_mean;
	s64 gauge_max;			  /* the largest value of a single series */
	struct history_coverage coverage; /* of the best covered series */
};

struct query_result {
	struct history_window window;
	struct history_coverage coverage; /* of the family: holds for groups that are not there */
	struct query_group **groups;	  /* sorted by label values */
	u32 group_cnt;
	u32 omitted_cnt;	   /* series left out because there were too many groups */
	struct query_entry *index; /* private */
};

/*
 * Returns 0, -EAGAIN (nothing has been read yet), -ENODATA (the history begins after the window) or -ENOMEM. The result must be
 * released in any case.
 */
int query_run(const struct query *q, const struct history *h, struct query_result *ret);
void query_release(struct query_result *r);
/*
 * The group with these values of the labels in `by`: pointers from a group of another result of the same registry, of which
 * no series has gone since. NULL: there is none.
 */
const struct query_group *query_find(const struct query_result *r,
				     const char *const label[SERIES_LABELS]);

#endif
