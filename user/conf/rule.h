/* SPDX-License-Identifier: BSD-3-Clause */
/* How rules are loaded, written and compared. */
#ifndef CONF_RULE_H
#define CONF_RULE_H

#include "conf/rule_conf.h"

extern const char *const rule_severities[]; /* "page", ...; ends with NULL */
/* The keys of a rule. */
extern const struct field rule_fields[];
/* With the defaults, NULL: out of memory. */
struct rule_conf *rule_new(void);
void rule_free(struct rule_conf *r);
/* The rule as one line of YAML, `{ metric: ..., by: [ ... ], ... }`, without its name and without what is by default. */
void rule_write(const struct rule_conf *r, struct buf *out);
/*
 * Are their alerts the same ones: the same value of the same groups of series? Thresholds, times and texts do not matter.
 */
bool rule_same(const struct rule_conf *a, const struct rule_conf *b);

#endif
