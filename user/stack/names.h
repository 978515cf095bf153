/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of addresses in the kernel and in processes. The latter are looked up by the worker, once: who asks again later finds them.
 * A process can choose what its files and tables say, and when reading them ends; so all that is read of it is bounded, and a
 * job that hangs keeps only names from coming.
 */
#ifndef STACK_NAMES_H
#define STACK_NAMES_H

#include "lib/worker.h"
#include "types.h"

/* Whose memory an address is in: a process until its next exec; pid 0: the kernel. */
struct space_key {
	u32 pid, exec;
};

struct name {
	const char *function; /* NULL: not known */
	const char *file;     /* base name, "kernel", "[vdso]"; NULL: not known */
	u64 offset;	      /* in the function, otherwise in the file */
};

struct names;

/*
 * Reads the names of the kernel's functions: in a thread. NULL: no memory. The worker, which may be NULL, must outlive it.
 */
struct names *names_new(struct worker *w);
void names_free(struct names *n);
/*
 * All names that are used will be asked for now: makes room, where that is short, by dropping those that have not been for seconds.
 * Time of clock_now_ns().
 */
void names_reading(struct names *n, u64 now_ns);
/* NULL: not known yet, it will be looked up. Valid until names_reading(). */
const struct name *names_find(struct names *n, struct space_key space, u64 address);
/* Some times a second: has the worker look up what was asked for. */
void names_tick(struct names *n, u64 now_ns);
/* So many are not known yet. */
unsigned names_pending(const struct names *n);
/* Why the kernel's functions have no names, NULL: they have. */
const char *names_kernel_error(const struct names *n);

#endif
