/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `seismo top` shows of a service, as rows: where a value comes from (sources), what is made of it (columns), and how much
 * it hurts (hurts). The daemon measures by them, the table has its columns from them, and the help its words.
 */
#ifndef TOP_COLUMNS_H
#define TOP_COLUMNS_H

#include <stdbool.h>

/* A label that has to match a pattern (conf/pattern.h); its value is "" where it is absent. */
struct top_where {
	const char *label, *pattern;
};
#define TOP_WHERE 2

/* Series of a metric, of each service. */
struct top_source {
	const char *metric;
	struct top_where where[TOP_WHERE];
};

enum top_value {
	TOP_RATE, /* increase of a counter, or events of a histogram, by second */
	TOP_SUM,  /* of a histogram's values, by second */
	TOP_P50,  /* of a histogram */
	TOP_P99,
	TOP_LAST,   /* of a gauge, at the end of the window */
	TOP_EXCESS, /* of a histogram: what its events took beyond what is usual, by second */
};

enum top_unit {
	TOP_UNIT_SHARE, /* of a second: 1 is 100 % */
	TOP_UNIT_PER_SECOND,
	TOP_UNIT_SECONDS,
	TOP_UNIT_BYTES,
	TOP_UNIT_BYTES_PER_SECOND,
	TOP_UNIT_COUNT,
};

#define TOP_SOURCES 5
struct top_column {
	const char *key; /* in JSON, with its unit */
	const char *title, *help;
	enum top_unit unit;
	enum top_value value;
	unsigned
		priority; /* in a narrow terminal those with lower numbers stay; 0: it is not in the table */
	bool largest; /* of the sources, rather than their sum; the same of services together */
	bool always;  /* who has none of it has 0 */
	bool present; /* 0 means that there is none */
	bool apart;   /* says nothing about several services together */
	const struct top_source *of[TOP_SOURCES]; /* ends with NULL */
};

enum top_column_id {
	TOP_CPU,
	TOP_THROTTLED,
	TOP_CPU_WAIT,
	TOP_IN_RATE,
	TOP_IN_P99,
	TOP_IN_ERRORS,
	TOP_OLDEST,
	TOP_OUT_RATE,
	TOP_OUT_P99,
	TOP_OUT_ERRORS,
	TOP_DISK_RATE,
	TOP_DISK_P99,
	TOP_DISK_BYTES,
	TOP_RTT,
	TOP_MEMORY,
	TOP_PRESSURE,
	TOP_KILLED,
	TOP_PROCESSES,
	TOP_SLOWER,
	TOP_IN_OLDEST,
	TOP_DISK_OLDEST,
	TOP_BLOCKED,
	TOP_STOPPED,
	TOP_COLUMNS
};
extern const struct top_column top_columns[TOP_COLUMNS];

/* What hurts: points that grow with a column up to `full`, where they are `points`. */
struct top_hurt {
	const char *name, *help;
	enum top_column_id of;
	bool share; /* of `whole` and this together */
	enum top_column_id whole;
	double full, points;
};
#define TOP_HURTS 11
extern const struct top_hurt top_hurts[TOP_HURTS];

/* Points of an alert that fires, by its severity. */
#define TOP_POINTS_PAGE	   100
#define TOP_POINTS_WARNING 50

#endif
