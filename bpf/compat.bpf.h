/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between kernels, one function each, with the commit that made it necessary. */
#ifndef COMPAT_BPF_H
#define COMPAT_BPF_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define PF_KTHREAD 0x00200000

/*
 * The pointers that hooks get have a type, which the verifier follows: programs read through them at the
 * price of a load. False where the kernel has no BTF of its own; then raw tracepoints stand in, which get
 * numbers.
 */
const volatile bool typed SEC(".rodata");

/*
 * Tasks and sockets can carry storage, and the current task has a type (4cf1bc1f1045 "bpf: Implement task
 * local storage", 3ca1032ab7ab "bpf: Implement get_current_task_btf and RET_PTR_TO_BTF_ID", 8e4597c627fb
 * "bpf: Allow using bpf_sk_storage in FENTRY/FEXIT/RAW_TP": 5.11). Otherwise tables by address stand in.
 */
const volatile bool storage SEC(".rodata");

/* A field of what a hook got. Both branches compile, the verifier drops the one that is not taken. */
#define READ(p, field) (typed ? (p)->field : BPF_CORE_READ(p, field))

/* The task that runs here: typed when there is storage, otherwise an address. */
static __always_inline struct task_struct *task_current(void)
{
	return storage ? bpf_get_current_task_btf() : (void *)bpf_get_current_task();
}

/* 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent.") renamed parent to __parent. */
struct kernfs_node___rcu {
	struct kernfs_node *__parent;
} __attribute__((preserve_access_index));

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___rcu *rcu = (void *)kn;

	if (bpf_core_field_exists(rcu->__parent))
		return BPF_CORE_READ(rcu, __parent);
	return BPF_CORE_READ(kn, parent);
}

/* f3fa33acca9f ("block: remove the ->rq_disk field in struct request"): the disk is the queue's. */
struct request___rq_disk {
	struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

static __always_inline struct gendisk *request_disk(struct request *rq)
{
	struct request___rq_disk *old = (void *)rq;

	if (bpf_core_field_exists(old->rq_disk))
		return READ(old, rq_disk);
	return typed ? rq->q->disk : BPF_CORE_READ(rq, q, disk);
}

/*
 * f1a7941243c1 ("mm: convert mm's rss stats into percpu_counter"), 6.2. Before, each thread kept up to 64
 * pages of each kind to itself.
 */
struct mm_rss_stat___shared {
	s64 count[4]; /* atomic_long_t */
} __attribute__((preserve_access_index));

struct mm_struct___shared {
	struct mm_rss_stat___shared rss_stat;
} __attribute__((preserve_access_index));

struct task_rss_stat___shared {
	int count[4];
} __attribute__((preserve_access_index));

struct task_struct___shared {
	struct task_rss_stat___shared rss_stat;
} __attribute__((preserve_access_index));

static __always_inline bool mm_counts_by_cpu(void)
{
	return bpf_core_field_exists(((struct mm_struct *)0)->rss_stat);
}

/* Resident pages, of files, anonymous and shared, where memory does not count them by CPU. */
static __always_inline s64 mm_pages(struct mm_struct *mm)
{
	struct mm_struct___shared *shared = (void *)mm;
	s64 count[4];

	bpf_probe_read_kernel(count, sizeof(count), &shared->rss_stat);
	return count[0] + count[1] + count[3];
}

/* Those that the thread has not told its memory of. */
static __always_inline s64 task_pages(struct task_struct *task)
{
	struct task_struct___shared *shared = (void *)task;
	int count[4];

	if (!bpf_core_field_exists(shared->rss_stat.count))
		return 0;
	bpf_probe_read_kernel(count, sizeof(count), &shared->rss_stat.count);
	return (s64)count[0] + count[1] + count[3];
}

/* Of the tasks that share a memory, one owns it; without memory cgroups the kernel does not say which. */
static __always_inline bool mm_is_of(struct mm_struct *mm, struct task_struct *task)
{
	if (!bpf_core_field_exists(mm->owner))
		return task->pid == task->tgid;
	return BPF_CORE_READ(mm, owner) == task;
}

/* The address of a table's only value by CPU, without a CPU's distance; `map` is the table's. */
static __always_inline u64 map_percpu_address(u64 map)
{
	return (u64)BPF_CORE_READ((struct bpf_array *)map, pptrs[0]);
}

/* The number of the system call that returns, negative after rt_sigreturn. */
static __always_inline int syscall_nr(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (int)READ(regs, orig_ax);
#elif defined(__TARGET_ARCH_arm64)
	return READ(regs, syscallno);
#endif
}

/* The task that runs here is in a system call of the 32-bit architecture; also int 0x80 of a 64-bit process. */
static __always_inline bool task_compat(void)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task_current(), thread_info.status) & 2; /* TS_COMPAT */
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ(task_current(), thread_info.flags) & (1UL << 22); /* TIF_32BIT */
#endif
}

/*
 * The call under way is numbered as on the 32-bit architecture. On x86-64 the instruction syscall leaves
 * its return address in rcx: where it is still there, nothing more is to be asked.
 */
static __always_inline bool syscall_compat(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	if (READ(regs, cx) == READ(regs, ip))
		return false;
#endif
	return task_compat();
}

#endif
