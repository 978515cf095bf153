/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts about an alert: values with their units, summaries and annotations. */
#ifndef RULE_TEXT_H
#define RULE_TEXT_H

#include "lib/buf.h"
#include "rule/alert.h"

enum quantity { QUANTITY_PLAIN, QUANTITY_PERCENT, QUANTITY_SECONDS, QUANTITY_BYTES };
/* A number of this kind in base units, to two digits; of a ratio, in percent. Infinite or NAN: "unknown". */
void quantity_write(struct buf *out, enum quantity q, double value);

/* "84 ms", "3.1 MB/s", "4.2 %", "118/s": a value of this rule, to two digits. NAN: "unknown". */
void value_write(struct buf *out, const struct rule_conf *rule, double value);
/*
 * Writes a template (conf/template.h): {{LABEL}} of the rule's `by`, {{value}}, {{baseline}} and {{threshold}}; what has
 * another name stays as it is.
 */
void text_write(struct buf *out, const char *text, const struct alert *a);
/* The rule's own summary, or one made from the rest: "SlowDisk: sdb, read: 84 ms, usually 0.4 ms". */
void summary_write(struct buf *out, const struct alert *a);

#endif
