/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of the registry at the last tick of the history, and the difference to the present ones. */
#ifndef METRIC_SNAPSHOT_H
#define METRIC_SNAPSHOT_H

#include "metric/column.h"

#define OCTAVE	8 /* buckets that are kept together */
#define OCTAVES ((HIST_BUCKETS + OCTAVE - 1) / OCTAVE)

/* Most buckets of a histogram stay 0 for ever, so only octaves that have counted are stored. */
struct hist_snapshot {
	u64 sum_ns;
	u32 octave[OCTAVES]; /* ids in snapshot.octaves; item 0 is all zeros */
};

/* All zeros is the snapshot of an empty registry. */
struct snapshot {
	s64 *values[METRIC_KINDS]; /* counters and gauges, by id */
	struct hist_snapshot *hists;
	u32 cnt[METRIC_KINDS]; /* capacity in ids */
	struct slab octaves;   /* u64[OCTAVE] */
};

void snapshot_release(struct snapshot *s);
size_t snapshot_bytes(const struct snapshot *s);
/*
 * Writes how far the registry is from the snapshot. A series that was removed has fallen to 0, which nobody will ask
 * for. 0 or -ENOMEM: then it may be tried again. */
int snapshot_diff(struct snapshot *s, const struct registry *r, struct column_writer *w);
/* Takes the values over, after a snapshot_diff() of which the column was made and before any other change. */
void snapshot_update(struct snapshot *s, const struct registry *r, const struct column *c);

s64 snapshot_value(const struct snapshot *s, enum metric_kind kind, u32 id);
u64 snapshot_hist_sum(const struct snapshot *s, u32 id);
/*
 * Writes how far the buckets of a histogram are from the snapshot, where they are, and adds those to the masks `changed`, one for
 * each block of buckets.
 */
void snapshot_hist_diff(const struct snapshot *s, u32 id, const struct hist *now, s64 *diff,
			u64 *changed);

#endif
