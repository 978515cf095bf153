/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Long work on what the process holds, while its loop goes on and changes that: in a child, which has all of it as it is now. Pages are
 * copied only where one of the two writes.
 */
#ifndef LIB_ASIDE_H
#define LIB_ASIDE_H

#include "lib/buf.h"
#include "lib/loop.h"

struct aside;

struct aside_work {
	/* In the child, which has no descriptors of the process, nor its other threads. What is written becomes the result. */
	void (*work)(void *ctx, struct buf *out);
	/* In the loop. `out` is the callee's, and NULL where the child did not come to its end; with the CPU time that it took. */
	void (*done)(void *ctx, struct buf *out, uint64_t cpu_ns);
	void *ctx;
	/*
	 * After which it is killed: it may never end, as when another thread has just held a lock of the C library that the child
	 * needs.
	 */
	uint64_t limit_ns;
};

/* NULL with errno: there is no room for a child. */
struct aside *aside_start(struct loop *l, const struct aside_work *w);
/* Not after `done`, which is not called any more. Waits up to a second until the child is gone. */
void aside_cancel(struct aside *a);

#endif
