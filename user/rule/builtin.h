/* SPDX-License-Identifier: BSD-3-Clause */
/* The built-in rules: builtin.yaml, whose text is part of the binary. */
#ifndef RULE_BUILTIN_H
#define RULE_BUILTIN_H

#include "conf/conf.h"

extern const char rule_builtin_start[], rule_builtin_end[];

/*
 * To be called once for a configuration that was read: adds the built-in rules to those of its files (conf/rules.h), and
 * checks all of them (rule/check.h). 0, or negative errno and `error` as of conf_load().
 */
int rules_complete(struct conf *c, struct buf *error);

#endif
