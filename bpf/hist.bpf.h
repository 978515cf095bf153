/* SPDX-License-Identifier: GPL-2.0-only */
/* Adding to histograms: see the layout in include/types.h. */
#ifndef HIST_BPF_H
#define HIST_BPF_H

#include "series.bpf.h"

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct hist, 1, BPF_F_MMAPABLE) hists SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct hist, 1, BPF_F_MMAPABLE) hist_cells SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct hist_uses, 1, BPF_F_MMAPABLE) hist_uses SEC(".maps");
struct TABLE(BPF_MAP_TYPE_HASH, struct hist_cell_key, u32, 1, 0) hist_cell_ids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__type(value, struct id_range);
	__uint(max_entries, 1);
} free_hist_cells SEC(".maps");

/* CPUs, where each of them has a cell for every slot, in this order; otherwise 0. */
const volatile u32 hist_stride SEC(".rodata");

/* a < b for numbers below 2^63, without a branch, which the CPU could not predict: the compiler must not see that it is one. */
#define LESS(a, b)                     \
	({                             \
		u64 below = (a) - (b); \
		asm("" : "+r"(below)); \
		below >> 63;           \
	})

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

static __always_inline void hist_add_to(struct hist *hist, u64 ns, u64 n, bool shared)
{
	u64 bucket = hist_bucket(ns);

	if (hist && bucket < HIST_BUCKETS) {
		add(&hist->sum_ns, ns * n, shared);
		add(&hist->bucket[bucket], n, shared);
	}
}

static __always_inline struct hist_use *hist_use(struct cpu *cpu, u32 slot)
{
	u32 row = cpu->hist_uses + slot / HIST_USES;
	struct hist_uses *uses = bpf_map_lookup_elem(&hist_uses, &row);

	return uses ? &uses->slot[slot & (HIST_USES - 1)] : NULL;
}

/*
 * Gives this CPU a cell for the slot, 0: it is not due or there is none. Another program may interrupt this one and do
 * the same: the hash of cells decides who is first, so that all store the same number before they use it.
 */
static __always_inline u32 hist_cell_new(struct hist_use *use, u32 slot)
{
	struct hist_cell_key key = { .cpu = cpu_id(), .slot = slot };
	u32 pool = BUDGET_CELLS, cell, *first;
	struct budget *budget = bpf_map_lookup_elem(&budgets, &pool);

	if (use->cnt < HIST_CELL_MIN) {
		use->cnt++;
		return 0;
	}
	if (!budget || budget->used >= budget->max || !id_alloc(&free_hist_cells, &cell))
		return 0;
	if (bpf_map_update_elem(&hist_cell_ids, &key, &cell, BPF_NOEXIST)) {
		id_free(&free_hist_cells, cell);
		first = bpf_map_lookup_elem(&hist_cell_ids, &key);
		if (!first)
			return 0;
		cell = *first;
	} else {
		__sync_fetch_and_add(&budget->used, 1);
	}
	*(volatile u16 *)&use->cell = cell;
	return cell;
}

/* Adds without a cell, or to a new one. Not inlined: rare where it matters. */
__noinline int hist_add_rare(u32 slot, u64 ns, u64 n)
{
	struct cpu *cpu = cpu_row();
	struct hist_use *use = cpu ? hist_use(cpu, slot) : NULL;
	u32 cell = use ? hist_cell_new(use, slot) : 0;

	if (cell)
		hist_add_to(bpf_map_lookup_elem(&hist_cells, &cell), ns, n, true);
	else
		hist_add_to(bpf_map_lookup_elem(&hists, &slot), ns, n, true);
	return 0;
}

static __always_inline void hist_add_sparse(struct cpu *cpu, u32 slot, u64 ns, u64 n, bool shared)
{
	struct hist_use *use = cpu ? hist_use(cpu, slot) : NULL;
	u32 cell = use ? *(volatile u16 *)&use->cell : 0;

	if (cell)
		hist_add_to(bpf_map_lookup_elem(&hist_cells, &cell), ns, n, shared);
	else
		hist_add_rare(slot, ns, n);
}

static __always_inline void hist_add_cpu(struct cpu *cpu, u32 slot, u64 ns, u64 n, bool shared)
{
	u32 cell = slot * hist_stride + cpu_id() + 1;

	if (hist_stride)
		hist_add_to(bpf_map_lookup_elem(&hist_cells, &cell), ns, n, shared);
	else
		hist_add_sparse(cpu, slot, ns, n, shared);
}

/* Adds to a slot that is written only by code that cannot interrupt itself on its CPU. */
static __always_inline void hist_add_local(struct cpu *cpu, u32 slot, u64 ns)
{
	hist_add_cpu(cpu, slot, ns, 1, false);
}

/* Adds to a slot that only this program writes unless it is shared, and this program cannot interrupt itself. */
static __always_inline void hist_add_exclusive(u32 slot, u64 ns, bool shared)
{
	hist_add_cpu(cpu_row(), slot, ns, 1, shared || slot_shared(slot));
}

static __always_inline void hist_add_many(u32 slot, u64 ns, u64 n)
{
	hist_add_cpu(cpu_row(), slot, ns, n, true);
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
