/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting: the slots of series, and adding to counters. */
#ifndef SERIES_BPF_H
#define SERIES_BPF_H

#include "core.bpf.h"

/* The number of a metric, set by the loader; the variable has the metric's name without the prefix. */
#define METRIC(name) const volatile u32 name SEC(".rodata")

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, u64, 1, BPF_F_MMAPABLE) counters SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct series_key, 1, BPF_F_MMAPABLE) counter_owners
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct series_key, 1, BPF_F_MMAPABLE) hist_owners
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct budget, METRIC_MAX, BPF_F_MMAPABLE) budgets
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_HASH, struct series_key, u32, 1, 0) series SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__type(value, struct id_range);
	__uint(max_entries, 1);
} free_counters SEC(".maps"), free_hists SEC(".maps");

/* Counters of a lane, where each CPU has a lane of its own, in this order; 0: several CPUs add to one lane. */
const volatile u32 counter_stride SEC(".rodata");
#define lanes_shared (!counter_stride)

/*
 * The verifier checks a function that is not static once, by itself, instead of along every path that calls it:
 * that keeps loading fast.
 */

/* Allocates the slot of a new series, or returns the metric's reserved slot when none is left. */
static __always_inline u32 series_new(u32 metric, u32 identity, u64 dim, u32 is_hist)
{
	struct series_key key = { .metric = metric, .identity = identity, .dim = dim }, *owner;
	struct budget *budget = bpf_map_lookup_elem(&budgets, &metric);
	u32 other = metric & (METRIC_MAX - 1), slot, *found;

	if (!budget)
		return other;
	if (budget->used >= budget->max)
		goto dropped;
	if (is_hist ? !id_alloc(&free_hists, &slot) : !id_alloc(&free_counters, &slot))
		goto dropped;
	if (bpf_map_update_elem(&series, &key, &slot, BPF_NOEXIST)) {
		if (is_hist)
			id_free(&free_hists, slot);
		else
			id_free(&free_counters, slot);
		found = bpf_map_lookup_elem(&series, &key); /* another CPU was first */
		if (found)
			return *found;
		goto dropped;
	}
	__sync_fetch_and_add(&budget->used, 1);
	owner = is_hist ? bpf_map_lookup_elem(&hist_owners, &slot)
			: bpf_map_lookup_elem(&counter_owners, &slot);
	if (owner) {
		owner->dim = dim;
		owner->identity = identity;
		barrier();
		owner->metric = metric; /* last: user space checks this field */
	}
	return slot;
dropped:
	__sync_fetch_and_add(&budget->dropped, 1);
	return other;
}

static __always_inline bool series_is_half_free(u32 metric)
{
	struct budget *budget = bpf_map_lookup_elem(&budgets, &metric);

	return budget && budget->used < budget->max / 2;
}

/* The slot of a series. Not inlined: hot paths take the slot from a cache. */
__noinline u32 series_slot(u32 metric, u32 identity, u64 dim, u32 is_hist)
{
	struct series_key key = { .metric = metric, .identity = identity, .dim = dim };
	u32 *slot = bpf_map_lookup_elem(&series, &key);

	return slot ? *slot : series_new(metric, identity, dim, is_hist);
}

/* Several programs write this slot: the reserved slot of a metric is shared by all that count the metric. */
static __always_inline bool slot_shared(u32 slot)
{
	return slot < METRIC_MAX;
}

/*
 * The same, through a cache entry. Dimension (48 bits) and slot share one word, so that CPUs that write the entry at
 * the same time cannot mix their values.
 */
static __always_inline u32 series_slot_cached(u64 *cache, u32 metric, u32 identity, u64 dim,
					      bool is_hist)
{
	u64 entry = *(volatile u64 *)cache;
	u32 slot = entry & 0xffff;

	if (slot && entry >> 16 == dim)
		return slot;
	slot = series_slot(metric, identity, dim, is_hist);
	if (!slot_shared(slot))
		*(volatile u64 *)cache = dim << 16 | slot;
	return slot;
}

/*
 * The same, through a cache entry for one dimension. Caches keep no reserved slot: each event that it takes is counted
 * as dropped, and the series gets a slot of its own as soon as there is one.
 */
#define SLOT_CACHED(cache, metric, identity, dim, is_hist)                  \
	({                                                                  \
		u32 slot = *(cache);                                        \
		if (!slot) {                                                \
			slot = series_slot(metric, identity, dim, is_hist); \
			if (!slot_shared(slot))                             \
				*(cache) = slot;                            \
		}                                                           \
		slot;                                                       \
	})

static __always_inline u64 *counter_value(u32 slot)
{
	struct cpu *cpu = counter_stride ? NULL : cpu_row();
	u32 i = (cpu ? cpu->counters : cpu_id() * counter_stride) + slot;

	return bpf_map_lookup_elem(&counters, &i);
}

/* Adds to a value: atomically if `shared`, which the verifier or the compiler often knows. */
static __always_inline void add(u64 *value, u64 n, bool shared)
{
	if (shared)
		__sync_fetch_and_add(value, n);
	else
		*value += n;
}

/* Adds to a slot that is written only by code that cannot interrupt itself on its CPU. */
static __always_inline void counter_add_local(struct cpu *cpu, u32 slot, u64 n)
{
	u32 i = cpu->counters + slot;
	u64 *value = bpf_map_lookup_elem(&counters, &i);

	if (value)
		add(value, n, lanes_shared);
}

static __always_inline void count_add_at(u32 slot, u64 n)
{
	u64 *value = counter_value(slot);

	if (value)
		__sync_fetch_and_add(value, n);
}

/* Adds to a slot that only this program writes unless it is shared, and this program cannot interrupt itself. */
static __always_inline void count_add_exclusive(u32 slot, u64 n, bool shared)
{
	u64 *value = counter_value(slot);

	if (value)
		add(value, n, shared || lanes_shared || slot_shared(slot));
}

/* For scan programs, which run one at a time: gauges that user space has set to 0 before. In the first lane. */
static __always_inline u64 *gauge_value(u32 metric, u32 identity, u64 dim)
{
	u32 i = series_slot(metric, identity, dim, false);

	return bpf_map_lookup_elem(&counters, &i);
}

__noinline int gauge_add(u32 metric, u32 identity, u64 dim, u64 n)
{
	u64 *value = gauge_value(metric, identity, dim);

	if (value)
		*value += n;
	return 0;
}

__noinline int gauge_max(u32 metric, u32 identity, u64 dim, u64 n)
{
	u64 *value = gauge_value(metric, identity, dim);

	if (value && *value < n)
		*value = n;
	return 0;
}

__noinline int count_add(u32 metric, u32 identity, u64 dim, u64 n)
{
	count_add_at(series_slot(metric, identity, dim, false), n);
	return 0;
}

#endif
