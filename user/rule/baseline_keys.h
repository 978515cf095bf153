/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys of baselines (rule/baseline.h) of the groups of a rule. */
#ifndef RULE_BASELINE_KEYS_H
#define RULE_BASELINE_KEYS_H

#include "conf/rule.h"

/*
 * The key of a group: a hash of what the rule measures (not of its name and thresholds) and the values of the labels in `by`.
 * Of a label `device` it has the identity of the disk as well, so that another disk does not inherit the baseline of one
 * that had its name before: size, serial number or WWID, the file behind a loop device. Reads some files of /sys for that: call it
 * when there is a new group, and each minute or so.
 */
u64 baseline_key(const struct rule_conf *r, const char *const label[]);

struct baseline_keys;

/* The same; those of disks are remembered for a minute. `fingerprint`: of the group. `keys`: NULL at first. */
u64 baseline_keys_get(struct baseline_keys **keys, const struct rule_conf *r,
		      const char *const label[], u64 fingerprint, u64 now_ns);
void baseline_keys_free(struct baseline_keys *keys);

#endif
