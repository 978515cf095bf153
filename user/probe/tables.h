/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables that all families share (include/types.h): their sizes, the objects that created them, their mappings.
 */
#ifndef PROBE_TABLES_H
#define PROBE_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "probe/kernel.h"

struct bpf_object;

#define TABLE_HISTS	   4160	 /* histograms, unless limits.memory is too small for them */
#define TABLE_COUNTERS_MAX 60000 /* slots are kept in 16 bits */

struct table_sizes {
	u32 cpus, identities;
	u32 counters,
		lanes; /* a value of each counter in each lane; fewer lanes than CPUs: they share */
	u32 hists, cells; /* cells: histograms that belong to one CPU each, row 0 is unused */
	u32 event_bytes;  /* of the ring buffer of events */
	u32 tasks;	  /* that have no storage */
	u64 bytes;	  /* kernel memory of all tables */
	u64 wanted_bytes; /* what they would take at least if the limits were kept */
};

/*
 * A table that is mapped as far as its rows are in use, because the kernel populates all pages of a mapping at once.
 */
struct table {
	const struct bpf_object *object; /* its owner */
	int fd;
	size_t row_size;
	u32 size, mapped; /* rows */
	char *rows;
};

#define TABLE_OBJECTS 16
#define SLOT_CACHES   16

struct tables {
	struct table_sizes sizes;

	/* Mapped, see include/types.h. Only the recycler and the core family write to them. */
	struct table identities; /* struct identity */
	struct table usages;	 /* struct cgroup_usages, one per identity */
	struct table hists;	 /* struct hist, one per slot */
	struct table hist_cells; /* struct hist, one per cell */
	struct identity_state *states;
	struct task_totals *task_totals;
	struct cpu *cpus;
	u64 *counters;
	struct hist_uses *hist_uses;
	struct series_key *counter_owners, *hist_owners;
	struct budget *budgets;

	struct bpf_object *objects[TABLE_OBJECTS]; /* in the order in which they were loaded */
	unsigned object_cnt;

	/* Slot caches of all objects, indexed by identity: the row is zeroed when an identity is reused. */
	struct table slot_caches[SLOT_CACHES];
	unsigned slot_cache_cnt;
};

/* What fits into limits.memory on a machine of so many possible CPUs; -ENOMEM: nothing, ret->bytes are needed. */
int table_sizes_plan(struct table_sizes *ret, const struct conf_limits *limits, u32 cpus,
		     bool storage);
/* As many counters as limits.series wants: each is at least one exposed sample. */
u32 table_counters_wanted(const struct conf_limits *limits);
/* CPUs, if each of them has a cell for every histogram; otherwise 0. */
u32 table_hist_stride(const struct table_sizes *s);
/* Do these tables hold less than the limits promise? */
bool table_sizes_short(const struct table_sizes *s, const struct conf_limits *limits);

/* Before an object is loaded: sets the sizes of its tables and reuses those that earlier objects have created. */
int tables_share(const struct tables *t, const struct kernel *k, struct bpf_object *object);
/* Shares the tables of a loaded object and registers its slot caches, until it is removed. */
int tables_add(struct tables *t, struct bpf_object *object);
void tables_remove(struct tables *t, const struct bpf_object *object);
/* The descriptor of the table of this name, owned by its object, or -ENOENT. */
int tables_fd(const struct tables *t, const char *name);

/* After the object with these tables has been added. */
int tables_map(struct tables *t);
int tables_fill_pools(struct tables *t);
/* The row with this number, NULL if it cannot be mapped; valid until the next call. */
void *table_row(struct table *t, u32 row);
/* Sets the series limit of a metric. */
void tables_budget(struct tables *t, unsigned metric, u32 max);

enum table_pool { POOL_IDENTITY, POOL_COUNTER, POOL_HIST, POOL_CELL };
/* Frees a number for reuse. */
int tables_free(struct tables *t, enum table_pool pool, u32 number);
/* Removes the identity from the table by key: no further task gets it. */
int tables_identity_unlink(struct tables *t, u32 identity);
int tables_series_delete(struct tables *t, const struct series_key *key);

/* The values of `cnt` counters from this slot on, over all CPUs; many at once, so that memory is read in order. */
void tables_counters_sum(const struct tables *t, u32 slot, u32 cnt, u64 *sums);
void tables_counter_clear(struct tables *t, u32 slot);
/* For each histogram a number that grows with every event: by its duration or, where it took no time, by 1. */
void tables_hists_mark(struct tables *t, u32 slot, u32 cnt, u64 *marks);
/* Adds the histogram of a slot, over all CPUs. */
void tables_hist_add(struct tables *t, u32 slot, struct hist *into);
/* Makes it empty and frees its cells. */
void tables_hist_clear(struct tables *t, u32 slot);
/*
 * Calls `take` with each entry of a hash. An entry that comes or goes meanwhile may be left out. 0 or
 * negative errno.
 */
int table_each(int fd, size_t key_size, size_t value_size,
	       void (*take)(void *ctx, const void *key, const void *value), void *ctx);

#endif
