/* SPDX-License-Identifier: BSD-3-Clause */
/* One copy of each string, counted: equal strings are equal pointers. */
#ifndef METRIC_INTERN_H
#define METRIC_INTERN_H

#include "types.h"

struct intern_entry;

struct intern_table {
	struct intern_entry *entries;
};

/* The copy, NULL: there is none. */
const char *intern_find(const struct intern_table *t, const char *text);
/* The copy, made now if need be, and one reference to it; NULL when there is no memory. */
const char *intern_get(struct intern_table *t, const char *text, u64 now_ns);
/* Gives a reference back; with the last one the copy goes. NULL is fine. */
void intern_put(struct intern_table *t, const char *copy);
/* When the copy was made. */
u64 intern_born_ns(const char *copy);

#endif
