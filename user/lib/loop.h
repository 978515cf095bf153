/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event loop: descriptors, timers, signals. One thread; nothing in it may block (lib/worker.h). Any
 * callback may add and remove watches and timers, its own as well: what was removed is not called any more,
 * not even for an event that has happened already.
 */
#ifndef LIB_LOOP_H
#define LIB_LOOP_H

#include <stdint.h>

#define NS_PER_MS 1000000ULL

/* CLOCK_MONOTONIC, which is also that of kernel programs. */
uint64_t clock_now_ns(void);

struct loop;
struct watch;
struct timer;

/* SIGINT and SIGTERM end the loop from now on, with their number. NULL with errno. */
struct loop *loop_new(void);
/* Removes all watches and timers that are left. */
void loop_free(struct loop *l);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/*
 * Calls `ready` whenever fd is ready for one of `events`, with those that it is ready for; an error or the
 * other end's closing is readiness for all of them. The loop does not own fd, which has to stay open until the
 * watch is removed. NULL with errno.
 */
struct watch *loop_watch(struct loop *l, int fd, unsigned events,
			 void (*ready)(void *ctx, unsigned events), void *ctx);
/* Waits for these events from now on; 0: for none. 0 or negative errno. */
int watch_set(struct watch *w, unsigned events);
void watch_remove(struct watch *w);

/* A timer that is not set. NULL: no memory. */
struct timer *loop_timer(struct loop *l, void (*expired)(void *ctx, uint64_t now_ns), void *ctx);
/* Calls `expired` once when clock_now_ns() has reached due_ns, at once when it has already. */
void timer_set(struct timer *t, uint64_t due_ns);
/* The same, unless it is to be called earlier. */
void timer_set_by(struct timer *t, uint64_t due_ns);
/* Calls it every period from now on; periods that were missed are left out. */
void timer_set_every(struct timer *t, uint64_t period_ns);
void timer_stop(struct timer *t);
void timer_remove(struct timer *t);

/*
 * Calls `raised` in the loop for each time that the signal arrives; the last handler of a signal counts. 0 or
 * negative errno.
 */
int loop_signal(struct loop *l, int signal, void (*raised)(void *ctx, int signal), void *ctx);

/* Runs until loop_end(), be it called before. Returns its result, or negative errno. */
int loop_run(struct loop *l);
void loop_end(struct loop *l, int result);

#endif
