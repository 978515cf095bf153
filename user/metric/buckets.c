// SPDX-License-Identifier: BSD-3-Clause
#include "metric/buckets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US 1000ULL
#define MS (1000 * US)
#define S  (1000 * MS)

static const u64 sets[][16] = {
	/* each ends with 0 */
	[BUCKETS_SLO] = { 100 * US, 1 * MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
			  500 * MS, 1 * S, 2500 * MS, 5 * S, 10 * S },
	[BUCKETS_COARSE] = { 1 * MS, 10 * MS, 100 * MS, 1 * S },
	[BUCKETS_SLOW] = { 10 * MS, 100 * MS },
	[BUCKETS_LIFETIME] = { 100 * MS, 1 * S, 10 * S },
};

/* Appends a bucket that ends where this native one does. */
static void bucket_add(struct buckets *b, unsigned native)
{
	double bound = exp2(HIST_MIN_EXP + (double)native / HIST_SUB);
	struct bucket *at = &b->at[b->cnt];

	if (b->cnt == BUCKETS_MAX || (b->cnt && at[-1].end > native))
		return;
	b->cnt++;
	at->end = (u16)(native + 1);
	at->whole = bound == floor(bound);
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(at->le, sizeof(at->le), "%.*g", digits, bound);
		if (strtod(at->le, NULL) == bound)
			return;
	}
}

static unsigned native_nearest(u64 bound_ns)
{
	double at = (log2((double)bound_ns / 1e9) - HIST_MIN_EXP) * HIST_SUB;

	if (at < 0)
		return 0;
	return at < HIST_BUCKETS - 2 ? (unsigned)lround(at) : HIST_BUCKETS - 2;
}

void buckets_list(struct buckets *ret, const u64 *bound_ns, unsigned cnt)
{
	ret->cnt = 0;
	for (unsigned i = 0; i < cnt; i++)
		bucket_add(ret, native_nearest(bound_ns[i]));
}

void buckets_default(struct buckets *ret, enum bucket_set set)
{
	const u64 *bound_ns = sets[set];
	unsigned cnt = 0;

	while (bound_ns[cnt])
		cnt++;
	buckets_list(ret, bound_ns, cnt);
}

void buckets_fine(struct buckets *ret)
{
	ret->cnt = 0;
	for (unsigned native = 0; native < HIST_BUCKETS - 1; native += HIST_SUB)
		bucket_add(ret, native);
}
