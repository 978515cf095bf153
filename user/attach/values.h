/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of JSON. */
#ifndef ATTACH_VALUES_H
#define ATTACH_VALUES_H

#include <jansson.h>

#include "types.h"

json_t *values_seconds(u64 ns);
json_t *values_integer(u64 n);
/* Any bytes, as text: what is no UTF-8 becomes U+FFFD. */
json_t *values_text(const char *bytes);
/* ... at most so many. */
json_t *values_text_n(const char *bytes, size_t max);

#endif
