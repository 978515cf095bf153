// SPDX-License-Identifier: BSD-3-Clause
/*
 * Processes that take memory in known ways.
 *
 *   memory hold THREADS MIB    each thread takes so much; prints the process id when all have it, and waits
 *   memory shared MIB          takes so much, and has a child that is no thread and shares all of it; prints
 *                              both process ids and waits for a signal
 *   memory take MIB            takes so much and ends
 *   memory fault FILE COUNT [hold]  touches COUNT pages of a device or file that are not in memory; prints
 *                              how many major faults getrusage(2) tells, then ends, or waits for a signal
 *   memory read FILE           reads all of it, prints "read" and waits for a signal
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB    (1 << 20)
#define STRIDE 64 /* pages: none is read along with another */

static void take(long mib)
{
	char *p = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	madvise(p, mib * MIB, MADV_NOHUGEPAGE);
	for (long at = 0; at < mib * MIB; at += 4096)
		p[at] = 1;
}

static void wait_signal(void)
{
	fflush(stdout);
	for (;;)
		pause();
}

static long mib_each;
static int done[2];

static void *take_thread(void *arg)
{
	take(mib_each);
	if (write(done[1], "", 1) != 1)
		exit(1);
	for (;;)
		pause();
	return arg;
}

static int hold(long threads, long mib)
{
	pthread_t thread;
	char byte;

	mib_each = mib;
	if (pipe(done))
		return 1;
	for (long i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, take_thread, NULL))
			return 1;
	for (long i = 0; i < threads; i++)
		if (read(done[0], &byte, 1) != 1)
			return 1;
	printf("%d\n", getpid());
	wait_signal();
	return 0;
}

static int share_all(void *arg)
{
	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
	return 0;
}

static int shared(long mib)
{
	char *stack = malloc(1 << 16);
	pid_t child;

	take(mib);
	child = stack ? clone(share_all, stack + (1 << 16), CLONE_VM | SIGCHLD, NULL) : -1;
	if (child < 0)
		return 1;
	printf("%d %d\n", getpid(), child);
	wait_signal();
	return 0;
}

static int fault(const char *path, long count, int hold)
{
	long page = sysconf(_SC_PAGESIZE), size = count * STRIDE * page;
	int fd = open(path, O_RDONLY);
	struct rusage used;
	volatile char *p;

	if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		return 1;
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || madvise((void *)p, size, MADV_RANDOM))
		return 1;
	for (long i = 0; i < count; i++)
		(void)p[i * STRIDE * page];
	getrusage(RUSAGE_SELF, &used);
	printf("%ld\n", used.ru_majflt);
	if (hold)
		wait_signal();
	return 0;
}

/* What is cached of a device goes when nobody has it open. */
static int read_all(const char *path)
{
	static char buf[1 << 16];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0)
		n = read(fd, buf, sizeof(buf));
	puts("read");
	wait_signal();
	return n < 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "hold"))
		return hold(atol(argv[2]), atol(argv[3]));
	if (argc == 3 && !strcmp(argv[1], "shared"))
		return shared(atol(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "take")) {
		take(atol(argv[2]));
		return 0;
	}
	if (argc >= 4 && !strcmp(argv[1], "fault"))
		return fault(argv[2], atol(argv[3]), argc == 5);
	if (argc == 3 && !strcmp(argv[1], "read"))
		return read_all(argv[2]);
	fprintf(stderr, "usage: memory hold THREADS MIB | shared MIB | take MIB | "
			"fault FILE COUNT [hold] | read FILE\n");
	return 2;
}
