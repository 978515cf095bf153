/* SPDX-License-Identifier: BSD-3-Clause */
/* What a rule says of a group of series: is its condition true, false, or do the data not tell? */
#ifndef RULE_VALUE_H
#define RULE_VALUE_H

#include "rule/amount.h"
#include "rule/baseline.h"

/*
 * `key`: the group's, see baseline.h. What the rule's baseline learns from is in `learn`,
 * valid as long as the data; length_ns 0: nothing.
 */
void value_judge(const struct rule_context *c, u64 key, struct verdict *ret,
		 struct baseline_window *learn);
/* A group that is not there (any more): unknown as long as it may just not have been seen yet, false then. */
void value_judge_gone(const struct rule_context *c, struct verdict *ret);

#endif
