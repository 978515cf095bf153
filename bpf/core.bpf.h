/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every family shares: the tables, and the few functions that count into them. Each object
 * declares the same maps; the loader creates them once and gives them to all (bpf_map__reuse_fd).
 * Sizes that depend on the machine are set by the loader.
 */
#ifndef CORE_BPF_H
#define CORE_BPF_H

#include "kernel.h"
#include "compat.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/*
 * An argument of which the place depends on the kernel. The compiler would make one access with a computed
 * offset of two, which the verifier refuses.
 */
#define ARG(ctx, n)                                               \
	({                                                        \
		u64 arg;                                          \
		asm volatile("%0 = *(u64 *)(%1 + %2)"             \
			     : "=r"(arg)                          \
			     : "r"(ctx), "i"((n) * sizeof(u64))); \
		arg;                                              \
	})

/*
 * A program on a tracepoint, in two forms of one body: NAME_btf where the kernel knows its own types, and
 * NAME_raw where it does not.
 */
#define TRACEPOINT(tp, name, args...)                                                             \
	_Pragma("GCC diagnostic push")                                                            \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") static __always_inline int \
			on_##name(unsigned long long *ctx, ##args);                               \
	SEC("?tp_btf/" #tp) int name##_btf(unsigned long long *ctx)                               \
	{                                                                                         \
		return on_##name(___bpf_ctx_cast(args));                                          \
	}                                                                                         \
	SEC("?raw_tp/" #tp) int name##_raw(unsigned long long *ctx)                               \
	{                                                                                         \
		return on_##name(___bpf_ctx_cast(args));                                          \
	}                                                                                         \
	_Pragma("GCC diagnostic pop") static __always_inline int on_##name(                       \
		unsigned long long *ctx, ##args)

/* The number of a metric, set by the loader: the variable bears the metric's name without prefix. */
#define METRIC(name) const volatile u32 name SEC(".rodata")

#define TABLE(map_type, key_type, value_type, entries, flags_) \
	{                                                      \
		__uint(type, map_type);                        \
		__type(key, key_type);                         \
		__type(value, value_type);                     \
		__uint(max_entries, entries);                  \
		__uint(map_flags, flags_);                     \
	}

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct identity, 1, BPF_F_MMAPABLE) identities SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct identity_state, 1, BPF_F_MMAPABLE) identity_states
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct task_totals, 1, BPF_F_MMAPABLE) task_totals
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct cpu, 1, BPF_F_MMAPABLE) cpus SEC(".maps");
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

static __always_inline bool id_alloc(void *stack, u32 *number)
{
	struct id_range r;

	if (bpf_map_pop_elem(stack, &r))
		return false;
	*number = r.first++;
	if (--r.cnt)
		bpf_map_push_elem(stack, &r, 0);
	return true;
}

static __always_inline void id_free(void *stack, u32 number)
{
	struct id_range r = { number, 1 };

	bpf_map_push_elem(stack, &r, 0);
}

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__type(key, int);
	__type(value, struct task_ctx);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} tasks SEC(".maps");

/* The same by the address of the task, where there is no storage. */
struct TABLE(BPF_MAP_TYPE_HASH, u64, struct task_ctx, 65536, 0) tasks_by_address SEC(".maps");

static __always_inline struct task_ctx *task_ctx_get(struct task_struct *task)
{
	u64 key = (u64)task;

	return storage ? bpf_task_storage_get(&tasks, task, NULL, 0)
		       : bpf_map_lookup_elem(&tasks_by_address, &key);
}

/*
 * Programs that the syscall family's program on sys_exit tail-calls, by system call number: a second program on
 * sys_exit would cost every system call.
 */
struct TABLE(BPF_MAP_TYPE_PROG_ARRAY, u32, u32, 512, 0) sys_exit_tail_calls SEC(".maps");

const volatile u32 counter_stride SEC(".rodata");
const volatile u32 cpu_cnt SEC(".rodata");

/* Does `identity` still mean who it meant when `gen` was noted? If not: those that have none. */
static __always_inline u32 identity_valid(u32 identity, u32 gen)
{
	struct identity_state *state = bpf_map_lookup_elem(&identity_states, &identity);

	return state && state->gen == gen ? identity : IDENTITY_OTHER;
}

static __always_inline u32 identity_gen(u32 identity)
{
	struct identity_state *state = bpf_map_lookup_elem(&identity_states, &identity);

	return state ? state->gen : 0;
}

/* The totals of an identity; for iterators only, which run one at a time. */
static __always_inline struct task_totals *task_totals_row(u32 identity, u32 gen)
{
	u32 id = identity_valid(identity, gen);

	return bpf_map_lookup_elem(&task_totals, &id);
}

static __always_inline u32 cpu_id(void)
{
	return bpf_get_smp_processor_id();
}

static __always_inline struct cpu *cpu_row(void)
{
	u32 cpu = cpu_id();

	return bpf_map_lookup_elem(&cpus, &cpu);
}

/* Kernel-made threads of a process (io_uring workers) do not pass the fork hook: they are as their leader. */
static __always_inline struct task_ctx *task_ctx_find(struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get(task);

	if (tc)
		return tc;
	return task_ctx_get(storage ? task->group_leader : BPF_CORE_READ(task, group_leader));
}

/* Who runs here, looked up: the first call after a change of task that was not seen. */
static __always_inline u32 cpu_fill(struct cpu *cpu)
{
	struct task_ctx *tc = task_ctx_find(task_current());

	if (!tc)
		return IDENTITY_OTHER;
	cpu->enter_ns = tc->enter_ns;
	cpu->gen = tc->gen;
	cpu->identity = tc->identity;
	return tc->identity;
}

/* The identity of the task that runs here; process context only. */
static __always_inline u32 identity_current(void)
{
	struct cpu *cpu = cpu_row();

	if (!cpu)
		return IDENTITY_OTHER;
	return cpu->identity != IDENTITY_UNKNOWN ? cpu->identity : cpu_fill(cpu);
}

/*
 * Functions that are not static are verified once, by themselves, and not along every path that leads to
 * them: that is what keeps loading fast.
 */

/* Gives a new series its slot, or the metric's reserved one when there is none left. */
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
		owner->metric = metric; /* last: what user space looks at */
	}
	return slot;
dropped:
	__sync_fetch_and_add(&budget->dropped, 1);
	return other;
}

/* The slot of a series. Not inlined, since paths where it matters have it from a cache. */
__noinline u32 series_slot(u32 metric, u32 identity, u64 dim, u32 is_hist)
{
	struct series_key key = { .metric = metric, .identity = identity, .dim = dim };
	u32 *slot = bpf_map_lookup_elem(&series, &key);

	return slot ? *slot : series_new(metric, identity, dim, is_hist);
}

/*
 * The same with an entry of a cache, where it can be: dimension (48 bits) and slot in one word, so that
 * CPUs that write it at the same time do not mix theirs.
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

/* Counts in a slot that only code which cannot interrupt itself on its CPU writes. */
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
 * Adds to a slot that no program but this one writes, which cannot interrupt itself: what does not fit of a
 * metric has one slot for all who count it.
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

/* a < b, for numbers below 2^63, without a branch: what is counted differs from event to event. */
#define LESS(a, b) (((a) - (b)) >> 63)

/*
 * The bucket of a duration (see struct hist). In units of 2^-30 s octaves are powers of two; within one,
 * the eighths begin at 2^(j/8): compared on eleven bits, exact to 0.1 %.
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

char LICENSE[] SEC("license") = "GPL";

#endif
