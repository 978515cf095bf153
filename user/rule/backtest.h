/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What rules would have said of the past: an engine of its own goes through the columns of the history, from the oldest on, with
 * baselines that it learns on the way. Older columns are longer (1, 5, 30 minutes): windows are as long as they are at least, so
 * what is short is not seen there. Of series that are gone nothing is known.
 */
#ifndef RULE_BACKTEST_H
#define RULE_BACKTEST_H

#include "metric/history.h"
#include "rule/alert.h"

/* More are counted only. */
#define BACKTEST_FIRINGS 1000

struct backtest;

struct backtest_firing {
	u64 fingerprint;
	u64 begin_ns, end_ns; /* CLOCK_MONOTONIC; end 0: it does until now */
	char *summary;	      /* as it was when it began */
};

struct backtest_rule {
	const struct rule_conf *rule;
	struct backtest_firing *firings;
	u32 firing_cnt, omitted_cnt;
	/* Of all groups of series in all steps, and those of which the history does not tell. */
	u64 evaluated_cnt, unknown_cnt;
	const char *why; /* one of the reasons */
};

/* A part of the time in which the steps are as long. */
struct backtest_part {
	u64 begin_ns, step_ns;
};

/*
 * Of rules, which must outlive it, since then (CLOCK_MONOTONIC) or as far back as the history goes. The history must not change
 * within a call, but may between calls. NULL: no memory.
 */
struct backtest *backtest_new(const struct registry *r, struct history *h,
			      const struct rule_conf *const rules[], unsigned cnt, u64 since_ns);
void backtest_free(struct backtest *b);
/* Goes on for about so long. 0: it is at the end, 1: not yet, or -ENOMEM. */
int backtest_run(struct backtest *b, u64 budget_ns);

struct backtest_result {
	u64 begin_ns, end_ns; /* of what it has gone through so far; equal: nothing */
	const struct backtest_part *parts;
	unsigned part_cnt;
	const struct backtest_rule *rules;
	unsigned rule_cnt;
};
void backtest_result(const struct backtest *b, struct backtest_result *ret);

#endif
