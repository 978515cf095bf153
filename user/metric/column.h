/* SPDX-License-Identifier: BSD-3-Clause */
/* Columns of the history: what each series has changed by over some ticks that follow each other. */
#ifndef METRIC_COLUMN_H
#define METRIC_COLUMN_H

#include "metric/registry.h"
#include "metric/sparse.h"

/* A histogram has as many blocks of elements in COLUMN_BUCKETS. */
#define HIST_BLOCKS ((HIST_BUCKETS + SPARSE_BLOCK - 1) / SPARSE_BLOCK)

enum column_vector {
	COLUMN_COUNTERS, /* by id, as all but the last */
	COLUMN_GAUGES,
	COLUMN_GAUGE_MEANS,  /* how far the mean over time is above the value at the end */
	COLUMN_GAUGE_MAXIMA, /* ... and the maximum */
	COLUMN_SUMS,	     /* of histograms, ns */
	COLUMN_BUCKETS,	     /* HIST_BLOCKS blocks an id */
	COLUMN_VECTORS,
};

struct column_span {
	u64 begin_ns, end_ns;
	u32 first_tick, last_tick;
	u64 lost; /* sources that have lost events */
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
 * From what has been put into the writer. NULL: no memory, now or when it was written. Columns come and go for ever, in
 * all sizes: each is a mapping of its own, so that they leave no holes in the heap.
 */
struct column *column_new(const struct column_writer *w, const struct column_span *span);
void column_free(struct column *c);

/*
 * What two columns, one following the other, are together, without what belonged to earlier owners of an id. The
 * writer is made use of.
 */
struct column *column_merge(const struct column *older, const struct column *newer,
			    const struct registry *r, struct column_writer *w);

/* How long a series born in this tick was there in the column; part of a merged one by ticks. */
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
