// SPDX-License-Identifier: BSD-3-Clause
/*
 * Makes system calls that take long, among others that do not, and says what it saw of them.
 *
 *   slowcall mix THREADS SHORT LONG MS   reads: for each of LONG that takes MS, SHORT from /dev/zero
 *   slowcall pieces COUNT PIECES MS      receives, each of them woken PIECES times, every MS
 *   slowcall sync FILE COUNT             fsync and sync_file_range of FILE in turn
 *   slowcall compute COUNT MEGABYTES     reads that sleep nowhere, of so much of /dev/zero
 *   slowcall stop COUNT                  stops itself, and has children let it go on 300 ms later
 *   slowcall killed COUNT MS             children that are killed inside a read after MS
 *   slowcall once FILE                   one read
 *   slowcall interrupt COUNT             reads and polls that a signal interrupts
 *
 * Prints "CALLS SECONDS" of the calls that take long (`sync`: of fsync), by its own clock; `interrupt` a line for each errno:
 * NAME ERRNO COUNT.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_llong calls, call_ns;

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void saw(long long begin_ns)
{
	calls++;
	call_ns += now_ns() - begin_ns;
}

static void report(void)
{
	printf("%lld %lld.%09lld\n", (long long)calls, (long long)call_ns / 1000000000,
	       (long long)call_ns % 1000000000);
}

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void sleep_ms(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* --- mix */

static long shorts, longs, ms;

static void *mix_run(void *arg)
{
	int zero = open("/dev/zero", O_RDONLY), timer = timerfd_create(CLOCK_MONOTONIC, 0);
	const struct itimerspec in = { .it_value = { ms / 1000, ms % 1000 * 1000000 } };
	char scratch[4096];
	long long begin, ticks;

	must(zero >= 0 && timer >= 0, "open");
	for (long i = 0; i < *(long *)arg; i++) {
		for (long j = 0; j < shorts; j++)
			must(read(zero, scratch, sizeof(scratch)) > 0, "read");
		timerfd_settime(timer, 0, &in, NULL);
		begin = now_ns();
		must(read(timer, &ticks, sizeof(ticks)) > 0, "read");
		saw(begin);
	}
	return NULL;
}

static void mix(long threads)
{
	pthread_t *thread = calloc((size_t)threads, sizeof(*thread));
	long share = longs / threads;

	for (long t = 0; t < threads; t++)
		must(!pthread_create(&thread[t], NULL, mix_run, &share), "pthread_create");
	for (long t = 0; t < threads; t++)
		pthread_join(thread[t], NULL);
	free(thread);
}

/* --- others */

static void pieces(long count, long each)
{
	char scratch[256];
	int ends[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	if (!fork()) {
		for (long i = 0; i < count * each; i++) {
			sleep_ms(ms);
			must(write(ends[1], "x", 1) == 1, "write");
		}
		_exit(0);
	}
	for (long i = 0; i < count; i++) {
		long long begin = now_ns();

		must(recv(ends[0], scratch, (size_t)each, MSG_WAITALL) == each, "recv");
		saw(begin);
	}
	wait(NULL);
}

static void sync_file(const char *path, long count)
{
	int fd = open(path, O_RDWR);

	must(fd >= 0, path);
	while (count-- > 0) {
		long long begin = now_ns();

		must(!fsync(fd), "fsync");
		saw(begin);
		must(!sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE), "sync_file_range");
	}
}

static void compute(long count, long megabytes)
{
	size_t len = (size_t)megabytes << 20;
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int zero = open("/dev/zero", O_RDONLY);

	must(zero >= 0 && mem != MAP_FAILED, "mmap");
	while (count-- > 0) {
		long long begin = now_ns();

		must(read(zero, mem, len) == (ssize_t)len, "read");
		saw(begin);
	}
}

static void stop(long count)
{
	pid_t self = getpid();

	while (count-- > 0) {
		if (!fork()) {
			sleep_ms(300);
			kill(self, SIGCONT);
			_exit(0);
		}
		kill(self, SIGSTOP);
		for (int i = 0; i < 100; i++)
			syscall(SYS_getppid);
		wait(NULL);
	}
}

static void killed(long count)
{
	long long *begin = mmap(NULL, sizeof(*begin), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[2];
	char c;

	must(!pipe(ends) && begin != MAP_FAILED, "pipe");
	while (count-- > 0) {
		pid_t child;

		*(volatile long long *)begin = 0;
		child = fork();
		if (!child) {
			*begin = now_ns();
			_exit(read(ends[0], &c, 1) != 1);
		}
		while (!*(volatile long long *)begin)
			sleep_ms(1);
		sleep_ms(ms);
		kill(child, SIGKILL);
		wait(NULL);
		saw(*begin);
	}
}

/* --- interrupt */

static void on_alarm(int sig)
{
	(void)sig;
}

/* Waits until the signal comes; returns the errno of the call. */
static int interrupted(int flags, bool polls, int fd)
{
	const struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
	const struct itimerval soon = { .it_value = { 0, 5000 } };
	struct pollfd wanted = { .fd = fd, .events = POLLIN };
	char scratch[8];

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	errno = 0;
	if (polls)
		poll(&wanted, 1, 50);
	else if (read(fd, scratch, sizeof(scratch)) >= 0)
		errno = 0;
	return errno;
}

static void interrupt(long count)
{
	const struct itimerspec in = { .it_value = { 0, 50000000 } };
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	long reads = 0, polls = 0;

	for (long i = 0; i < count; i++) {
		timerfd_settime(timer, 0, &in, NULL);
		reads += interrupted(0, false, timer) == EINTR;
		timerfd_settime(timer, 0, &in, NULL);
		reads += interrupted(SA_RESTART, false, timer) == EINTR;
		polls += interrupted(SA_RESTART, true, timer) == EINTR;
	}
	printf("poll EINTR %ld\nread EINTR %ld\n", polls, reads);
}

static long number(char **argv, int i)
{
	return argv[i] ? atol(argv[i]) : 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	long first = argc > 2 ? number(argv, 2) : 0, second = argc > 3 ? number(argv, 3) : 0;
	char c;

	ms = argc > 2 ? atol(argv[argc - 1]) : 0;
	if (!strcmp(mode, "mix") && argc == 6) {
		shorts = second;
		longs = number(argv, 4);
		mix(first);
	} else if (!strcmp(mode, "pieces") && argc == 5) {
		pieces(first, second);
	} else if (!strcmp(mode, "sync") && argc == 4) {
		sync_file(argv[2], second);
	} else if (!strcmp(mode, "compute") && argc == 4) {
		compute(first, second);
	} else if (!strcmp(mode, "stop") && argc == 3) {
		stop(first);
	} else if (!strcmp(mode, "killed") && argc == 4) {
		killed(first);
	} else if (!strcmp(mode, "once") && argc == 3) {
		must(read(open(argv[2], O_RDWR), &c, 1) == 1, "read");
	} else if (!strcmp(mode, "interrupt") && argc == 3) {
		interrupt(first);
		return 0;
	} else {
		fprintf(stderr, "usage: see the source\n");
		return 2;
	}
	report();
	return 0;
}
