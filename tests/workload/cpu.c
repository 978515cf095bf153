// SPDX-License-Identifier: BSD-3-Clause
/*
 * Processes that compute for a known time.
 *
 *   cpu hold PROCESSES THREADS MS   each thread of each process computes for MS of CPU time, all on one CPU;
 *                                   when all are done prints their process ids, and all wait for a signal
 *   cpu short PROCESSES MS          one process after the other computes for MS, in a thread that ends, and ends
 *   cpu alone                       computes until SIGTERM, if it may in such a way that no other process of
 *                                   the usual kind gets its CPU; prints "alone" or "among others" at first
 *
 * The last two print at their end the microseconds of CPU time that they and the processes that they
 * waited for have used.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void compute(long ms)
{
	volatile unsigned sink = 0;

	for (long end = cpu_ms() + ms; cpu_ms() < end;)
		for (int i = 0; i < 10000; i++)
			sink += i;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *compute_thread(void *ms)
{
	compute((long)ms);
	return NULL;
}

static void *compute_and_wait(void *done)
{
	compute(((long *)done)[1]);
	if (write((int)((long *)done)[0], "", 1) != 1)
		exit(1);
	for (;;)
		pause();
}

static void hold_process(int done, long threads, long ms)
{
	static long arg[2];
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	arg[0] = done;
	arg[1] = ms;
	while (--threads > 0)
		pthread_create(&thread, NULL, compute_and_wait, arg);
	compute_and_wait(arg);
}

static int hold(long processes, long threads, long ms)
{
	pid_t pids[64];
	char byte;
	int done[2];

	if (processes > 64 || pipe(done))
		return 1;
	pin(sched_getcpu());
	for (long i = 0; i < processes; i++) {
		pids[i] = fork();
		if (!pids[i])
			hold_process(done[1], threads, ms);
	}
	for (long i = 0; i < processes * threads; i++)
		if (read(done[0], &byte, 1) != 1)
			return 1;
	for (long i = 0; i < processes; i++)
		printf("%d ", pids[i]);
	printf("%d\n", getpid());
	fflush(stdout);
	for (;;)
		pause();
}

static long used_us(int who)
{
	struct rusage used;

	getrusage(who, &used);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + used.ru_utime.tv_usec +
	       used.ru_stime.tv_usec;
}

static int short_lives(long processes, long ms)
{
	pthread_t thread;

	while (processes-- > 0) {
		pid_t pid = fork();

		if (!pid) {
			if (!pthread_create(&thread, NULL, compute_thread, (void *)ms))
				pthread_join(thread, NULL);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	printf("%ld\n", used_us(RUSAGE_SELF) + used_us(RUSAGE_CHILDREN));
	return 0;
}

static volatile sig_atomic_t ended;

static void end(int signal)
{
	ended = signal;
}

static int alone(void)
{
	const struct sched_param param = { .sched_priority = 1 };

	pin(sched_getcpu());
	puts(sched_setscheduler(0, SCHED_FIFO, &param) ? "among others" : "alone");
	fflush(stdout);
	signal(SIGTERM, end);
	while (!ended)
		compute(1);
	printf("%ld\n", used_us(RUSAGE_SELF));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "hold"))
		return hold(atol(argv[2]), atol(argv[3]), atol(argv[4]));
	if (argc == 4 && !strcmp(argv[1], "short"))
		return short_lives(atol(argv[2]), atol(argv[3]));
	if (argc == 2 && !strcmp(argv[1], "alone"))
		return alone();
	fprintf(stderr, "usage: cpu hold PROCESSES THREADS MS | short PROCESSES MS | alone\n");
	return 2;
}
