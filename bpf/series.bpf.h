/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting: the slots of series, and adding to counters and histograms. */
#ifndef SERIES_BPF_H
#define SERIES_BPF_H

#include "core.bpf.h"

/* The number of a metric, set by the loader; the variable has the metric's name without the prefix. */
#define METRIC(name) const volatile u32 name SEC(".rodata")

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, u64, 1, BPF_F_MMAPABLE) counters SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct hist, 1, BPF_F_MMAPABLE) hists SEC(".maps");
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

const volatile u32 counter_stride SEC(".rodata");

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

/* The slot of a series. Not inlined: hot paths take the slot from a cache. */
__noinline u32 series_slot(u32 metric, u32 identity, u64 dim, u32 is_hist)
{
	struct series_key key = { .metric = metric, .identity = identity, .dim = dim };
	u32 *slot = bpf_map_lookup_elem(&series, &key);

	return slot ? *slot : series_new(metric, identity, dim, is_hist);
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
	*(volatile u64 *)cache = dim << 16 | slot;
	return slot;
}

static __always_inline u64 *counter_value(u32 slot)
{
	u32 i = cpu_id() * counter_stride + slot;

	return bpf_map_lookup_elem(&counters, &i);
}

/* Adds to a slot that is written only by code that cannot interrupt itself on its CPU. */
static __always_inline void counter_add_local(struct cpu *cpu, u32 slot, u64 n)
{
	u32 i = cpu->counters + slot;
	u64 *value = bpf_map_lookup_elem(&counters, &i);

	if (value)
		*value += n;
}

static __always_inline void count_add_at(u32 slot, u64 n)
{
	u64 *value = counter_value(slot);

	if (value)
		__sync_fetch_and_add(value, n);
}

/*
 * Adds to a slot that only this program writes, and this program cannot interrupt itself. The reserved slot of a
 * metric, however, is shared by all programs that count the metric.
 */
static __always_inline void add_exclusive(u32 slot, u64 *value, u64 n)
{
	if (slot < METRIC_MAX)
		__sync_fetch_and_add(value, n);
	else
		*value += n;
}

static __always_inline void count_add_exclusive(u32 slot, u64 n)
{
	u64 *value = counter_value(slot);

	if (value)
		add_exclusive(slot, value, n);
}

__noinline int count_add(u32 metric, u32 identity, u64 dim, u64 n)
{
	count_add_at(series_slot(metric, identity, dim, false), n);
	return 0;
}

/* a < b for numbers below 2^63, without a branch, which the CPU could not predict. */
#define LESS(a, b) (((a) - (b)) >> 63)

/*
 * The bucket of a duration (see struct hist). In units of 2^-30 s, octaves are powers of two; within an octave the
 * eighths begin at 2^(j/8), compared with eleven bits of precision: exact to 0.1 %.
 */
static __always_inline u64 hist_bucket(u64 ns)
{
	u64 v, top, frac, more;

	if (ns >= (64ULL * 1000000000))
		return ns == 64ULL * 1000000000 ? HIST_BUCKETS - 2 : HIST_BUCKETS - 1;
	v = (ns * 1125900) >> 20; /* 2^30 / 10^9 */
	if (v <= 1024)
		return 0;
	v--; /* buckets include their upper bound */
	top = LESS(0xffffffffULL, v) << 5;
	frac = v >> top;
	more = LESS(0xffffULL, frac) << 4;
	frac >>= more;
	top += more;
	more = LESS(0xffULL, frac) << 3;
	frac >>= more;
	top += more;
	more = LESS(0xfULL, frac) << 2;
	frac >>= more;
	top += more;
	more = LESS(3ULL, frac) << 1;
	top += more + (frac >> more >> 1);
	frac = v >> (top - 10);
	return 1 + (top - 10) * HIST_SUB + LESS(1116ULL, frac) + LESS(1217ULL, frac) +
	       LESS(1327ULL, frac) + LESS(1448ULL, frac) + LESS(1579ULL, frac) +
	       LESS(1722ULL, frac) + LESS(1878ULL, frac);
}

static __always_inline struct hist *hist_value(u32 slot)
{
	u32 i = slot * cpu_cnt + cpu_id();

	return bpf_map_lookup_elem(&hists, &i);
}

static __always_inline void hist_add_local(u32 slot, u64 ns)
{
	struct hist *hist = hist_value(slot);
	u64 bucket = hist_bucket(ns);

	if (hist && bucket < HIST_BUCKETS) {
		hist->sum_ns += ns;
		hist->bucket[bucket]++;
	}
}

static __always_inline void hist_add_exclusive(u32 slot, u64 ns)
{
	struct hist *hist = hist_value(slot);
	u64 bucket = hist_bucket(ns);

	if (hist && bucket < HIST_BUCKETS) {
		add_exclusive(slot, &hist->sum_ns, ns);
		add_exclusive(slot, &hist->bucket[bucket], 1);
	}
}

static __always_inline void hist_add_many(u32 slot, u64 ns, u64 n)
{
	struct hist *hist = hist_value(slot);
	u64 bucket = hist_bucket(ns);

	if (hist && bucket < HIST_BUCKETS) {
		__sync_fetch_and_add(&hist->sum_ns, ns * n);
		__sync_fetch_and_add(&hist->bucket[bucket], n);
	}
}

__noinline int hist_add_many_at(u32 slot, u64 ns, u64 n)
{
	hist_add_many(slot, ns, n);
	return 0;
}

static __always_inline void hist_add_at(u32 slot, u64 ns)
{
	hist_add_many_at(slot, ns, 1);
}

static __always_inline void hist_add(u32 metric, u32 identity, u64 dim, u64 ns)
{
	hist_add_at(series_slot(metric, identity, dim, true), ns);
}

#endif
