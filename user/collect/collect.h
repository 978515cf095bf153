/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the kernel's tables to the registry: one reading of all of them, shared by everybody who wants values. Names
 * identities, adds up CPUs and the identities of a service, and gives numbers of the dead back for reuse.
 */
#ifndef COLLECT_COLLECT_H
#define COLLECT_COLLECT_H

#include "conf/conf.h"
#include "lib/worker.h"
#include "metric/registry.h"
#include "probe/probe.h"

struct collector;
struct inside_tls;
struct watched;

/*
 * A collector of the families of `runs`, which ends with NULL and may grow; none is added yet. The worker looks up names
 * of containers; NULL: that is done at once. The other one does what takes long, or nobody. Both must end before the
 * collector. NULL: no memory.
 */
struct collector *collector_new(struct tables *tables, const struct conf *conf,
				struct registry *registry, struct probe_run *const *runs,
				struct worker *worker, struct worker *slow_worker);
void collector_free(struct collector *c);
/*
 * The family runs: its metrics are in the registry from now on. What may lose events of them (see struct family) is the
 * family, by its place among the runs. -ENOMEM.
 */
int collector_family_add(struct collector *c, const struct probe_run *run);

/* Reads every table: afterwards the registry's values are those of now, CLOCK_MONOTONIC. 0 or negative errno. */
int collector_read(struct collector *c, u64 now_ns);
/* The same, unless the values are no older than `age_ns`: then what the last reading returned. */
int collector_read_older(struct collector *c, u64 now_ns, u64 age_ns);
/* When the last reading was, 0: there was none. */
u64 collector_read_ns(const struct collector *c);

/* Readable when collector_arrivals() has something to do, which should be soon (collect/arrivals.h); -1: never. */
int collector_arrivals_fd(const struct collector *c);
void collector_arrivals(struct collector *c, u64 now_ns);

/* Some times a second: reuses numbers that get scarce, forgets services that are gone. */
void collector_tick(struct collector *c, u64 now_ns);

/* Takes new rules and limits over; what is counted from now on is counted for the services that they name. */
void collector_reconfigure(struct collector *c, const struct conf *conf, u64 now_ns);

/*
 * The name of an identity's service, "unknown" where it is another one than at this generation by now. NULL: it is being looked
 * up, ask again later.
 */
const char *collector_service(struct collector *c, u32 identity, u32 gen);

/* What gave the service its name, in a word; of one that has gone "other". */
const char *collector_kind(const struct collector *c, const char *service);

/* What was counted for tasks that somebody watches (collect/watched.h). */
struct watched *collector_watched(struct collector *c);

/* Which libraries are looked into (collect/inside_tls.h). */
struct inside_tls *collector_inside_tls(struct collector *c);

/* Each live process that is known, with the name of its service and its proportional memory; a new one is within a minute. */
void collector_processes(struct collector *c,
			 void (*each)(void *ctx, const char *service, int pid, u64 bytes),
			 void *ctx);

/* The values of the last reading are exposed: what services that are gone had done is known. */
void collector_exposed(struct collector *c);

struct collector_stats {
	u32 services, identities, counters, hists, cells; /* in use */
	/* By number of metric: events that were counted as "other" since a limit was reached. */
	u64 dropped[METRIC_MAX];
};
void collector_stats(const struct collector *c, struct collector_stats *ret);

#endif
