/* SPDX-License-Identifier: BSD-3-Clause */
/* A column of the history: by how much each series changed over one tick or several consecutive ones. */
#ifndef METRIC_COLUMN_H
#define METRIC_COLUMN_H

#include "metric/registry.h"
#include "metric/sparse.h"

/* Blocks of COLUMN_BUCKETS per histogram. */
#define HIST_BLOCKS ((HIST_BUCKETS + SPARSE_BLOCK - 1) / SPARSE_BLOCK)

enum column_vector {
	COLUMN_COUNTERS, /* indexed by id, like all but the last */
	COLUMN_GAUGES,
	COLUMN_GAUGE_MEANS,  /* mean over time minus the value at the end */
	COLUMN_GAUGE_MAXIMA, /* maximum minus the value at the end */
	COLUMN_SUMS,	     /* of histograms, ns */
	COLUMN_BUCKETS,	     /* HIST_BLOCKS blocks per id */
	COLUMN_VECTORS,
};

struct column_span {
	u64 begin_ns, end_ns;
	u32 first_tick, last_tick;
	u64 lost; /* bits of sources that lost events */
};

struct column {
	struct column_span span;
	size_t bytes; /* of the allocation */
	struct sparse vectors[COLUMN_VECTORS];
	u64 memory[];
};

struct column_writer {
	struct sparse_writer vectors[COLUMN_VECTORS];
};

void column_writer_reset(struct column_writer *w);
void column_writer_release(struct column_writer *w);
size_t column_writer_bytes(const struct column_writer *w);
/*
 * Makes a column from the writer. NULL when out of memory, now or earlier in the writer. Columns of all sizes come and go as
 * long as the daemon runs, so each is a mapping of its own: they do not fragment the heap.
 */
struct column *column_new(const struct column_writer *w, const struct column_span *span);
void column_free(struct column *c);

/*
 * Merges two consecutive columns and drops what belongs to earlier owners of ids. Overwrites the writer. NULL without
 * memory.
 */
struct column *column_merge(const struct column *older, const struct column *newer,
			    const struct registry *r, struct column_writer *w);

/* For how long of the column a series existed that was created in tick `born`; merged ticks count as equally long. */
static inline u64 column_lifetime_ns(const struct column_span *c, u32 born)
{
	u64 ns = c->end_ns - c->begin_ns;

	if (born <= c->first_tick)
		return ns;
	if (born > c->last_tick)
		return 0;
	return (u64)((double)ns * (c->last_tick - born + 1) / (c->last_tick - c->first_tick + 1));
}

#endif
