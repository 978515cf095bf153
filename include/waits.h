/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Waits of watched tasks, see bpf/stacks.bpf.c and user/stack/. */
#ifndef SEISMO_WAITS_H
#define SEISMO_WAITS_H

#include "types.h"

#define STACK_DEPTH 64

/*
 * A stack, innermost frame first; its key is a hash of it. That of a program is followed by frame pointers. A library that has
 * none hides its caller, and uses the register for something else: where the program itself has called it is the first word on
 * the stack, of so many, that points into the program's own code; and what it had in that register the library has saved on the
 * stack, if not left in it.
 */
#define STACK_WORDS 64

/*
 * Is this the frame pointer of the function whose call left word `caller` of the stack, which begins at sp? It is above that, and
 * what it points to is a frame: the second word of it is an address in the program's code.
 */
static inline __attribute__((always_inline)) int stack_is_frame(const u64 *words, u64 sp,
								u64 caller, u64 fp, u64 code_start,
								u64 code_size)
{
	u64 at = (fp - sp) / sizeof(u64);

	if (fp % sizeof(u64) || at <= caller || at >= STACK_WORDS - 1)
		return 0;
	return words[(at + 1) & (STACK_WORDS - 1)] - code_start < code_size;
}
struct stack_trace {
	u64 frame[STACK_DEPTH];
	u64 cnt;
};

enum waker_kind {
	WAKER_UNKNOWN,	 /* not seen, or it has not been woken yet */
	WAKER_TASK,	 /* a thread; of a lock the one that released it */
	WAKER_KERNEL,	 /* a thread of the kernel */
	WAKER_INTERRUPT, /* a device, a timer, a packet: nobody in particular */
};

#define STACKS_COMM 16

struct waker {
	u32 kind;
	u32 pid, tid; /* 0: nobody in particular; also of a process that was about to end */
	char comm[STACKS_COMM];
};

/* All waits of a process with the same stacks, ended by the same waker. */
struct wait_key {
	u64 kernel, user; /* keys of stacks, 0: not known */
	u32 watch;
	u32 pid;
	u32 waker_kind, waker_pid, waker_tid;
	s32 call; /* the system call, negative: none */
	u32 how;  /* WAIT_IS_... */
	u32 exec; /* which program of the process: it counts them */
};

#define WAIT_IS_STOPPED 1 /* by a signal, a debugger or a freezer */
#define WAIT_IS_CONDITION \
	2 /* of futexes: as condition variables and semaphores wait, not as mutexes do */

struct wait_value {
	u64 cnt;
	u64 blocked_ns, longest_ns; /* until it was woken */
	u64 cpu_wait_ns;	    /* from then until it came to a CPU */
	char waker_comm[STACKS_COMM];
};

/* A task that is blocked, or has been woken and is not yet on a CPU; by thread id. */
struct wait_now {
	struct wait_key key;
	u64 start_ns; /* of the task: thread ids are reused */
	u64 since_ns, woken_ns;
	u64 scan; /* the last one that found it blocked */
	/* Of a task that was blocked before it was watched: its stack has yet to be followed from here. */
	u64 ip, sp, fp, code_start, code_end;
	struct waker waker;
	u32 before; /* its wait began before it was watched */
};

/* Set and read by user space. */
struct stacks_state {
	u64 scan;	       /* the number of this scan */
	u64 waits;	       /* rows that were made */
	u64 lost_cnt, lost_ns; /* waits without a row: the table was full */
	u64 stacks_lost;       /* stacks that were not kept */
};

#define STACKS_MAX   4096
#define STACKS_WAITS 8192

#endif
