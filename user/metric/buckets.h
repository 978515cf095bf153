/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classic buckets of histograms: each is the sum of whole native ones, so that both tell the same. Few are exposed, since
 * each costs a line for each histogram.
 */
#ifndef METRIC_BUCKETS_H
#define METRIC_BUCKETS_H

#include <stdbool.h>

#include "types.h"

#define BUCKETS_MAX 32
#define BUCKET_LE   26

/* Which buckets a metric has by default. */
enum bucket_set {
	BUCKETS_SLO,	/* dense where people have objectives and alert, from 1 ms to 10 s */
	BUCKETS_COARSE, /* a power of ten each: enough to see where time goes */
	BUCKETS_SLOW, /* for histograms of which each service has many: what is slow, and very slow */
	BUCKETS_LIFETIME,
	BUCKET_SETS,
};

struct bucket {
	u16 end;	    /* index of the native bucket that begins at its upper bound */
	bool whole;	    /* the bound is a whole number of seconds */
	char le[BUCKET_LE]; /* the bound in seconds, in the fewest digits that give the same double again */
};

struct buckets {
	unsigned cnt; /* without that of everything, +Inf */
	struct bucket at[BUCKETS_MAX];
};

/* The samples of a histogram: buckets, +Inf, sum and count. */
static inline u32 buckets_samples(const struct buckets *b)
{
	return b->cnt + 3;
}

/*
 * Buckets that end at the bounds of native ones nearest to these increasing ones, at most BUCKETS_MAX; those with the same
 * nearest one are one.
 */
void buckets_list(struct buckets *ret, const u64 *bound_ns, unsigned cnt);
void buckets_default(struct buckets *ret, enum bucket_set set);
/* Every power of two of a second. */
void buckets_fine(struct buckets *ret);

/* What HELP says of every histogram. */
#define BUCKETS_HELP \
	" Classic buckets are those of `buckets` in the configuration, each the sum of whole native ones."

#endif
