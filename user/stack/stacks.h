/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where watched tasks (task_ctx.watch) wait: the stacks in the kernel and in the program with which they leave the CPU, for how
 * long, and who woke them. The programs in the kernel are loaded while one of these is open.
 *
 * Stacks of programs are found by frame pointers. A function that has none hides its caller: libc has none in Debian 12, so
 * that the function which called it is missing if libc's own functions kept its frame pointer. Names come from the tables of
 * symbols of the files that are mapped, or of their debug files, and from /tmp/perf-PID.map; they are not demangled.
 */
#ifndef STACK_STACKS_H
#define STACK_STACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/worker.h"
#include "types.h"

struct probe_set;
struct stacks;

/* What a task waits for, by the functions in the kernel where it sleeps, or by its system call. */
enum wait_class {
	WAIT_DISK,    /* a disk, or a file system's journal or page */
	WAIT_LOCK,    /* a futex, or a lock in the kernel */
	WAIT_NETWORK, /* a socket */
	WAIT_MEMORY,  /* reclaim, the limit of dirty pages, a swapped-out page */
	WAIT_IDLE,    /* on purpose: sleep, poll, a child, a pipe, a terminal */
	WAIT_STOPPED, /* by a signal, a debugger or a freezer */
	WAIT_OTHER,
	WAIT_CLASSES
};
const char *wait_class_name(enum wait_class class);

enum waker_kind {
	WAKER_UNKNOWN,	 /* not seen, or it has not been woken yet */
	WAKER_TASK,	 /* a thread; of a lock the one that released it */
	WAKER_KERNEL,	 /* a thread of the kernel */
	WAKER_INTERRUPT, /* a device, a timer, a packet: nobody in particular */
};

struct stack_frame {
	u64 address;
	const char *function; /* NULL: not known */
	u64 offset;	      /* in the function; without one, in the file */
	const char *file;     /* base name of the program or library, "kernel", "[vdso]"; NULL: not known */
	bool kernel;
};

/* All waits with the same stacks, ended by the same waker. */
struct stack_row {
	enum wait_class class;
	u32 pid;	     /* the process that waited */
	u64 cnt;	     /* waits; those that last yet included */
	u64 blocked_ns;	     /* in all, until it was woken */
	u64 unfinished_ns;   /* of that, of waits that last yet */
	u64 longest_ns;
	u64 cpu_wait_ns;     /* from then until it came to a CPU */
	bool since_before;   /* a wait that lasts yet began before it was watched: it is longer than said */
	enum waker_kind waker;
	u32 waker_pid, waker_tid; /* 0: nobody in particular */
	const char *waker_comm;	  /* any bytes but NUL; "": not known */
	const struct stack_frame *frames; /* innermost first: those in the kernel, then those of the program */
	unsigned frame_cnt;
};

struct stack_report {
	const struct stack_row *rows; /* by blocked_ns, the largest first */
	unsigned cnt;
	u64 lost_cnt, lost_ns; /* waits for which the table had no room: in no row */
	u64 stacks_lost;       /* waits whose row lacks a stack for the same reason */
	unsigned unresolved;   /* addresses that are being looked up: read it again to have their names */
	const char *no_kernel_names; /* why there are none, NULL: there are */
};

/*
 * Loads and attaches the programs. The worker, which reads other people's files and may hang in them, must outlive it; NULL:
 * no names. On failure NULL, and why and what to do in `error`.
 */
struct stacks *stacks_open(struct probe_set *set, struct worker *worker, char *error,
			   size_t error_size);
void stacks_close(struct stacks *s);
/* Some times a second: finds tasks that do not wake up, and the names of what is new, while the processes live. */
void stacks_tick(struct stacks *s);
/* What the tasks with this mark have waited for since they had it. Valid until the next call. 0 or negative errno. */
int stacks_read(struct stacks *s, u32 watch, struct stack_report *ret);
/* Forgets what these tasks have waited for: before the mark is given to others. */
void stacks_forget(struct stacks *s, u32 watch);

#endif
