/* SPDX-License-Identifier: BSD-3-Clause */
/* Interned strings, with reference counts: equal strings have equal pointers. */
#ifndef METRIC_INTERN_H
#define METRIC_INTERN_H

#include "types.h"

struct intern_entry;

struct intern_table {
	struct intern_entry *entries;
};

/* Returns the interned copy, or NULL if there is none. */
const char *intern_find(const struct intern_table *t, const char *text);
/* Takes a reference to the interned copy, which is made if needed; NULL when out of memory. */
const char *intern_get(struct intern_table *t, const char *text, u64 now_ns);
/* Drops a reference; the last one frees the copy. NULL is allowed. */
void intern_put(struct intern_table *t, const char *copy);
/* When the copy was made. */
u64 intern_born_ns(const char *copy);

#endif
