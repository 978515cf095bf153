/* SPDX-License-Identifier: BSD-3-Clause */
/* Renders label sets as they stand in the text formats, without braces: service="nginx",syscall="read". */
#ifndef METRIC_LABEL_H
#define METRIC_LABEL_H

#include "lib/buf.h"

/* A label's value is cut at the last character that ends within this many bytes, counted before escaping. */
#define LABEL_VALUE_MAX 255

/*
 * Appends name="value", after a comma unless b is empty. The value may be any bytes: each one that is no
 * part of valid UTF-8 becomes U+FFFD. The name must be a legal label name.
 */
void label_add(struct buf *b, const char *name, const char *value);

#endif
