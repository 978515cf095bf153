/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of JSON. */
#ifndef ATTACH_VALUES_H
#define ATTACH_VALUES_H

#include <jansson.h>

#include "ends.h"
#include "types.h"

struct metric;

json_t *values_seconds(u64 ns);
json_t *values_integer(u64 n);
/* Any bytes, as text: what is no UTF-8 becomes U+FFFD. */
json_t *values_text(const char *bytes);
/* ... at most so many. */
json_t *values_text_n(const char *bytes, size_t max);
/* A moment of CLOCK_MONOTONIC as the time of day. */
json_t *values_time(u64 ns);
/* The labels that a metric has for this dimension, as far as they are shown. */
json_t *values_labels(const struct metric *m, u64 dim);

/* "10.0.0.1:5432", "[::1]:80"; "": none. */
void values_remote(const struct ends *e, char *text, size_t size);

#endif
