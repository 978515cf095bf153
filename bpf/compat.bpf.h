/* SPDX-License-Identifier: GPL-2.0-only */
/* Differences between kernels, one function each, with the commit that makes it necessary. */
#ifndef COMPAT_BPF_H
#define COMPAT_BPF_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define PF_EXITING   0x00000004
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD   0x00200000

/*
 * Programs get typed pointers, which the verifier tracks: reading through one costs a load. False on kernels without
 * BTF of their own, where raw tracepoints take over, which get plain numbers.
 */
const volatile bool typed SEC(".rodata");

/*
 * Tasks and sockets have local storage, and the current task is typed (4cf1bc1f1045 "bpf: Implement task
 * local storage", 3ca1032ab7ab "bpf: Implement get_current_task_btf and RET_PTR_TO_BTF_ID", 8e4597c627fb
 * "bpf: Allow using bpf_sk_storage in FENTRY/FEXIT/RAW_TP": 5.11). Otherwise tables keyed by address take over.
 */
const volatile bool storage SEC(".rodata");

/*
 * Programs on tracepoints can be preempted (a46023d5616e "tracing: Guard __DECLARE_TRACE() use of __DO_TRACE_CALL() with
 * SRCU-fast", 7.0; those on system calls later than the others). A program that is, is not run for any other task of
 * that CPU until it has gone on: the kernel drops what happens meanwhile. Classic programs, which perf calls, and those
 * on tracepoints with interrupts disabled or under a lock of the whole machine lose nothing.
 */
const volatile bool preemptible SEC(".rodata");

/* A field of a program's argument. Both branches are compiled; the verifier removes the one not taken. */
#define READ(p, field) (typed ? (p)->field : BPF_CORE_READ(p, field))

/* The running task: a typed pointer where tasks have storage, otherwise an address. */
static __always_inline struct task_struct *task_current(void)
{
	return storage ? bpf_get_current_task_btf() : (void *)bpf_get_current_task();
}

/* 2f064a59a11f ("sched: Change task_struct::state"), 5.14, renamed state, a long, to __state. */
struct task_struct___state {
	long state;
} __attribute__((preserve_access_index));

#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_DEAD	     0x80 /* as it leaves the CPU for good; the parent may not have looked yet */
#define TASK_STOPPED_TRACED  0xc
#define TASK_NOLOAD	     0x400
#define TASK_FROZEN	     0x8000
#define PF_FROZEN	     0x00010000

static __always_inline bool task_state_is_long(void)
{
	return bpf_core_field_exists(((struct task_struct___state *)0)->state);
}

static __always_inline u32 task_state(struct task_struct *task)
{
	struct task_struct___state *old = (void *)task;

	return task_state_is_long() ? READ(old, state) : READ(task, __state);
}

/* Uninterruptible sleep (D), except that of kernel threads which rest in it. */
static __always_inline bool task_is_blocked(u32 state)
{
	return (state & (TASK_UNINTERRUPTIBLE | TASK_NOLOAD)) == TASK_UNINTERRUPTIBLE;
}

/*
 * Stopped by a signal or a debugger, or frozen: in v2 a bit of the task; by other freezers a state since f5d39b020809
 * ("freezer,sched: Rewrite core freezer logic"), 6.1, before that a flag, whose bit is used for something else now.
 */
static __always_inline bool task_is_stopped(struct task_struct *task, u32 state)
{
	if (state & (TASK_STOPPED_TRACED | TASK_FROZEN))
		return true;
	if (!(state & TASK_UNINTERRUPTIBLE)) /* else it waits in vfork(2), which sets the bit too */
		return BPF_CORE_READ_BITFIELD(task, frozen);
	return task_state_is_long() && task->flags & PF_FROZEN;
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

/* Older kernels have it as a part of the cgroup, newer ones a pointer to it. */
static __always_inline u64 cgroup_pressure(struct cgroup *cgrp)
{
	if (!bpf_core_field_exists(cgrp->psi))
		return 0;
	if (bpf_core_field_size(cgrp->psi) == sizeof(void *))
		return (u64)BPF_CORE_READ(cgrp, psi);
	return (u64)cgrp + bpf_core_field_offset(struct cgroup, psi);
}

enum psi_states {
	PSI_CPU_FULL = 5,
};

/* These structures are empty in kernels without PSI, without CFS_BANDWIDTH. */
static __always_inline bool has_pressure(void)
{
	return bpf_core_field_exists(((struct psi_group *)0)->total);
}

static __always_inline bool has_quotas(void)
{
	return bpf_core_field_exists(((struct cfs_bandwidth *)0)->quota);
}

/* How many states of enum psi_states there are; the last is younger than the others (5.13). */
static __always_inline u32 pressure_cnt(void)
{
	return bpf_core_enum_value_exists(enum psi_states, PSI_CPU_FULL) ? PRESSURES
									 : PRESSURES - 1;
}

/* f3fa33acca9f ("block: remove the ->rq_disk field in struct request"): the disk is the queue's. */
struct request___rq_disk {
	struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

/* `tracked`: the verifier knows the type of the pointer. */
static __always_inline struct gendisk *request_disk(struct request *rq, bool tracked)
{
	struct request___rq_disk *old = (void *)rq;

	if (bpf_core_field_exists(old->rq_disk))
		return tracked ? old->rq_disk : BPF_CORE_READ(old, rq_disk);
	return tracked ? rq->q->disk : BPF_CORE_READ(rq, q, disk);
}

/* 309dca309fc3 ("block: store a block_device pointer in struct bio"), 5.12. */
struct bio___disk {
	struct gendisk *bi_disk;
} __attribute__((preserve_access_index));

static __always_inline struct gendisk *bio_disk(struct bio *bio, bool tracked)
{
	struct bio___disk *old = (void *)bio;

	if (bpf_core_field_exists(old->bi_disk))
		return tracked ? old->bi_disk : BPF_CORE_READ(old, bi_disk);
	return tracked ? bio->bi_bdev->bd_disk : BPF_CORE_READ(bio, bi_bdev, bd_disk);
}

/*
 * How many use the request; nobody once it was given back. 0a467d0fdd95 ("block: switch to atomic_t for request
 * references"), 5.16: it was a refcount_t.
 */
static __always_inline int request_refs(struct request *rq)
{
	int refs = 0;

	bpf_probe_read_kernel(&refs, sizeof(refs), &rq->ref);
	return refs;
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

/* Resident pages (file, anonymous, shared) on kernels that do not count them per CPU. */
static __always_inline s64 mm_pages(struct mm_struct *mm)
{
	struct mm_struct___shared *shared = (void *)mm;
	s64 count[4];

	bpf_probe_read_kernel(count, sizeof(count), &shared->rss_stat);
	return count[0] + count[1] + count[3];
}

/* Pages that the thread has not yet added to its mm's count. */
static __always_inline s64 task_pages(struct task_struct *task)
{
	struct task_struct___shared *shared = (void *)task;
	int count[4];

	if (!bpf_core_field_exists(shared->rss_stat.count))
		return 0;
	bpf_probe_read_kernel(count, sizeof(count), &shared->rss_stat.count);
	return (s64)count[0] + count[1] + count[3];
}

/* Of the tasks that share an mm, one owns it. Without memory cgroups the kernel does not record which. */
static __always_inline bool mm_is_of(struct mm_struct *mm, struct task_struct *task)
{
	if (!bpf_core_field_exists(mm->owner))
		return task->pid == task->tgid;
	return BPF_CORE_READ(mm, owner) == task;
}

enum pageflags {
	PG_head,
};

/* The older name of folio->_nr_pages. */
struct folio___old {
	unsigned int _folio_nr_pages;
} __attribute__((preserve_access_index));

/* The first word of a folio is its flags; only large ones have a number of pages. */
static __always_inline u64 folio_pages(struct folio *folio)
{
	struct folio___old *old = (void *)folio;
	unsigned long flags;

	if (typed)
		flags = *(unsigned long *)folio;
	else
		bpf_probe_read_kernel(&flags, sizeof(flags), folio);
	if (!(flags & 1UL << bpf_core_enum_value(enum pageflags, PG_head)))
		return 1;
	return bpf_core_field_exists(old->_folio_nr_pages) ? READ(old, _folio_nr_pages)
							   : READ(folio, _nr_pages);
}

/* The per-CPU address of a table's only value, without any CPU's offset; `map` is the address of the table. */
static __always_inline u64 map_percpu_address(u64 map)
{
	return (u64)BPF_CORE_READ((struct bpf_array *)map, pptrs[0]);
}

/* The number of the returning system call; negative after rt_sigreturn. */
static __always_inline int syscall_nr(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (int)READ(regs, orig_ax);
#elif defined(__TARGET_ARCH_arm64)
	return READ(regs, syscallno);
#endif
}

/* The task is in a 32-bit system call, or a 64-bit process used int 0x80. */
static __always_inline bool task_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(task, thread_info.status) & 2; /* TS_COMPAT */
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ(task, thread_info.flags) & (1UL << 22); /* TIF_32BIT */
#endif
}

/*
 * The current system call has a 32-bit number. On x86-64 the instruction `syscall` leaves its return address in rcx:
 * if it is still there, the call is a 64-bit one.
 */
static __always_inline bool syscall_compat(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	if (READ(regs, cx) == READ(regs, ip))
		return false;
#endif
	return task_compat(task_current());
}

/* dd6e10fbd9fb ("bpf: Add bpf_task_pt_regs() helper"), 5.15. Before, they are at the end of the kernel stack. */
static __always_inline bool has_registers(void)
{
	return storage && bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

#define THREAD_SIZE 16384
#define USER_RPL    3 /* in cs, after an entry from a program */

/* The registers with which a task entered the kernel. */
static __always_inline struct pt_regs *task_registers(struct task_struct *task)
{
	struct pt_regs *regs;

	if (has_registers())
		return (void *)bpf_task_pt_regs(task);
	regs = (void *)BPF_CORE_READ(task, stack) + THREAD_SIZE -
	       bpf_core_type_size(struct pt_regs);
#if defined(__TARGET_ARCH_x86)
	/* 65c9cc9e2c14 ("x86/fred: Reserve space for the FRED stack frame"), 6.9: 16 bytes more, if configured */
	if ((BPF_CORE_READ(regs, cs) & 3) != USER_RPL)
		regs = (void *)regs - 16;
#endif
	return regs;
}

#define REGISTER(regs, name) (has_registers() ? (regs)->name : BPF_CORE_READ(regs, name))

#if defined(__TARGET_ARCH_x86)
/* The instruction syscall leaves its return address in rcx. */
#define CALL_COMPAT_OF(task, regs) (REGISTER(regs, cx) != REGISTER(regs, ip) && task_compat(task))
#define CALL_NUMBER(regs)	   ((int)REGISTER(regs, orig_ax))
#define CALL_SECOND(regs)	   REGISTER(regs, si)
#define PROGRAM_IP(regs)	   REGISTER(regs, ip)
#define PROGRAM_SP(regs)	   REGISTER(regs, sp)
#define PROGRAM_FP(regs)	   REGISTER(regs, bp)
#elif defined(__TARGET_ARCH_arm64)
#define CALL_COMPAT_OF(task, at) task_compat(task)
#define CALL_NUMBER(at)		 REGISTER(at, syscallno)
#define CALL_SECOND(at)		 REGISTER(at, regs[1]) /* the member: hence not the parameter's name */
#define PROGRAM_IP(at)		 REGISTER(at, pc)
#define PROGRAM_SP(at)		 REGISTER(at, sp)
#define PROGRAM_FP(at)		 REGISTER(at, regs[29])
#endif

#define CALL_COMPAT(regs) CALL_COMPAT_OF(task_current(), regs)

#define ENOSYS 38

/*
 * Does the system call that a task is in have its result, so that it is at its end or on its way back to the program? On x86-64
 * the result is -ENOSYS until then; on arm64 it takes the place of the first argument.
 */
static __always_inline bool task_call_done(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (long)REGISTER(regs, ax) != -ENOSYS;
#elif defined(__TARGET_ARCH_arm64)
	return REGISTER(regs, regs[0]) != REGISTER(regs, orig_x0);
#endif
}

/* Threads of the kernel have no registers of a program. */
static __always_inline bool task_calls(struct task_struct *task)
{
#if defined(__TARGET_ARCH_arm64)
	return !(READ(task, flags) & (PF_KTHREAD | PF_IO_WORKER));
#endif
	return true;
}

/* The number of the system call that a task is in; negative: it is in none, or that has its result. */
static __always_inline int task_syscall(struct task_struct *task)
{
	struct pt_regs *regs = task_registers(task);

	return task_calls(task) && !task_call_done(regs) ? CALL_NUMBER(regs) : -1;
}

/*
 * The kernel code at this address of the stack interrupts the running task, and is not called by it. Interrupts have stacks of
 * their own; but x86 handles those that come while a program runs on the task's, which is empty then. Those cannot be told from
 * exceptions: a page fault that wakes another task is taken for one. The running task has a type since 5.11 only.
 */
static __always_inline bool task_interrupted(struct task_struct *task, u64 stack)
{
	if (stack - (u64)BPF_CORE_READ(task, stack) >= THREAD_SIZE)
		return true;
#if defined(__TARGET_ARCH_x86)
	if (!(BPF_CORE_READ(task, flags) & (PF_KTHREAD | PF_IO_WORKER | PF_EXITING)))
		return CALL_NUMBER(task_registers(task)) < 0;
#endif
	return false;
}

/* Without CONFIG_FAIR_GROUP_SCHED there is no way from a task to its run queue. */
static __always_inline bool has_run_queue(void)
{
	return bpf_core_field_exists(((struct sched_entity *)0)->cfs_rq) &&
	       bpf_core_field_exists(((struct cfs_rq *)0)->rq);
}

/* The scheduler's clock, as it was read for this switch; prev is the task that leaves the CPU. */
static __always_inline u64 switch_clock(struct task_struct *prev)
{
	if (!has_run_queue())
		return bpf_ktime_get_ns();
	return typed ? prev->se.cfs_rq->rq->clock : BPF_CORE_READ(prev, se.cfs_rq, rq, clock);
}

/* The same when the running task came to the CPU; 0: not known. */
static __always_inline u64 arrival_clock(struct task_struct *task)
{
	if (!has_run_queue())
		return 0;
	return storage ? task->sched_info.last_arrival
		       : BPF_CORE_READ(task, sched_info.last_arrival);
}

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

/* 12cd44023651 ("fs: rename inode i_atime and i_mtime fields"), 6.7: first i_mtime, then __i_mtime. */
struct inode___mtime {
	struct timespec64 i_mtime, __i_mtime;
} __attribute__((preserve_access_index));

/* 3aa63a569c64 ("fs: switch timespec64 fields in inode to discrete integers"), 6.11. */
static __always_inline u64 inode_mtime_ns(struct inode *inode)
{
	struct inode___mtime *old = (void *)inode;
	struct timespec64 mtime = {};

	if (bpf_core_field_exists(inode->i_mtime_sec))
		return BPF_CORE_READ(inode, i_mtime_sec) * 1000000000ULL +
		       BPF_CORE_READ(inode, i_mtime_nsec);
	if (bpf_core_field_exists(old->__i_mtime))
		bpf_probe_read_kernel(&mtime, sizeof(mtime), &old->__i_mtime);
	else
		bpf_probe_read_kernel(&mtime, sizeof(mtime), &old->i_mtime);
	return mtime.tv_sec * 1000000000ULL + mtime.tv_nsec;
}

#define ERESTARTSYS	      512
#define ERESTARTNOHAND	      514
#define ERESTART_RESTARTBLOCK 516

/*
 * With which of these codes did the task's system call end that is now to be interrupted by a signal handler? 0: none, or not
 * known; arm64 has prepared to restart the call by then.
 */
static __always_inline u64 syscall_interrupted(struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	u64 err = -REGISTER(regs, ax);

	if (CALL_NUMBER(regs) >= 0 && err - ERESTARTSYS <= ERESTART_RESTARTBLOCK - ERESTARTSYS)
		return err;
#endif
	return 0;
}

#endif
