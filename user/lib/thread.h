/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads for what may block. */
#ifndef LIB_THREAD_H
#define LIB_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts a thread in which all signals are blocked: they are for the event loop. 0 or negative errno. */
int thread_start(pthread_t *thread, void *(*run)(void *ctx), void *ctx);
/* Waits for its end until this time of clock_now_ns(), and frees it then. Has it ended? */
bool thread_join(pthread_t thread, uint64_t until_ns);
/* A condition whose waits have deadlines of clock_now_ns(). */
void thread_cond_init(pthread_cond_t *cond);
/* False when the deadline (UINT64_MAX: none) has passed. */
bool thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns);

/* The CPU time that this thread has used. */
uint64_t thread_cpu_ns(void);

#endif
