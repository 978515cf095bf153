/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is usual for a group of series that a rule judges, by load: a disk is slow when it is slow for this rate and this size of
 * requests.
 *
 * A baseline learns the windows that the rule judges, as far as they do not overlap: their value (the p99, say), so that it knows
 * how much that value varies when nothing is wrong, and the distribution behind it. It keeps both by load class, steps of
 * log2 in events per second and in size per event. What is usual at a load is what is usual in its class, or else in the nearest
 * known class of higher load: a client that waits for a slow disk also asks for less, and latency does not fall with load.
 * Above every load that it has seen a baseline knows nothing.
 *
 * Warm-up: a load is known after BASELINE_WARM_UP windows of it and of higher loads. Before, nothing is usual: silence.
 *
 * It does not learn from faults: after the warm-up windows are held back for BASELINE_HOLD times their length, longer while the
 * alert is pending, and dropped if it fires. Slow changes that do not fire are learned, but beginning with the second day the usual
 * value of a class grows by at most BASELINE_GROWTH a day; it falls without limit. A change that is there to stay is accepted when
 * the alert has fired for BASELINE_ACCEPT_NS without a pause: the baseline is forgotten and learned anew.
 *
 * All times are CLOCK_MONOTONIC; no clock step matters. Time without the daemon counts for nothing.
 */
#ifndef RULE_BASELINE_H
#define RULE_BASELINE_H

#include <stddef.h>

#include "conf/rule.h"
#include "lib/buf.h"
#include "metric/hist.h"

#define BASELINE_WARM_UP   8
#define BASELINE_SEEN	   24 /* windows, before a load counts as one that was never seen */
#define BASELINE_HOLD	   4
#define BASELINE_GROWTH	   1.2
#define BASELINE_ACCEPT_NS (72ULL * 3600 * 1000000000)

struct baselines;
/* Uses at most `max_bytes`: the baseline that has not learned for longest goes first. NULL without memory. */
struct baselines *baselines_new(size_t max_bytes);
void baselines_free(struct baselines *b);
/* Memory that it uses. */
size_t baselines_bytes(const struct baselines *b);

/* Events per second, and what the rule's `load` has per event. 0: that is no load (a rule that judges the rate itself). */
struct load {
	double rate, size;
};

/* What a rule judges at a tick. */
struct baseline_window {
	struct load load;
	double value;		 /* in base units, not negative */
	const struct hist *hist; /* what the value was made of; NULL: no histogram */
	u64 length_ns;
};

/*
 * At every tick in which the data are complete and there are `min_events`: either learns, unless the alert fires, or rejects
 * what was held back, if it does. baseline_reject() returns true when the change has been accepted, so that nothing is usual any
 * more: the alert ends.
 */
void baseline_learn(struct baselines *b, u64 key, const struct baseline_window *w, bool pending,
		    u64 now_ns);
bool baseline_reject(struct baselines *b, u64 key, u64 now_ns);
void baseline_forget(struct baselines *b, u64 key);

struct baseline_usual {
	double value;	  /* the median of the windows */
	double high;	  /* what nearly none of them exceeds */
	double allowance; /* >= 1, grows with the distance to the class that it was taken from */
};

/* False: not known, there is no verdict. */
bool baseline_usual(const struct baselines *b, u64 key, const struct load *load,
		    struct baseline_usual *ret);
/*
 * At a load above all that were seen: what was usual at the highest of these. False: it is not above them, or they are not known well
 * enough.
 */
bool baseline_highest(const struct baselines *b, u64 key, const struct load *load,
		      struct baseline_usual *ret);
/*
 * What a value must exceed to be `factor` times the usual one. Values that vary much when nothing is wrong must also exceed
 * those variations.
 */
double baseline_threshold(const struct baseline_usual *u, double factor);

/* The distribution in that class, of so many seconds; for evidence. False: not known, or the value was no histogram's. */
bool baseline_hist(const struct baselines *b, u64 key, const struct load *load, struct hist *ret,
		   double *ret_seconds);

/* For a state file: versioned, with a checksum. What does not fit, or is damaged, is thrown away: -EINVAL, nothing changes. */
void baselines_save(const struct baselines *b, struct buf *out);
int baselines_load(struct baselines *b, const void *data, size_t len);

/* What they begin with. */
struct baselines_header {
	u64 magic;
	u32 version, crc; /* CRC-32 of what follows */
	u64 len;
};

#endif
