/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all families share: identities, and the task that runs on each CPU. Every object declares the same maps; the
 * loader creates them once and passes them to all (bpf_map__reuse_fd) and sets the sizes that depend on the machine.
 */
#ifndef CORE_BPF_H
#define CORE_BPF_H

#include "kernel.h"
#include "compat.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/*
 * An argument whose position depends on the kernel. The compiler would merge two accesses into one with a computed
 * offset, which the verifier rejects.
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
 * One body, two programs on a tracepoint: NAME_btf for kernels that describe their types, NAME_raw for those that
 * do not.
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

/*
 * A pointer as a number, for functions that are verified by themselves and take no pointers. It costs a call, which is nothing
 * on the way to what is rare.
 */
static __always_inline u64 pointer_address(const void *pointer)
{
	u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

static __always_inline bool id_alloc(void *stack, u32 *id)
{
	struct id_range r;

	if (bpf_map_pop_elem(stack, &r))
		return false;
	*id = r.first++;
	if (--r.cnt)
		bpf_map_push_elem(stack, &r, 0);
	return true;
}

static __always_inline void id_free(void *stack, u32 id)
{
	struct id_range r = { id, 1 };

	bpf_map_push_elem(stack, &r, 0);
}

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__type(key, int);
	__type(value, struct task_ctx);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} tasks SEC(".maps");

/*
 * The same keyed by the task's address: for kernels without task storage, and for tasks that get none. Who is preempted in the
 * kernel while looking into any task's storage keeps the CPU from giving any until it goes on (bc235cdb423a "bpf: Prevent
 * deadlock from recursive bpf_task_storage_[get|delete]", until 4a98c2efa613 "bpf: Remove task local storage percpu counter").
 */
struct TABLE(BPF_MAP_TYPE_HASH, u64, struct task_ctx, 65536, 0) tasks_by_address SEC(".maps");

static __always_inline struct task_ctx *task_ctx_get(struct task_struct *task)
{
	struct task_ctx *tc = storage ? bpf_task_storage_get(&tasks, task, NULL, 0) : NULL;
	u64 key = (u64)task;

	return tc ?: bpf_map_lookup_elem(&tasks_by_address, &key);
}

/*
 * Programs that the syscall family's program on sys_exit tail-calls, by system call number: a second program on
 * sys_exit would cost every system call.
 */
struct TABLE(BPF_MAP_TYPE_PROG_ARRAY, u32, u32, 512, 0) sys_exit_tail_calls SEC(".maps");

const volatile u32 cpu_cnt SEC(".rodata");

static __always_inline u64 hash_mix(u64 hash, u64 v)
{
	hash = (hash ^ v) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 29);
}

/* The identity, if its number has not been reused since `gen` was read; else IDENTITY_OTHER. */
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

/* Its program serves requests: it is more than a short command. */
static __always_inline void identity_serves(u32 identity)
{
	struct identity_state *state = bpf_map_lookup_elem(&identity_states, &identity);

	if (state)
		state->matters = 1;
}

#define FAILURES_MANY 5

/* One of its processes has ended: a program that keeps failing is what people look for. */
static __always_inline void identity_ended(u32 identity, bool failed, bool out_of_memory)
{
	struct identity_state *state = bpf_map_lookup_elem(&identity_states, &identity);

	if (!state)
		return;
	state->failures = failed ? state->failures + 1 : 0;
	if (state->failures >= FAILURES_MANY || out_of_memory)
		state->matters = 1;
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

/* Threads that the kernel adds to a process (io_uring workers) bypass the fork hook: they count as their leader. */
static __always_inline struct task_ctx *task_ctx_leader(struct task_struct *task)
{
	return task_ctx_get(storage ? task->group_leader : BPF_CORE_READ(task, group_leader));
}

static __always_inline struct task_ctx *task_ctx_find(struct task_struct *task)
{
	struct task_ctx *tc = task_ctx_get(task);

	return tc ?: task_ctx_leader(task);
}

/*
 * The task comes to the CPU at the time `now` of the scheduler's clock: goes on with its system call, if it is in one. A
 * call is slow when so much time has passed since the task first left the CPU in it: that needs no clock at its start. It
 * is timed from then on unless its start is known.
 */
static __always_inline void call_resume(struct cpu *cpu, const struct task_ctx *tc, u64 now)
{
	u64 away;

	cpu->slow = false;
	cpu->enter_ns = tc ? tc->enter_ns : 0;
	cpu->left_ns = tc ? tc->left_ns : 0;
	if (!tc || !tc->left_ns)
		return;
	cpu->call = tc->call;
	away = now - tc->left_ns;
	if (!cpu->slow_ns || (s64)away < (s64)cpu->slow_ns)
		return;
	cpu->slow = true;
	if (!cpu->enter_ns)
		cpu->enter_ns = bpf_ktime_get_ns() - away;
}

/* Fills in the CPU's row from the running task, after a switch that was not seen. */
static __always_inline u32 cpu_fill(struct cpu *cpu)
{
	struct task_struct *task = task_current();
	struct task_ctx *tc = task_ctx_get(task);

	call_resume(cpu, tc, tc ? arrival_clock(task) : 0);
	tc = tc ?: task_ctx_leader(task);
	if (!tc)
		return IDENTITY_OTHER;
	cpu->gen = tc->gen;
	cpu->identity = tc->identity;
	return tc->identity;
}

/* The identity of the task that runs on this CPU; process context only. */
static __always_inline u32 cpu_identity(struct cpu *cpu)
{
	return cpu->identity != IDENTITY_UNKNOWN ? cpu->identity : cpu_fill(cpu);
}

static __always_inline u32 identity_current(void)
{
	struct cpu *cpu = cpu_row();

	return cpu ? cpu_identity(cpu) : IDENTITY_OTHER;
}

char LICENSE[] SEC("license") = "GPL";

#endif
