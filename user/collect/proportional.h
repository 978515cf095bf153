/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proportional memory: pages that processes share are divided by how many share them. The kernel adds it up over all
 * mappings of a process for whoever asks, which costs; so the worker asks for a few processes at a time, and rests a
 * hundred times as long as the answers took.
 */
#ifndef COLLECT_PROPORTIONAL_H
#define COLLECT_PROPORTIONAL_H

#include "collect/families.h"
#include "lib/worker.h"

struct proportional;

/* NULL: no memory. Without a worker nothing is asked. The worker must end before it is released. */
struct proportional *proportional_new(struct families *families, struct worker *worker);
void proportional_free(struct proportional *p);
/* Some times a second: asks for the next process when it is time. */
void proportional_tick(struct proportional *p, u64 now_ns);
/* Each live process that is known, with the name of its service and its memory. A new one is after some time. */
void proportional_each(struct proportional *p,
		       void (*each)(void *ctx, const char *service, int pid, u64 bytes), void *ctx);
/* Sets the series of services whose processes are alive. */
void proportional_read(struct proportional *p);

#endif
