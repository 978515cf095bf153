/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of bpf/stacks.bpf.c: what watched tasks have waited for, and what they wait for now. */
#ifndef STACK_KERNEL_WAITS_H
#define STACK_KERNEL_WAITS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/worker.h"
#include "waits.h"

struct probe_set;
struct kernel_waits;

/* All waits with the same key. */
struct wait_total {
	struct wait_key key;
	struct wait_value value; /* with those that last yet */
	u64 unfinished_ns;	 /* of blocked_ns, of waits that last yet */
	bool before;		 /* one of these began before it was watched */
};

void wait_total_add(struct wait_total *to, const struct wait_total *from);

/* As stacks_open(). */
struct kernel_waits *kernel_waits_open(const struct probe_set *set, struct worker *worker,
				       char *error, size_t error_size);
void kernel_waits_close(struct kernel_waits *k);
/*
 * Reads all of them, those that last yet included; after it kernel_waits_totals(). Makes room in the tables when they get
 * full: what processes that have ended have waited for is kept here, without numbers of processes (0) and stacks of theirs.
 * 0 or negative errno.
 */
int kernel_waits_read(struct kernel_waits *k, u64 now_ns);
/* Valid until the next call; the caller may sort them. */
struct wait_total *kernel_waits_totals(struct kernel_waits *k, size_t *ret_cnt);
/* The stack with this key, NULL: not known. Valid until kernel_waits_close(). */
const struct stack_trace *kernel_waits_stack(struct kernel_waits *k, u64 key);
/* Was it another process that woke it, and has that ended? */
bool kernel_waits_waker_ended(const struct wait_key *key);
/* Counts since it was opened. */
const struct stacks_state *kernel_waits_state(const struct kernel_waits *k);
void kernel_waits_forget(struct kernel_waits *k, u32 watch);

#endif
