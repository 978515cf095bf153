/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys of baselines (rule/baseline.h) of the groups of a rule. Those of disks, which take some reading, are remembered for a minute. */
#ifndef RULE_BASELINE_KEYS_H
#define RULE_BASELINE_KEYS_H

#include "conf/rule.h"

struct baseline_keys;

/* `fingerprint`: of the group. `keys`: NULL at first. */
u64 baseline_keys_get(struct baseline_keys **keys, const struct rule_conf *r,
		      const char *const label[], u64 fingerprint, u64 now_ns);
void baseline_keys_free(struct baseline_keys *keys);

#endif
