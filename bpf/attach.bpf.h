/* SPDX-License-Identifier: GPL-2.0-only */
/* Of an attachment: its tables and constants, and whether a task belongs to it. */
#ifndef ATTACH_BPF_H
#define ATTACH_BPF_H

#include "attach.h"
#include "hist.bpf.h"
#include "socket.bpf.h"
#include "waker.bpf.h"
#include "watch.bpf.h"

/* The attachment's number, in the context of its tasks, and its process. */
const volatile u32 watch SEC(".rodata");
const volatile u32 target SEC(".rodata");
const volatile u32 rt_sigreturn SEC(".rodata"), execve_number SEC(".rodata");

/* By number of the call: see attach.h. */
const volatile u16 call_flags[SYSCALLS] SEC(".rodata");

struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct attach_state, 1, BPF_F_MMAPABLE) attach_states
	SEC(".maps");
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct attach_call, SYSCALLS, BPF_F_MMAPABLE) attach_calls
	SEC(".maps");

/* ATTACH_LAST rows for each CPU; user space sets their number. */
struct TABLE(BPF_MAP_TYPE_ARRAY, u32, struct attach_last, ATTACH_LAST, BPF_F_MMAPABLE) attach_lasts
	SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} attach_events SEC(".maps");

struct attach_cpu {
	u64 epoch; /* in which `watched` was found out */
	u64 id;	   /* of whom: process and thread */
	u32 watched;
	u32 last; /* rows of attach_lasts written so far */
};
struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, struct attach_cpu, 1, 0) attach_cpus SEC(".maps");

struct attach_task {
	u64 enter_ns;	/* of the present call, 0: not seen */
	u64 away_ns;	/* in the present call, away from the CPU */
	u64 left_ns;	/* the CPU, 0: it has not, or has come back */
	u64 left_clock; /* the same by the scheduler's clock, 0: not seen */
	u64 slept_ns;	/* before it came to the CPU the last time, the wait for that included */
	u64 runtime_ns, run_delay_ns; /* counted so far */
	struct attach_usage usage;
	s32 call; /* -1: none */
	u32 wait; /* enum attach_wait: why it left */
	u32 ended;
	/* The longest of these in the present call, why it left then, and who ended that. */
	u64 longest_ns;
	u32 longest_wait;
	struct waker longest_waker, waker; /* waker: of the present one */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__type(key, int);
	__type(value, struct attach_task);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} attach_tasks SEC(".maps");
struct TABLE(BPF_MAP_TYPE_HASH, u64, struct attach_task, 65536, 0) attach_tasks_by_address
	SEC(".maps");

static __always_inline struct attach_state *attach_state(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&attach_states, &zero);
}

static __always_inline struct attach_cpu *attach_cpu(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&attach_cpus, &zero);
}

static __always_inline bool is_watched(struct task_struct *task)
{
	return task_watch(task) == watch;
}

/* Is it known of this task? Not every switch is seen: on some machines those from some tasks, and from the idle one, are not. */
static __always_inline bool cpu_knows(const struct attach_cpu *cpu, u64 epoch, u64 id)
{
	return cpu->id == id && cpu->epoch == epoch;
}

/*
 * Does the running task belong to the attachment? The epoch is read before the task is looked at: if it is marked meanwhile, it
 * will be looked at again.
 */
static __always_inline bool running_watched(struct attach_state *state, struct attach_cpu *cpu,
					    u64 id)
{
	u64 epoch = *(volatile u64 *)&state->epoch;

	if (!cpu_knows(cpu, epoch, id)) {
		cpu->watched = is_watched(task_current());
		barrier();
		cpu->id = id;
		cpu->epoch = epoch;
	}
	return cpu->watched;
}

static __always_inline struct attach_task *attach_task_get(struct task_struct *task)
{
	u64 key = (u64)task;

	return storage ? bpf_task_storage_get(&attach_tasks, task, NULL, 0)
		       : bpf_map_lookup_elem(&attach_tasks_by_address, &key);
}

/* The arguments of the call that a task is in, or returns from. */
#if defined(__TARGET_ARCH_x86)
#define CALL_ARG0(regs) REGISTER(regs, di)
#define CALL_ARG1(regs) REGISTER(regs, si)
#define CALL_ARG2(regs) REGISTER(regs, dx)
#define CALL_ARG3(regs) REGISTER(regs, r10)
#elif defined(__TARGET_ARCH_arm64)
#define CALL_ARG0(regs) REGISTER(regs, orig_x0)
#define CALL_ARG1(regs) REGISTER(regs, regs[1])
#define CALL_ARG2(regs) REGISTER(regs, regs[2])
#define CALL_ARG3(regs) REGISTER(regs, regs[3])
#endif

/* Calls without a number of their own share a row. */
static __always_inline u32 call_row(u32 nr, bool compat)
{
	if (nr >= SYSCALL_UNKNOWN || compat)
		nr = SYSCALL_OTHER;
	barrier_var(nr);
	return nr & (SYSCALLS - 1);
}

#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000

#endif
