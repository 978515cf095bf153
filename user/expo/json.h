/* SPDX-License-Identifier: BSD-3-Clause */
/* What all JSON of the API has in common. */
#ifndef EXPO_JSON_H
#define EXPO_JSON_H

#include <jansson.h>

#include "lib/buf.h"

/* null for what is no number. */
json_t *json_number(double value);
/* Appends the document and frees it. NULL, for want of memory, sets out->failed. */
void json_write(json_t *doc, struct buf *out);

#endif
