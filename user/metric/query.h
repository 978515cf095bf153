/* SPDX-License-Identifier: BSD-3-Clause */
/* What series have done in a window, added up by labels. */
#ifndef METRIC_QUERY_H
#define METRIC_QUERY_H

#include "metric/history.h"

struct query_match {
	unsigned label;	   /* of the family */
	const char *value; /* "": the label is absent */
};

struct query {
	const struct family *family;
	u64 window_ns;
	unsigned by[SERIES_LABELS]; /* labels of the family */
	unsigned by_cnt;
	const struct query_match *where; /* all of them */
	size_t where_cnt;
	u32 groups_max;
};

/* The sum of some series. */
struct query_group {
	const char *label[SERIES_LABELS]; /* by `by`; NULL: absent. Valid as long as the series */
	u32 series_cnt;
	u64 total, delta;  /* of counters: counted up to now, and in the window */
	struct hist *hist; /* of histograms */
	s64 gauge_last;	   /* of gauges: sums */
	double gauge_mean;
	s64 gauge_max;			  /* ... but this one is of a single series */
	struct history_coverage coverage; /* of the series that is covered best */
};

struct query_result {
	struct history_window window;
	struct query_group **groups; /* ordered by labels */
	u32 group_cnt;
	u32 omitted_cnt; /* series for which there were too many groups */
};

/* 0, -EAGAIN (nothing has been read yet) or -ENOMEM. Release the result in any case. */
int query_run(const struct query *q, const struct history *h, struct query_result *ret);
void query_release(struct query_result *r);

#endif
