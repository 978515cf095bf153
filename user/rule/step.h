/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state machine of an alert. Time is what was observed: elapsed time of which nothing is known, because the daemon did not
 * run or the data do not tell, neither lets an alert fire nor resolve. No clock is read.
 */
#ifndef RULE_STEP_H
#define RULE_STEP_H

#include "rule/alert.h"
#include "rule/amount.h"

/* How long a resolved alert is remembered. */
#define STEP_RESOLVED_NS (15 * 60 * 1000000000ULL)

/* All zeros at the beginning. */
struct step {
	enum alert_state state;
	enum verdict_is last;
	/* For how long the condition has been true while pending, not true while firing, and the alert resolved. */
	u64 true_ns, false_ns, resolved_ns;
};

/* What the rule says now, and how long after it said so last. `slack_ns`: by which ticks may come early or late. */
void step_next(struct step *s, const struct rule_conf *r, enum verdict_is v, u64 elapsed_ns,
	       u64 slack_ns);
/* Resolves it at once. */
void step_end(struct step *s);

#endif
