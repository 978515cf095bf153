/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conditions of rules in the language of Prometheus, over the metrics that it scrapes. What it cannot say as well is approximated:
 * a baseline is the hour before, and a percentile is as exact as the exposed buckets.
 */
#ifndef RULE_PROMQL_H
#define RULE_PROMQL_H

#include "conf/rule.h"
#include "lib/buf.h"
#include "metric/registry.h"

/* The row of a metric; NULL: there is none of this name. */
typedef const struct metric *(*promql_find)(const char *name);

/*
 * The condition of a rule, without `for`: an expression on one or several lines. -ENOENT: there is no such metric; -ENOTSUP: it
 * has no such value in Prometheus. What was written then is of no use.
 */
int promql_expr(const struct rule_conf *r, promql_find find, struct buf *out);
/* 10s, 1m; in whole milliseconds, rounded up */
void promql_duration(u64 ns, struct buf *out);
/* A string, or a scalar of YAML: what is escaped is in both. Bytes that are no UTF-8 become U+FFFD. */
void promql_quote(const char *text, struct buf *out);

#endif
