/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel side tells at once (struct arrival): containers are looked up before their runtime deletes what it knows of
 * them, so that their names are known whenever identities are named.
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
