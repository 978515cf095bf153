// SPDX-License-Identifier: BSD-3-Clause
/*
 * Waits in one way for SECONDS, in a function that is named after it, and says "TID SECONDS" of the thread that waits and, for
 * locks, of the one that holds it.
 *
 *   waits lock SECONDS          for a mutex that another thread holds for 50 ms at a time
 *   waits condition SECONDS     for another thread's signal, every 50 ms
 *   waits poll SECONDS          for nothing
 *   waits read SECONDS FILE     for a disk: reads 4 KiB without the page cache
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static double seconds;
static const char *file;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void hold(void)
{
	pthread_mutex_lock(&mutex);
	usleep(50000);
	pthread_mutex_unlock(&mutex);
}

static void *holder(void *arg)
{
	(void)arg;
	printf("holder %d\n", gettid());
	for (;;) {
		hold();
		usleep(1000);
	}
	return NULL;
}

static void *signaller(void *arg)
{
	(void)arg;
	for (;;) {
		usleep(50000);
		pthread_cond_signal(&condition);
	}
	return NULL;
}

__attribute__((noinline)) static void wait_lock(void)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
}

__attribute__((noinline)) static void wait_condition(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cond_wait(&condition, &mutex);
	pthread_mutex_unlock(&mutex);
}

__attribute__((noinline)) static void wait_poll(void)
{
	poll(NULL, 0, 100);
}

__attribute__((noinline)) static void wait_read(void)
{
	static int fd = -1, at;
	static void *block;

	if (fd < 0)
		fd = open(file, O_RDONLY | O_DIRECT);
	if (!block && posix_memalign(&block, 4096, 4096))
		exit(1);
	if (pread(fd, block, 4096, (off_t)(at++ % 256) * 4096) != 4096) {
		perror(file);
		exit(1);
	}
}

static const struct kind {
	const char *name;
	void (*wait)(void);
	void *(*other)(void *);
} kinds[] = {
	{ "lock", wait_lock, holder },
	{ "condition", wait_condition, signaller },
	{ "poll", wait_poll, NULL },
	{ "read", wait_read, NULL },
};

static void *waiter(void *arg)
{
	const struct kind *kind = arg;
	double begin = now(), waited = 0;

	while (now() - begin < seconds) {
		double before = now();

		kind->wait();
		waited += now() - before;
		usleep(2000); /* or it would be busy with a mutex that nobody holds */
	}
	printf("waiter %d %.3f\n", gettid(), waited);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	setvbuf(stdout, NULL, _IOLBF, 0);
	seconds = argc > 2 ? atof(argv[2]) : 0;
	file = argc > 3 ? argv[3] : NULL;
	for (size_t i = 0; argc > 2 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		if (kinds[i].other && pthread_create(&thread, NULL, kinds[i].other, NULL))
			return 1;
		usleep(10000);
		if (pthread_create(&thread, NULL, waiter, (void *)&kinds[i]))
			return 1;
		pthread_join(thread, NULL);
		return 0;
	}
	fprintf(stderr, "usage: waits lock|condition|poll|read SECONDS [FILE]\n");
	return 2;
}
