/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identities that the kernel side has just made: looks their containers up before a runtime deletes what it knows of them, so
 * that they have a name whenever they are named.
 */
#ifndef COLLECT_ARRIVALS_H
#define COLLECT_ARRIVALS_H

#include "collect/identities.h"

struct arrivals;

/* NULL: no memory, or no such table; containers are then looked up when they are named. */
struct arrivals *arrivals_new(struct identities *identities);
void arrivals_free(struct arrivals *a);
/* Readable when there are some. */
int arrivals_fd(const struct arrivals *a);
void arrivals_read(struct arrivals *a, u64 now_ns);

#endif
