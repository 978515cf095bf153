/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * Events that the kernel side tells one by one, through a ring buffer: what is rare and worth a line in the event log. They come
 * in the order in which they happened, as far as CPUs can tell.
 */
#ifndef SEISMO_RING_EVENT_H
#define SEISMO_RING_EVENT_H

#include "ends.h"
#include "types.h"

enum ring_kind {
	RING_FORK,
	RING_EXEC,
	RING_EXIT,
	RING_OOM,
	RING_BLOCK_ERROR,
	RING_SLOW,
	RING_WATCHED,
	RING_KINDS,
	RING_KINDS_MAX = 8
};

#define RING_COMM 16

/* What every event begins with. Its process, if it has one, is that of `pid`. */
struct ring_event {
	u32 kind;
	u32 identity, gen;
	u32 pid, parent;
	u32 uid; /* of the running task */
	u64 time_ns;
	char comm[RING_COMM]; /* of the first thread; need not end with a NUL */
};

struct ring_process {
	struct ring_event head;
	char parent_comm[RING_COMM];
	u64 since_ns; /* start of the process */
	union {
		struct { /* of an exec: the program's file */
			u64 inode, size, mtime_ns;
			u32 device;
		};
		struct {	    /* of an exit */
			u32 code;   /* as wait(2) has it */
			u32 reason; /* enum process_reason */
		};
	};
};

#define RING_CGROUP 64

/* The process is the victim's. */
struct ring_oom {
	struct ring_event head;
	char parent_comm[RING_COMM];
	u32 scope;   /* enum oom_scope of process.h */
	u32 trigger; /* who needed memory: process id and name */
	char trigger_comm[RING_COMM];
	u64 limit_pages;
	char cgroup[RING_CGROUP]; /* the last part of the path of the one whose limit it was */
};

#define IO_SECTOR_UNKNOWN (~0ULL)

/* Of a request to a disk, or of the I/O of a volume. Whose process it was is not known. */
struct ring_io {
	struct ring_event head;
	u64 dim; /* of seismo_block_io_errors_total, or ..._duration_seconds */
	u64 sector;
	u64 bytes;
	u64 total_ns, device_ns; /* of slow ones; 0: not known */
};

/* What an identity's longest is kept of, in a window. */
enum slow_kind { SLOW_SYSCALL, SLOW_REQUEST, SLOW_IO, SLOW_KINDS, SLOW_KINDS_MAX = 4 };

/* What is shorter is not told. */
#define SLOW_MIN_NS 20000000ULL

#define RING_FILE 64

struct ring_slow {
	struct ring_io io; /* `total_ns` is of all kinds */
	u32 what;
	u32 syscall;
	u32 class;
	u32 unused;
};

/* Of a system call: the last part of the path, and the one before it; "": none. */
struct ring_slow_call {
	struct ring_slow slow;
	char file[2][RING_FILE];
};

/* I/O, or a request, of a task that somebody is attached to who wants to know what takes so long. */
struct ring_watched {
	struct ring_slow slow; /* its process is that of the thread, 0: not known */
	u32 watch, tid;
	struct ends ends; /* of a request */
};

/* Longer ones are told: an identity's row. User space makes it 0 when a window ends. */
struct slowest {
	u64 ns[SLOW_KINDS_MAX];
};

#define RING_WATCHES 4

/* Shared with user space. */
struct ring_state {
	u64 on;			  /* somebody reads: set by user space */
	u64 wake_bytes;		  /* so full wakes it; before, it comes by itself */
	u64 woken;		  /* it has been, and has not come yet */
	u64 lost[RING_KINDS_MAX]; /* by kind: there was no room */
	struct {
		u32 watch; /* an attachment that wants to know what takes so long; 0: none */
		u64 ns;
	} watched[RING_WATCHES];
};

#endif
