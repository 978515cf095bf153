// SPDX-License-Identifier: BSD-3-Clause
/*
 * Processes that start and end in known ways.
 *
 *   process                   ends at once with 0
 *   process end KIND:COUNT..  starts COUNT children for each row below, waits for each, and prints
 *                             "REASON COUNT" as wait(2) told, and "lifetime SECONDS" over all
 *   process hold COUNT        starts COUNT children, prints "ready", all wait for a signal
 *   process threads COUNT     starts COUNT threads and waits for them
 *   process memory MEGABYTES  takes memory until it has as much
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void end_ok(void)
{
	_exit(0);
}

static void end_error(void)
{
	_exit(3);
}

static void end_sleep(void)
{
	usleep(50000);
	_exit(0);
}

static void end_kill(void)
{
	raise(SIGKILL);
}

static void end_term(void)
{
	raise(SIGTERM);
}

static void end_segv(void)
{
	raise(SIGSEGV);
}

static void *thread_exit_group(void *arg)
{
	(void)arg;
	_exit(0);
}

/* The first thread is gone before the last one ends the process. */
static void end_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_exit_group, NULL);
	pthread_exit(NULL);
}

static const struct kind {
	const char *name;
	void (*end)(void);
} kinds[] = {
	{ "ok", end_ok },	  { "error", end_error }, { "sleep", end_sleep },
	{ "kill", end_kill },	  { "term", end_term },	  { "segv", end_segv },
	{ "thread", end_thread },
};

static const char *const reasons[] = { "ok", "error", "signal" };

#define REASON_CNT (sizeof(reasons) / sizeof(reasons[0]))

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static const struct kind *kind_find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len && !strncmp(kinds[i].name, name, len))
			return &kinds[i];
	fprintf(stderr, "no such kind: %s\n", name);
	exit(2);
}

static pid_t start(void (*run)(void))
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (!pid) {
		run();
		_exit(9);
	}
	return pid;
}

static int end_all(char **arg)
{
	const struct rlimit no_core = {};
	long ended[REASON_CNT] = {};
	double lifetime = 0;

	setrlimit(RLIMIT_CORE, &no_core);
	for (; *arg; arg++) {
		size_t len = strcspn(*arg, ":");
		const struct kind *k = kind_find(*arg, len);

		for (long i = atol(*arg + len + !!(*arg)[len]); i > 0; i--) {
			double begin = now();
			int status;

			waitpid(start(k->end), &status, 0);
			lifetime += now() - begin;
			ended[WIFSIGNALED(status) ? 2 : WEXITSTATUS(status) ? 1 : 0]++;
		}
	}
	for (size_t i = 0; i < REASON_CNT; i++)
		printf("%s %ld\n", reasons[i], ended[i]);
	printf("lifetime %.6f\n", lifetime);
	return 0;
}

static void hold(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pause();
}

static int hold_all(long count)
{
	while (count-- > 0)
		start(hold);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}

static void *thread_end(void *arg)
{
	return arg;
}

static int threads(long count)
{
	pthread_t thread;

	while (count-- > 0) {
		if (pthread_create(&thread, NULL, thread_end, NULL))
			return 1;
		pthread_join(thread, NULL);
	}
	return 0;
}

static int memory(long megabytes)
{
	while (megabytes-- > 0) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (p == MAP_FAILED)
			return 1;
		memset(p, 1, 1 << 20);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return 0;
	if (!strcmp(argv[1], "end"))
		return end_all(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold_all(atol(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "threads"))
		return threads(atol(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "memory"))
		return memory(atol(argv[2]));
	fprintf(stderr,
		"usage: process [end KIND:COUNT.. | hold|threads COUNT | memory MEGABYTES]\n");
	return 2;
}
