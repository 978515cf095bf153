/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by everything that writes JSON. */
#ifndef EXPO_JSON_H
#define EXPO_JSON_H

#include <jansson.h>

#include "lib/buf.h"

/* null if the value is not finite. */
json_t *json_number(double value);
/* Appends a document and frees it. NULL (out of memory) sets out->failed. */
void json_write(json_t *doc, struct buf *out);

#endif
