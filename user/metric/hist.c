// SPDX-License-Identifier: BSD-3-Clause
#include "metric/hist.h"

#include <math.h>
#include <stdlib.h>

u64 hist_count(const struct hist *h)
{
	u64 sum = 0;

	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		sum += h->bucket[i];
	return sum;
}

void hist_add(struct hist *h, const struct hist *more)
{
	h->sum_ns += more->sum_ns;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		h->bucket[i] += more->bucket[i];
}

void hist_subtract(struct hist *h, const struct hist *less)
{
	h->sum_ns -= less->sum_ns;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		h->bucket[i] -= less->bucket[i];
}

void hist_halve(struct hist *h)
{
	h->sum_ns /= 2;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		h->bucket[i] = (h->bucket[i] + (h->bucket[i] & (u64)random() & 1)) / 2;
}

/* The value below which a part of what is in a bucket lies, if it lies evenly on the scale that buckets have. */
static double bucket_value(unsigned i, double part)
{
	if (i == 0)
		return part * exp2(HIST_MIN_EXP);
	if (i == HIST_BUCKETS - 1)
		return exp2(HIST_MAX_EXP);
	return exp2(HIST_MIN_EXP + (i - 1 + part) / HIST_SUB);
}

double hist_quantile(const struct hist *h, double q)
{
	return hist_quantile_of(h, hist_count(h), q);
}

double hist_quantile_of(const struct hist *h, u64 total, double q)
{
	double rank = q * (double)total;
	u64 sum = 0;

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		u64 cnt = h->bucket[i];

		if (cnt && (double)(sum + cnt) >= rank)
			return bucket_value(i, (rank - (double)sum) / (double)cnt);
		sum += cnt;
	}
	return NAN;
}
