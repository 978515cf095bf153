/* SPDX-License-Identifier: BSD-3-Clause */
/* Do the metrics and labels of rules exist, and do values and units fit to them? */
#ifndef RULE_CHECK_H
#define RULE_CHECK_H

#include "conf/conf.h"
#include "metric/registry.h"

/* The row of a metric, also of one whose probe does not run. NULL: there is none of this name. */
const struct metric *rule_metric(const char *name);

/* 0; -EINVAL with "FILE:LINE: what is wrong" in `error`. Families may be off or fail: that is no error. */
int rules_check(const struct conf *c, struct buf *error);

#endif
