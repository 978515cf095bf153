/* SPDX-License-Identifier: GPL-2.0-only */
/* Who wakes a task: whoever runs at sched_waking, unless an interrupt has taken over the CPU from that. */
#ifndef WAKER_BPF_H
#define WAKER_BPF_H

#include "percpu.bpf.h"
#include "waits.h"

struct TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, u32, u64, 1, 0) context_address SEC(".maps");

/* What a program on a tracepoint is given is on the stack of who called it. A packet to this machine is delivered by an interrupt. */
static __always_inline bool in_interrupt(void *ctx, struct task_struct *task)
{
	u32 zero = 0;
	void *volatile *room = bpf_map_lookup_elem(&context_address, &zero);

	return room && task_interrupted(task, address_of(room, ctx));
}

static __always_inline void waker_find(struct waker *waker, void *ctx)
{
	struct task_struct *task = task_current();
	u32 flags = BPF_CORE_READ(task, flags);
	u64 id = bpf_get_current_pid_tgid();

	__builtin_memset(waker, 0, sizeof(*waker)); /* of an earlier wait */
	if (!id || in_interrupt(ctx, task)) {
		waker->kind = WAKER_INTERRUPT;
		return;
	}
	waker->kind = flags & PF_KTHREAD ? WAKER_KERNEL : WAKER_TASK;
	bpf_get_current_comm(waker->comm, sizeof(waker->comm));
	if (flags &
	    PF_EXITING) /* nobody asks for it by its number any more, and there may be thousands */
		return;
	waker->pid = id >> 32;
	waker->tid = (u32)id;
}

#endif
