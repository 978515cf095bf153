/* SPDX-License-Identifier: BSD-3-Clause */
/* Aggregates the history of a metric over a window, grouped by labels. */
#ifndef METRIC_QUERY_H
#define METRIC_QUERY_H

#include "metric/history.h"

struct query_match {
	unsigned label;	   /* of the family */
	const char *value; /* any bytes; "" matches series without the label */
};

struct query {
	const struct family *family;
	u64 window_ns;
	unsigned by[SERIES_LABELS]; /* labels of the family to group by */
	unsigned by_cnt;
	const struct query_match *where; /* conditions; all must hold */
	size_t where_cnt;
	u32 groups_max;
};

/* The sum of the series with the same values of the labels in `by`. */
struct query_group {
	const char *label
		[SERIES_LABELS]; /* by index of `by`; NULL: absent. Valid as long as the series */
	u32 series_cnt;
	u64 total, delta;  /* counters: since the beginning, and in the window */
	struct hist *hist; /* histograms */
	s64 gauge_last;	   /* gauges: sum (or largest, see struct metric) of the last values */
	double gauge_mean;
	s64 gauge_max;			  /* the largest value of a single series */
	struct history_coverage coverage; /* of the best covered series */
};

struct query_result {
	struct history_window window;
	struct query_group **groups; /* sorted by label values */
	u32 group_cnt;
	u32 omitted_cnt; /* series left out because there were too many groups */
};

/* Returns 0, -EAGAIN (nothing has been read yet) or -ENOMEM. The result must be released in any case. */
int query_run(const struct query *q, const struct history *h, struct query_result *ret);
void query_release(struct query_result *r);

#endif
