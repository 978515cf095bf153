/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The contract between kernel side and user side of an attachment: one process, its threads and its children. */
#ifndef SEISMO_ATTACH_H
#define SEISMO_ATTACH_H

#include "ends.h"
#include "syscall.h"
#include "types.h"
#include "waits.h"

/* Errors by errno: the program's, those by which the kernel restarts a call (ERESTARTSYS and so on), and all others. */
#define ATTACH_ERRNO	 134
#define ATTACH_RESTART	 512
#define ATTACH_RESTARTS	 5
#define ATTACH_ERRNO_MAX (ATTACH_ERRNO + ATTACH_RESTARTS + 1)

/* By number of the call, as the syscall family has them. */
struct attach_call {
	struct hist hist; /* of those that were seen to begin and have returned */
	u64 untimed;	  /* the others that have returned */
	u64 away_ns;	  /* of hist.sum_ns: away from the CPU */
	u64 longest_ns;	  /* about: longer ones are told as events */
	u32 errors[ATTACH_ERRNO_MAX];
};

/* What a thread that is not runnable waits for. */
enum attach_wait {
	ATTACH_WAIT_DISK,
	ATTACH_WAIT_LOCK,
	ATTACH_WAIT_NETWORK,
	ATTACH_WAIT_SLEEP,
	ATTACH_WAIT_EVENT, /* poll, epoll and so on: for any of several things */
	ATTACH_WAIT_CHILD,
	ATTACH_WAIT_PIPE, /* or a terminal */
	ATTACH_WAIT_OTHER,
	ATTACH_WAITS,
	ATTACH_WAIT_CPU = ATTACH_WAITS, /* it is runnable */
};

/* Of a call, by its number: what it waits for (one of the above), or how that is found; and what else there is to know of it. */
#define ATTACH_WAIT_MASK 0x000f
#define ATTACH_BY_STATE \
	0x0010 /* a disk if the sleep is uninterruptible, otherwise something else */
#define ATTACH_BY_FILE	  0x0020 /* what its first argument, a descriptor, is */
#define ATTACH_ON_PURPOSE 0x0040 /* it waits on purpose: not told as slow */
#define ATTACH_ON_FILES	  0x0080 /* it reads, writes, syncs or opens files */
#define ATTACH_FD	  0x0100 /* its first argument is a descriptor */
#define ATTACH_OPENS	  0x0200 /* returns a descriptor */
#define ATTACH_OFFSET	  0x0400 /* the fourth argument is an offset in the file */
#define ATTACH_FORKS	  0x0800 /* returns 0 in the child, which made no call */
#define ATTACH_PATH0	  0x1000 /* its first argument is a path */
#define ATTACH_PATH1	  0x2000 /* its second one is */
#define ATTACH_ACCEPTS	  0x4000 /* returns a connection that somebody else has opened */

/* What a call is about. */
/* Files, folders and disks are `file`, what else has a descriptor and is no socket is `pipe`. */
enum attach_object { ATTACH_NOTHING, ATTACH_FILE, ATTACH_SOCKET, ATTACH_PIPE, ATTACH_PATH };

#define ATTACH_ARGS	 3
#define ATTACH_COMM	 16
#define ATTACH_NAME	 256 /* a component of a path, with its NUL */
#define ATTACH_PATH_SIZE 512

/* What comes through the ring buffer; each begins with it. */
enum attach_told { ATTACH_CALL, ATTACH_CONNECTION };

/*
 * One call. `path`: components from the last to the first, as in struct identity; of ATTACH_PATH as it was given. What is told ends
 * behind it.
 */
struct attach_event {
	u32 kind; /* enum attach_told */
	u32 pid, tid;
	s32 call;
	u32 object;
	u64 end_ns, ns, away_ns;
	s64 ret;
	u64 args[ATTACH_ARGS];
	u64 offset; /* in the file, behind it */
	/* The longest of `away_ns`: what for, and who ended it. */
	u64 wait_ns;
	u32 wait; /* enum attach_wait */
	struct waker waker;
	u8 longest, slow, on_file; /* why it is told: see attach_state */
	struct ends ends;
	char comm[ATTACH_COMM];
	u16 path_len;
	char path[ATTACH_PATH_SIZE + ATTACH_NAME];
};

/*
 * A TCP connection of the process, or an attempt to make one. What the kernel has counted of it is of its whole life. Told when
 * it ends; until then it can be read.
 */
struct attach_connection {
	u32 kind;     /* enum attach_told */
	u32 pid, tid; /* who opened it, 0: not seen */
	u32 outbound, connected, error;
	u64 begin_ns, end_ns; /* since it is there; 0: since before the attachment, is open yet */
	u64 connect_ns;	      /* until it was connected, or has failed; 0: not seen */
	u64 received_bytes, sent_bytes;
	u32 rtt_us, retransmits;
	struct ends ends;
};

/* The last calls, a ring for each CPU. Written when they return, or by a thread's end within one (`died`). */
#define ATTACH_LAST 64

struct attach_last {
	u64 end_ns, ns;
	s64 ret;
	u64 args[ATTACH_ARGS];
	u32 pid, tid;
	s32 call; /* -1: of the end of a process outside of a call */
	u32 died;
};

/* What threads are doing when they are looked at: those that are in calls. */
#define ATTACH_UNDERWAY 64

struct attach_underway {
	u32 pid, tid;
	s32 call;
	u32 wait;     /* enum attach_wait */
	u64 since_ns; /* 0: since before */
	u64 args[ATTACH_ARGS];
	char comm[ATTACH_COMM];
};

/* Of a task, as getrusage(2) has it; by the samples that the kernel takes, where those are of times. */
struct attach_usage {
	u64 minor_faults, major_faults;
	u64 voluntary, involuntary; /* context switches */
	u64 user_ns, system_ns;
};

/* What is counted at once, and as much again of what threads have not told yet when they are looked at. */
struct attach_sums {
	u64 cpu_ns, run_queue_ns;
	u64 wait_ns[ATTACH_WAITS];
	struct attach_usage usage;
};

#define ATTACH_EXIT_CODES 256
#define ATTACH_SIGNALS	  65

/* One row, which both sides have mapped. */
struct attach_state {
	/* Set by user space. */
	u64 epoch;   /* tasks were marked: who runs is to be looked at again */
	u64 slow_ns; /* calls that take so long are told, 0: none is */
	u64 file_ns; /* the same of calls on files */
	u64 woken;   /* it has been, since it emptied the ring buffer last */
	u64 wake_bytes;
	u32 off; /* nothing is counted any more */
	u32 ports_only; /* files are looked at for ports that are listened at, which tell who has opened a connection */

	u32 begun; /* counted from now on: at once, or when the command is executed */
	u64 begin_ns;
	struct attach_sums sums;
	/* Processes and threads that were started; processes that ended, by how. */
	u64 forks, threads, execs;
	u64 exits[ATTACH_EXIT_CODES], killed[ATTACH_SIGNALS];
	u64 events_lost; /* no room in the ring buffer: the call was counted, and is not told */
	u64 connections, connections_lost; /* seen; no memory for what they are about */
	u64 tasks_lost;	    /* no memory for the state of a thread: what it does is not counted */
	u64 since_before;   /* calls that had begun before, and have returned */
	u64 resident_pages; /* the most that a process had that has ended */
	u32 ended;	    /* the process has */
	u32 exit_code;	    /* as wait(2) has it */
	u64 end_ns;

	/* The last look at all tasks; user space empties it before. */
	u32 marked; /* for the first time */
	u32 thread_cnt, process_cnt;
	u32 identity, gen; /* of the process */
	char comm[ATTACH_COMM];
	u32 underway_cnt; /* in calls; no more than ATTACH_UNDERWAY are told */
	struct attach_sums now;
	struct attach_underway underway[ATTACH_UNDERWAY];
};

#endif
