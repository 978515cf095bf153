/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where watched tasks (bpf/watch.bpf.h) wait: the stacks in the kernel and in the program with which they leave the CPU, for how
 * long, and who woke them. The programs in the kernel are loaded while one of these is open.
 *
 * Stacks of programs are found by frame pointers. Debian's libraries and servers have none: then they consist of the library's
 * function in which the program waits, and of the one of its own that has called the library, which is found by looking for an
 * address of its code on the stack. From there on frame pointers are followed again, if that function has one. Names come from
 * the tables of symbols of the files that are mapped, or from their debug files, or from /tmp/perf-PID.map; they are not
 * demangled. Of a process that ends before its new addresses were looked up, within some 200 ms, they have none.
 */
#ifndef STACK_STACKS_H
#define STACK_STACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/worker.h"
#include "stack/names.h"
#include "stack/wait_class.h"
#include "waits.h"

struct probe_set;
struct stacks;

struct stack_frame {
	u64 address;
	const struct name *name; /* NULL: not known, or not yet */
	bool kernel;
};

/* All waits of a process with the same stacks, ended by the same waker. */
struct stack_row {
	enum wait_class class;
	u32 pid;
	s32 call;	   /* the system call, negative: none */
	u64 cnt;	   /* waits; those that last yet included */
	u64 blocked_ns;	   /* in all, until it was woken */
	u64 unfinished_ns; /* of that, of waits that last yet */
	u64 longest_ns;
	u64 cpu_wait_ns; /* from then until it came to a CPU */
	bool before;	 /* a wait began before the process was watched: it is longer than said */
	enum waker_kind waker; /* of a lock, who released it */
	u32 waker_pid,
		waker_tid; /* 0: nobody in particular, or of a process that was about to end */
	char waker_comm[STACKS_COMM + 1]; /* any bytes; "": not known */
	const struct stack_frame
		*frames; /* innermost first: those in the kernel, then those of the program */
	unsigned frame_cnt;
};

#define STACK_ROWS 256

struct stack_report {
	const struct stack_row *rows; /* at most STACK_ROWS, by blocked_ns, the largest first */
	unsigned cnt;
	u64 class_ns[WAIT_CLASSES]; /* blocked, of all rows, also of those that are not told */
	u64 lost_cnt,
		lost_ns; /* waits without a row, since the tables were full; of all that are watched */
	u64 stacks_lost; /* the same of waits whose row lacks a stack */
	unsigned
		pending; /* addresses that are being looked up: read it again later to have their names */
	const char *kernel_error; /* why the kernel's functions have no names, NULL: they have */
};

/*
 * Loads and attaches the programs; may be called in a thread, as it takes some tens of milliseconds. The worker reads other
 * people's files and may hang in them: it must outlive this, and be used for nothing else that matters; NULL: no names. On
 * failure NULL, and `error` says why.
 */
struct stacks *stacks_open(const struct probe_set *set, struct worker *worker, char *error,
			   size_t error_size);
/* In the event loop, as all that follows: it is quick, and does not wait for the worker. */
void stacks_close(struct stacks *s);
/* Some times a second: finds tasks that do not wake up, and names for what is new while its process lives. */
void stacks_tick(struct stacks *s, u64 now_ns);
/*
 * What the tasks with this mark have waited for since they have it; some moments ago, as reading costs, unless it is the last
 * time. Valid until the next call of any. 0 or negative errno.
 */
int stacks_read(struct stacks *s, u32 watch, bool last, struct stack_report *ret);
/* Forgets what these tasks have waited for: when none has the mark any more, and before it is given to others. */
void stacks_forget(struct stacks *s, u32 watch);

#endif
