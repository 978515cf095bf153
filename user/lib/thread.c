// SPDX-License-Identifier: BSD-3-Clause
#include "lib/thread.h"

#include <signal.h>
#include <time.h>

#define NS_PER_SEC 1000000000ULL

int thread_start(pthread_t *thread, void *(*run)(void *ctx), void *ctx)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, NULL, run, ctx);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

static struct timespec time_at(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / NS_PER_SEC), (long)(ns % NS_PER_SEC) };
}

bool thread_join(pthread_t thread, uint64_t until_ns)
{
	const struct timespec until = time_at(until_ns);

	return !pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until);
}

void thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

bool thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns)
{
	const struct timespec until = time_at(until_ns);

	if (until_ns == UINT64_MAX)
		return !pthread_cond_wait(cond, lock);
	return !pthread_cond_timedwait(cond, lock, &until);
}

uint64_t thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}
