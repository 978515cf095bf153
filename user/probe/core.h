/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables that all families share, mapped into this process, and the core's own programs that keep
 * them: identities of tasks, who runs on each CPU.
 */
#ifndef PROBE_CORE_H
#define PROBE_CORE_H

#include "probe/probe.h"

struct btf;

/* Numbers of metrics begin at 1; 0 marks a slot without owner. The core's come first. */
#define CORE_METRIC_BASE 1

extern const struct probe probe_core;

struct core_sizes {
	u32 cpus, identities, counters, hists;
	u32 tasks; /* where tasks carry no storage */
	u64 bytes; /* what they take in the kernel, all together */
};

/*
 * A table of which rows are mapped as they come into use: the kernel fills in every page of a mapping at
 * once.
 */
struct core_table {
	int fd;
	size_t row_size;
	u32 size, mapped; /* rows */
	char *rows;
};
#define CORE_CACHES	    16
#define CORE_TAIL_CALL_MAPS 4

/* A hook that is to be observed by this program and no other. */
struct forced_hook {
	const char *family, *program;
};

struct core {
	struct probe_run run;
	const struct conf *conf;
	const char *btf_path; /* a file with the kernel's types, NULL: the kernel has them */
	const struct forced_hook *forced; /* ends with a row without family; may be NULL */
	struct btf *kernel;		  /* the running kernel's types, until core_drop_btf() */
	bool kernel_typed;		  /* the kernel knows them itself */
	bool typed, storage;		  /* the constants of bpf/compat.bpf.h */
	struct core_sizes sizes;

	/* Mapped tables, see include/types.h. Read-only but for what the recycler and core_start() write. */
	struct core_table identities; /* struct identity */
	struct core_table hists;      /* struct hist[cpus] */
	struct identity_state *states;
	struct task_totals *task_totals;
	struct cpu *cpus;
	u64 *counters;
	struct series_key *counter_owners, *hist_owners;
	struct budget *budgets;

	struct probe_run *families[PROBE_MAX + 2]; /* that run; ends with NULL */
	unsigned family_cnt;

	const char
		*tail_call_maps[CORE_TAIL_CALL_MAPS]; /* that an attached program calls through */
	unsigned tail_call_map_cnt;

	/* Tables by identity that cache slots, of families and the core: zeroed when a number is reused. */
	struct core_table caches[CORE_CACHES];
	unsigned cache_cnt;
};

/* What fits into the configured limits on this machine. */
int core_sizes_plan(struct core_sizes *ret, const struct conf *conf, bool storage);

/*
 * Creates the tables, loads and attaches the core's programs and identifies every task that runs.
 * `conf`, btf_path and forced, which the caller sets, must outlive the core. On failure core->run.error says
 * why: -EPERM, -ENOTSUP (no BTF), -ENOMEM, -ESRCH (no such hook to force).
 */
int core_start(struct core *core, const struct conf *conf);
/* Everything is started: gives back the memory that only starting needs. */
void core_drop_btf(struct core *core);
void core_stop(struct core *core);

/* Gives an object that is not loaded yet the tables that others before it have under the same names. */
int core_share(struct core *core, struct bpf_object *object);
/* Has another object, loaded before, a table of this name? */
bool core_has_table(const struct core *core, const char *name);
/*
 * From now on an attached program makes tail calls through this program array, whose name must outlive
 * the core.
 */
void core_tail_calls_add(struct core *core, const char *table);
bool core_tail_calls(const struct core *core, const char *table);
/* From now on this family, which runs and outlives the core, shares its tables and metrics. */
void core_register_family(struct core *core, struct probe_run *run);
/* The family of this name that runs, NULL: it does not. */
struct probe_run *core_family(const struct core *core, const char *name);
/* The row with this number, or NULL when there is no memory to map it; good until the next call. */
void *core_row(struct core_table *table, u32 row);
/* Takes in the object's caches by identity, after it was loaded. */
int core_register_slot_caches(struct core *core, struct bpf_object *object);
/* Gives the series of a metric their ceiling. */
void core_budget(struct core *core, unsigned metric, u32 max);

/* Reads an iterator's output to its end, for what its program does on the way. */
int core_iterate(struct hook_run *hook);
/* Scans the live tasks: recomputes task_totals[]. */
int core_task_scan(struct core *core);

enum core_pool { POOL_IDENTITY, POOL_COUNTER, POOL_HIST };
/* Gives numbers back for reuse. */
int core_free(struct core *core, enum core_pool pool, u32 number);
/* Takes the identity out of the table by key, so that no task gets it any more. */
int core_identity_unlink(struct core *core, u32 identity);
int core_series_delete(struct core *core, const struct series_key *key);

/* The descriptor of a shared table by name, negative when there is none; owned by the core. */
int core_map_fd(struct core *core, const char *name);

#endif
