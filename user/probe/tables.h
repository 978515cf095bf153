/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables that all families share (include/types.h): how large they are, which object has created them, where
 * they are mapped.
 */
#ifndef PROBE_TABLES_H
#define PROBE_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "probe/kernel.h"

struct bpf_object;

struct table_sizes {
	u32 cpus, identities, counters, hists;
	u32 tasks; /* where tasks carry no storage */
	u64 bytes; /* what they take in the kernel, all together */
};

/*
 * A table of which rows are mapped as they come into use: the kernel fills in every page of a mapping at
 * once.
 */
struct table {
	const struct bpf_object *object; /* that it belongs to */
	int fd;
	size_t row_size;
	u32 size, mapped; /* rows */
	char *rows;
};

#define TABLE_OBJECTS 16
#define SLOT_CACHES   16

struct tables {
	struct table_sizes sizes;

	/* Mapped, see include/types.h. Read-only but for what the recycler and the core family write. */
	struct table identities; /* struct identity */
	struct table hists;	 /* struct hist[cpus] */
	struct identity_state *states;
	struct task_totals *task_totals;
	struct cpu *cpus;
	u64 *counters;
	struct series_key *counter_owners, *hist_owners;
	struct budget *budgets;

	struct bpf_object *objects[TABLE_OBJECTS]; /* loaded, in this order */
	unsigned object_cnt;

	/* Tables by identity that cache slots, of all objects: zeroed when a number is reused. */
	struct table slot_caches[SLOT_CACHES];
	unsigned slot_cache_cnt;
};

/* What fits into the configured limits on this machine; -ENOMEM: nothing does, ret->bytes are needed. */
int table_sizes_plan(struct table_sizes *ret, const struct conf *conf, bool storage);

/* Gives an object that is not loaded yet its sizes, and the tables that others before it have under the same names. */
int tables_share(const struct tables *t, const struct kernel *k, struct bpf_object *object);
/* From now on a loaded object's tables are shared, and its slot caches known; until it is removed. */
int tables_add(struct tables *t, struct bpf_object *object);
void tables_remove(struct tables *t, const struct bpf_object *object);
/* The descriptor of the table of this name, owned by its object; -ENOENT: no object added has one. */
int tables_fd(const struct tables *t, const char *name);

/* Once the object that has them is added. */
int tables_map(struct tables *t);
int tables_fill_pools(struct tables *t);
/* The row with this number, or NULL when there is no memory to map it; good until the next call. */
void *table_row(struct table *t, u32 row);
/* Gives the series of a metric their ceiling. */
void tables_budget(struct tables *t, unsigned metric, u32 max);

enum table_pool { POOL_IDENTITY, POOL_COUNTER, POOL_HIST };
/* Gives a number back for reuse. */
int tables_free(struct tables *t, enum table_pool pool, u32 number);
/* Takes the identity out of the table by key, so that no task gets it any more. */
int tables_identity_unlink(struct tables *t, u32 identity);
int tables_series_delete(struct tables *t, const struct series_key *key);

#endif
