/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Alerts as they outlive the daemon. Durations are kept as such, and times as what the clock said: neither the time without a
 * daemon nor a step of the clock counts.
 */
#ifndef RULE_STATE_H
#define RULE_STATE_H

#include "rule/alerts.h"

/* NULL: no memory. */
json_t *state_save(const struct alerts *t);
/* Adds the alerts whose rule is there, unless they fire already. Anything may be in the state: what is no alert is left out. */
void state_restore(struct alerts *t, const json_t *state, u64 now_ns);

#endif
