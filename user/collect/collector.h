/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the collector share; nobody else includes it. */
#ifndef COLLECT_COLLECTOR_H
#define COLLECT_COLLECTOR_H

#include <uthash.h>

#include "collect/collect.h"
#include "service/cgroup.h"

struct service {
	char *name;
	u64 alive_ns;
	UT_hash_handle hh;
};

/* What a series had counted in slots that are gone, beside what is in slots now. */
struct tally {
	struct series *series;
	struct family *family;
	struct service *service; /* NULL: the metric has none */
	s64 base;
	s64 shown_max; /* the highest value shown so far; for counters with an unflushed part */
	struct hist *hist_base;
	UT_hash_handle hh;
};

/* A cgroup that is a service. */
struct service_cgroup {
	struct service *service;
	bool below; /* another one of the same service, which has its memory too */
	struct cgroup_stats last;
	UT_hash_handle hh;
	char path[];
};

/* One of the two pools of slots. */
struct pool {
	enum table_pool kind;
	struct series_key *owners;
	struct tally **tallies;
	u32 size, top; /* no slot from top on is in use */
};

struct collector {
	struct tables *tables;
	const struct conf *conf;
	struct registry *registry;
	struct probe_run *const *runs;
	struct family *families[METRIC_MAX];
	u64 dropped[METRIC_MAX];
	struct service *services, *other;
	u32 service_cnt, tally_cnt;
	struct tally *tallies;
	struct tally ignored; /* takes counts that are not to be shown */
	struct service **identities;
	u8 *idle;
	bool *dying;
	struct pool counters, hists;
	u64 task_scan_ns, forget_ns;
	struct cgroup_mounts mounts;
	struct service_cgroup *cgroups;
};

/* Whose identity it is, "other" when there is no room for one more service. */
struct service *identity_service(struct collector *c, u32 identity);
/* The series with these labels, or NULL: no memory. */
struct tally *tally_get(struct collector *c, struct family *f, struct service *s, u64 dim);
/* Adds what the slot has counted. */
void slot_add(struct collector *c, const struct pool *p, u32 slot, struct tally *t);

/* Scans the live tasks, core first, then the families: fills the table of totals. 0 or negative errno. */
int task_scan(struct collector *c);
/*
 * Counters with an unflushed part (see struct metric), in four steps: their slots are read, the tasks are scanned,
 * what it found is added, and, when all slots have been read anew, no value is shown that is lower than before.
 */
void unflushed_read(struct collector *c);
void unflushed_add(struct collector *c);
void clamp_monotonic(struct collector *c);
/* Gauges of live tasks come from the task scan, not from slots. */
void gauges_read(struct collector *c);

/* The cgroup is the service's. */
void cgroup_add(struct collector *c, struct service *s, const char *path);
/* Adds what the cgroups themselves count to the series of their services, and forgets those that have gone. */
void cgroups_read(struct collector *c);
void cgroups_drop(struct collector *c, const struct service *s);

#endif
