/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* The contract between the kernel side (bpf/) and the user side (user/): table rows, keys, sizes. */
#ifndef SEISMO_TYPES_H
#define SEISMO_TYPES_H

#ifdef __bpf__
#include <linux/types.h>
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
#else
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
#endif

/*
 * Histograms are exponential with base 2^(1/8) seconds, Prometheus' native schema 3.
 * Bucket 0 holds what took at most 2^HIST_MIN_EXP seconds (0.95 us), bucket i in 1..HIST_BUCKETS-2 the
 * interval (2^(HIST_MIN_EXP + (i-1)/8), 2^(HIST_MIN_EXP + i/8)] seconds, the last one everything above
 * 2^HIST_MAX_EXP seconds (64 s).
 */
#define HIST_SUB     8
#define HIST_MIN_EXP (-20)
#define HIST_MAX_EXP 6
#define HIST_BUCKETS ((HIST_MAX_EXP - HIST_MIN_EXP) * HIST_SUB + 2)

struct hist {
	u64 sum_ns;
	u64 bucket[HIST_BUCKETS];
};

/*
 * Identities: who did it, as a small number. A task gets its identity when it is first seen, from its cgroups and
 * its program; children inherit it. The row holds what user space needs to name the service. When no task has an
 * identity any more, user space frees the number and changes `gen`: a socket that still holds the old number can
 * tell that it is stale.
 */
#define IDENTITY_OTHER	 0 /* tasks without an identity of their own: the table was full */
#define IDENTITY_UNKNOWN 0xffffffffU

#define IDENTITY_NAME	 256 /* the longest file name, with its NUL */
#define IDENTITY_EXE	 256
#define IDENTITY_ARGS	 256
#define IDENTITY_CGROUPS 1024

struct identity_key {
	u64 cgroups; /* hash of the ids of its cgroups, 0: in the root of every hierarchy */
	u64 program; /* hash of executable and name (and arguments if a rule matches them), 0: kernel */
	/* Listening port, if a rule matches it; above, who watches the task: it is counted apart, for the same service. */
	u64 port;
};
#define IDENTITY_WATCH_SHIFT 32

/*
 * Paths are stored reversed: components from the last to the first, each with its NUL. An empty component ends a
 * path; `cgroups` holds several paths in a row. What does not fit is cut off at the end, so the last component,
 * which gives the name, is always there. The space beyond the limit is for the component that crosses it.
 */
struct identity {
	struct identity_key key;
	u32 pid, parent; /* the first process with this identity, and the one above it */
	u16 exe_len, name_len, args_len, cgroups_len;
	u32 kernel;
	char name
		[IDENTITY_NAME]; /* of the program, see program_name() in bpf/program.bpf.h; padded with zeros */
	char args[IDENTITY_ARGS];
	char exe[IDENTITY_EXE + IDENTITY_NAME];
	char cgroups[IDENTITY_CGROUPS + IDENTITY_NAME];
};

/*
 * Told to user space at once, so that it can look containers up before they are gone: a new identity in a cgroup, or a
 * process that has become the monitor of a container.
 */
struct arrival {
	u32 identity; /* 0: none */
	u32 monitor;  /* process id */
};

struct identity_state {
	u32 gen;
	u8 live; /* set last, when the identity's row is complete */
	u8 matters; /* its program is more than a short command: it serves requests, or keeps failing */
	u16 failures; /* of its processes in a row */
};

/*
 * Totals over live tasks per identity, recomputed by each task scan: gauges, and what these tasks have used but
 * a counter has not been told yet (struct metric).
 */
struct task_totals {
	u32 tasks;
	u32 pid; /* of the youngest of these processes, 0: there is none */
	u64 processes;
	u64 since_ns; /* when the oldest of these processes started its program; 0: there is none */
	u64 youngest_ns; /* when the youngest did */
	u64 cpu_ns;	 /* on the CPU since the last switch */
	u64 resident_bytes;
	u64 major_faults; /* since the last change of identity */
	u64 blocked, blocked_oldest_ns, stopped;
	u64 io_limit;		  /* does I/O of their cgroup wait in a limit: task_scan.bpf.h */
	u64 io_limited_oldest_ns; /* of those that are blocked while I/O of their cgroup waits in a limit */
	/* Limits of its cgroups, the tightest from there up, 0: none. */
	u64 cpu_quota; /* in billionths of a CPU */
	u64 memory_limit_bytes;
};

/* Kinds of pressure (PSI), in the kernel's order: I/O, memory, CPU; of each some tasks, all tasks. */
#define PRESSURES 6

/*
 * What a cgroup with tasks of an identity has counted. User space adds what has grown since `counted` and moves that; for a
 * cgroup that the row did not have before it begins with the values of that moment.
 */
#define USAGE_VALUES PRESSURES
struct cgroup_usage {
	u64 serial; /* the cgroup's, never used again; 0: none. Set last */
	u64 counted[USAGE_VALUES];
	u64 now[USAGE_VALUES];
};

#define CGROUP_QUOTAS 2
struct cgroup_usages {
	struct cgroup_usage pressure;
	struct cgroup_usage quota[CGROUP_QUOTAS]; /* periods, throttled periods, throttled ns */
};

/* Instead of a time: in the current system call, the task was away from the CPU before it was seen. */
#define LEFT_LONG_AGO (~0ULL >> 1)

/* The context of a task. What every context switch uses comes first: storage gives it 56 bytes of a cache line. */
struct task_ctx {
	u32 identity;
	u32 gen;
	u64 enter_ns;		      /* of the current system call: see struct cpu */
	u64 left_ns;		      /* the same */
	u64 runtime_ns, run_delay_ns; /* counted so far */
	u64 moved_ns;		      /* runtime at the last change of identity */
	s32 call;		      /* the system call that enter_ns and left_ns are of */
	u32 before;		      /* the identity before the last change */
	u64 program;		      /* of the identity's key */
	u64 port;		      /* of the identity's key */
	u64 reclaim_ns;		      /* start of the current direct reclaim */
	u64 major_faults;	      /* counted so far */
	u64 blocked_ns;	  /* start of its last uninterruptible sleep, 0: none was seen */
	u64 since_ns;	  /* start of the program, at first of the task */
	u16 exit_counted; /* the end of the process has been counted */
	u16 starting;	  /* has not yet returned from the fork that made it */
	u32 tid, tgid;	  /* where the task scan has no task_struct to read */
	u32 watch;	  /* see bpf/watch.bpf.h; 0: nobody watches it */
};

/* The task that runs on a CPU; one row per CPU, maintained by sched_switch. */
struct cpu {
	u32 identity;  /* IDENTITY_UNKNOWN: look it up in the task */
	u32 counters;  /* index of its first counter */
	u64 enter_ns;  /* start of its system call, 0: not known */
	u32 gen;       /* of the identity */
	u32 hist_uses; /* index of its first row of hist_uses */
	u64 left_ns; /* when it first left the CPU in this call, by the scheduler's clock; 0: it has not */
	u64 slow_ns; /* calls that it spends so long away from the CPU are slow, 0: none; set by user space */
	s32 call;      /* the call that these are of */
	u32 slow;      /* it is slow */
	u32 unused[4]; /* a cache line for each CPU */
};
_Static_assert(sizeof(struct cpu) == 64, "a cache line");

/*
 * Programs whose missed events the program on sched_switch counts for whoever ran, where the kernel drops some
 * (bpf/missed.bpf.h): a row each, and for each CPU where the kernel counts the misses and what it had counted before.
 */
#define MISSED_PROGRAMS 8

struct missed_program {
	u32 id;	    /* the kernel's; 0: none */
	u32 metric; /* 0: seismo_service_events_lost_total */
	u64 dim;
	u64 with_start; /* also runs when a task returns from the fork that made it, which is no event */
};

struct missed_cpu {
	struct {
		u64 address, cnt;
	} program[MISSED_PROGRAMS];
};

/*
 * A series (metric, identity, dimension) has a slot in one of two pools. Slot numbers below METRIC_MAX are reserved:
 * slot M counts the events of metric M that found no slot of their own.
 *
 * Counters have a value for each lane, counters[lane][slot]. A CPU has a lane of its own, so that CPUs do not share
 * cache lines; on machines with more CPUs than memory for lanes, several CPUs add to one lane, atomically.
 *
 * A histogram is large, and most are used by few CPUs. Each slot has one histogram that all CPUs share, hists[slot],
 * added to atomically. A CPU that uses a slot often gets a cell: a histogram of its own, for this slot. If no cell is
 * left, it stays with the shared one: slower, but nothing is lost. The value of a slot is the sum of its histograms.
 */
#define METRIC_MAX 128

struct series_key {
	u32 metric;
	u32 identity;
	u64 dim;
};

#define SERIES_OTHER (~0ULL) /* the dimension of the reserved slots */

/* How a CPU uses a histogram. A row of table hist_uses is a cache line: one CPU's use of HIST_USES slots. */
#define HIST_USES 16

struct hist_use {
	u16 cell; /* the cell that the CPU has for the slot, 0: none */
	u16 cnt;  /* additions without a cell, counted up to HIST_CELL_MIN */
};
struct hist_uses {
	struct hist_use slot[HIST_USES];
};
_Static_assert(sizeof(struct hist_uses) == 64, "a cache line");
#define HIST_CELL_MIN 16 /* additions before a CPU gets a cell */

/* Cells in use, by CPU and slot. */
struct hist_cell_key {
	u32 cpu, slot;
};

#define BUDGET_CELLS 0 /* the row of `budgets` for cells, where metrics begin at 1 */

/*
 * Free ids are kept on stacks, at first in ranges of up to ID_RANGE_MAX. Allocating an id pops a range and pushes
 * the rest of it back.
 */
#define ID_RANGE_MAX 64

struct id_range {
	u32 first, cnt;
};

/* The series limit of one metric (or of cells), and how many are in use. */
struct budget {
	u64 max;
	u64 used;
	u64 dropped; /* events counted in the reserved slot */
};

/* A process that ran before the daemon started, as its scan of /proc found it; by process id. */
struct proc_snapshot {
	u32 len; /* of args */
	u32 port;
	char name[IDENTITY_NAME]; /* padded with zeros, "": unknown */
	char args[IDENTITY_ARGS]; /* only if a rule matches arguments */
};

/* Options of one kind of interpreter, see script.h. */
#define SCRIPT_CLASSES 64

struct script_class {
	u32 flags;
	u8 letter[128]; /* enum script_action */
};

#endif
