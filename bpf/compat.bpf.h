/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between kernels, one function each, with the commit that made it necessary. */
#ifndef COMPAT_BPF_H
#define COMPAT_BPF_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define PF_KTHREAD 0x00200000

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
		return old->rq_disk;
	return rq->q->disk;
}

/* The number of the system call that returns, negative after rt_sigreturn. */
static __always_inline int syscall_nr(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (int)regs->orig_ax;
#elif defined(__TARGET_ARCH_arm64)
	return regs->syscallno;
#endif
}

/*
 * The call under way is numbered as on the 32-bit architecture. On x86-64 the instruction syscall leaves
 * its return address in rcx: where it is still there, nothing more is to be asked.
 */
static __always_inline bool syscall_compat(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	struct task_struct *task;

	if (regs->cx == regs->ip)
		return false;
	task = bpf_get_current_task_btf();
	return task->thread_info.status & 2; /* TS_COMPAT; also int 0x80 of a 64-bit process */
#elif defined(__TARGET_ARCH_arm64)
	struct task_struct *task = bpf_get_current_task_btf();

	return task->thread_info.flags & (1UL << 22); /* TIF_32BIT */
#endif
}

#endif
