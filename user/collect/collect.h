/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the kernel's tables to the registry: names identities, adds up the stripes of each CPU and what
 * several identities of one service have counted, and gives numbers of the dead back for reuse.
 */
#ifndef COLLECT_COLLECT_H
#define COLLECT_COLLECT_H

#include "conf/conf.h"
#include "metric/registry.h"
#include "probe/probe.h"

struct collector;

/* Families of `runs` (the core's first) are added to the registry in their order. NULL: no memory. */
struct collector *collector_new(struct tables *tables, const struct conf *conf,
				struct registry *registry, struct probe_run *const *runs);
void collector_free(struct collector *c);

/* Reads every table: afterwards the registry's values are those of now. 0 or negative errno. */
int collector_read(struct collector *c);

/* Some times a second: names what is new, and reuses numbers when they get scarce. */
void collector_tick(struct collector *c, u64 now_ns);

/* What the kernel has counted for one identity in one dimension. */
struct slot {
	const char *service;
	u64 dim;
	u64 value;		 /* of a counter */
	const struct hist *hist; /* of a histogram, otherwise NULL */
};

/* Calls `each` for every slot of a metric in use; 0 or -ENOENT: there is none of this name. */
int collector_each(struct collector *c, const char *metric,
		   void (*each)(void *ctx, const struct slot *slot), void *ctx);
/* The service of an identity, NULL when it is no longer who it was. Valid until the next call. */
const char *collector_service(struct collector *c, u32 identity, u32 gen);

struct collector_stats {
	u32 services, identities, counters, hists; /* in use */
	u64 dropped[METRIC_MAX]; /* events that went to "other", by number of metric */
};
void collector_stats(const struct collector *c, struct collector_stats *ret);

#endif
