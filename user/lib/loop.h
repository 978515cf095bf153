/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop: descriptors, one periodic timer, signals. One thread; nothing in it may block. */
#ifndef LIB_LOOP_H
#define LIB_LOOP_H

#include <stdint.h>

/* CLOCK_MONOTONIC, which is also that of kernel programs. */
uint64_t clock_now_ns(void);

struct loop;

/* SIGINT and SIGTERM end the loop from now on. NULL with errno. */
struct loop *loop_new(void);
void loop_free(struct loop *l);
/* Calls `ready` whenever fd is readable. 0 or negative errno. The loop does not own fd. */
int loop_watch(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx);
/* Calls `tick` with CLOCK_MONOTONIC in ns, every period. 0 or negative errno. */
int loop_every(struct loop *l, uint64_t period_ns, void (*tick)(void *ctx, uint64_t now_ns),
	       void *ctx);
/* How long may it sleep at most? Asked before each sleep; milliseconds, -1 for ever. */
void loop_limit(struct loop *l, int (*timeout_ms)(void *ctx), void (*timeout)(void *ctx),
		void *ctx);
/* Runs until a signal ends it. Returns the signal's number, or negative errno. */
int loop_run(struct loop *l);

#endif
