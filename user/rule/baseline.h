/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is usual: for each rule with a baseline and each group of its series, distributions by load. A disk is slow when it is slow
 * for this rate and this size of requests. What is usual at a load is what was seen at this load or at the nearest higher one
 * (latency does not fall when load grows); above any load ever seen nothing is known, and the answer is "unknown".
 */
#ifndef RULE_BASELINE_H
#define RULE_BASELINE_H

#include <stddef.h>

#include "metric/hist.h"
#include "types.h"

struct baselines;
struct baselines *baselines_new(size_t max_bytes);
void baselines_free(struct baselines *b);

/* Load in two dimensions: events per second, and whatever else the rule names, by event (0: nothing). */
struct load {
	double rate, size;
};

/* `key`: a stable hash of rule and label values. Learns what one tick had; `seconds` is its length. */
void baseline_learn(struct baselines *b, u64 key, const struct load *load, const struct hist *hist,
		    double value, double seconds, u64 now_ns);
/* The usual value of a quantile (or mean: quantile < 0) at this load; false: not known (warm-up, or a load never seen). */
bool baseline_usual(const struct baselines *b, u64 key, const struct load *load, double quantile,
		    double *ret);
/* The distribution itself, for evidence; same condition. */
bool baseline_hist(const struct baselines *b, u64 key, const struct load *load, struct hist *ret,
		   double *seconds);

/* Versioned, checksummed bytes of a state file; a file that does not fit is thrown away: -EINVAL and nothing changes. */
struct buf;
void baselines_save(const struct baselines *b, u64 now_ns, s64 wall_ns, struct buf *out);
int baselines_load(struct baselines *b, const void *data, size_t len, u64 now_ns, s64 wall_ns);

#endif
