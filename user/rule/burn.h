/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Burn rates: the part of requests that fail, against the part that may (the error budget of an objective), over a long window
 * and a short one: a page when much of the budget is gone and it is still going.
 *
 * Where requests are few one that fails is a large part of them. So BURN_ALLOWANCE errors never count in the long window, and
 * where that has fewer than `min_events` requests the last day takes its place, and the shortest window with more than
 * BURN_ALLOWANCE requests that of the short one: one error in a night is no page, days of them are.
 */
#ifndef RULE_BURN_H
#define RULE_BURN_H

#include "rule/amount.h"

#define BURN_ALLOWANCE 3

void burn_judge(const struct rule_context *c, struct verdict *ret);

#endif
