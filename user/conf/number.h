/* SPDX-License-Identifier: BSD-3-Clause */
/* Decimal numbers with units, as thresholds of rules are written. */
#ifndef CONF_NUMBER_H
#define CONF_NUMBER_H

#include <stdbool.h>

#include "lib/buf.h"

/* What a threshold was written in; the metric has to have the same. Per second too, where the value is a rate. */
enum rule_unit { RULE_PLAIN, RULE_PERCENT, RULE_SECONDS, RULE_BYTES };

/*
 * 12 or 1.5, without sign and exponent, with up to 12 digits behind the point; *end is behind it all. False: the text does
 * not begin with one.
 */
bool decimal_parse(const char *text, double *ret, const char **end);
void decimal_write(double value, struct buf *out);
/* 0.5, 10%, 50ms, 64MiB, as a ratio, seconds or bytes. False: it is no such number. */
bool number_parse(const char *text, double *ret, enum rule_unit *unit);
/* In the largest unit of its kind that leaves no fraction. */
void number_write(double value, enum rule_unit unit, struct buf *out);

#endif
