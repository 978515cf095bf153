/* SPDX-License-Identifier: BSD-3-Clause */
/* Label values: any bytes made fit for every output, and how they stand in the text formats. */
#ifndef METRIC_LABEL_H
#define METRIC_LABEL_H

#include "lib/buf.h"

#define LABEL_VALUE_SIZE 256

/*
 * Copies the value, which may be any bytes: each one that is no part of valid UTF-8 becomes U+FFFD, and what
 * does not fit is cut off between characters.
 */
void label_clean(char ret[LABEL_VALUE_SIZE], const char *value);
/* Appends name="value", escaped, after a comma unless b is empty. The value must be clean. */
void label_add(struct buf *b, const char *name, const char *value);

#endif
