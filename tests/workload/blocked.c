// SPDX-License-Identifier: BSD-3-Clause
/*
 * THREADS threads in uninterruptible sleep: each waits in vfork(2) for its child, which goes on for SECONDS. Says when the
 * last one has begun, in seconds since boot, and waits for a signal when it has ended.
 *
 *   blocked THREADS SECONDS
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static unsigned seconds;

static void *wait_blocked(void *arg)
{
	(void)arg;
	if (vfork() == 0) {
		sleep(seconds);
		_exit(0);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc == 3 ? atoi(argv[1]) : 0;
	struct timespec now;
	pthread_t thread;

	seconds = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	while (threads-- > 0)
		if (pthread_create(&thread, NULL, wait_blocked, NULL))
			return 1;
	usleep(100000);
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
	fflush(stdout);
	pause();
	return 0;
}
