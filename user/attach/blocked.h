/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the tasks of an attachment wait, and who wakes them, as JSON. */
#ifndef ATTACH_BLOCKED_H
#define ATTACH_BLOCKED_H

#include <jansson.h>
#include <stdbool.h>

#include "types.h"

struct stacks;

/* Adds to the object; `stacks` NULL: it could not be opened, for this reason. With `last` it is of now. */
void blocked_add(json_t *doc, struct stacks *stacks, u32 watch, bool last, const char *error);

#endif
