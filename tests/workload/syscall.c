// SPDX-License-Identifier: BSD-3-Clause
/*
 * Makes a known number of system calls and says how many.
 *
 *   syscall loop THREADS ROUNDS   every row of the table below, ROUNDS times in all
 *   syscall sleep COUNT           nanosleep of 10 ms
 *   syscall signal COUNT          signals to itself, each ends in rt_sigreturn
 *   syscall int80 COUNT           getppid by the 32-bit entry; exit status 77 where there is none
 *
 * `loop` prints one line a row: NAME CLASS CALLS ERRNO ("-" for calls that succeed).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FD_ZERO_DEV 100
#define FD_NULL_DEV 101

static char scratch[256];
static const struct timespec invalid_time = { 0, 1000000000 };
static struct timespec at_once; /* the kernel writes what is left */

static const struct call {
	const char *name, *class;
	int error; /* what it fails with, 0 when it succeeds */
	long number;
	long arg[4];
} calls[] = {
#define P(pointer) ((long)(pointer))
	{ "getppid", "process", 0, SYS_getppid, {} },
	{ "read", "read", 0, SYS_read, { FD_ZERO_DEV, P(scratch), 8 } },
	{ "read", "read", EBADF, SYS_read, { -1, P(scratch), 8 } },
	{ "read", "read", EFAULT, SYS_read, { FD_ZERO_DEV, 1, 8 } },
	{ "write", "write", 0, SYS_write, { FD_NULL_DEV, P(scratch), 8 } },
	{ "openat", "open", ENOENT, SYS_openat, { AT_FDCWD, P("/nonexistent"), O_RDONLY } },
	{ "openat", "open", ENOTDIR, SYS_openat, { AT_FDCWD, P("/dev/null/x"), O_RDONLY } },
	{ "close", "open", EBADF, SYS_close, { -1 } },
	{ "fstat", "stat", 0, SYS_fstat, { FD_NULL_DEV, P(scratch) } },
	{ "fsync", "sync", EINVAL, SYS_fsync, { FD_NULL_DEV } },
	{ "ppoll", "poll", 0, SYS_ppoll, { 0, 0, P(&at_once), 0 } },
	{ "nanosleep", "sleep", EINVAL, SYS_nanosleep, { P(&invalid_time), 0 } },
	{ "socket", "network", EAFNOSUPPORT, SYS_socket, { -1, SOCK_STREAM, 0 } },
	{ "mincore", "memory", EINVAL, SYS_mincore, { 1, 1, P(scratch) } },
	{ "wait4", "poll", ECHILD, SYS_wait4, { -1, 0, WNOHANG, 0 } },
	{ "kill", "signal", 0, SYS_kill, { 0, 0 } },
	{ "msgget", "ipc", ENOENT, SYS_msgget, { 0x5e15, 0 } },
	{ "ioctl", "other", ENOTTY, SYS_ioctl, { FD_NULL_DEV, TCGETS, P(scratch) } },
#undef P
};

#define CALL_CNT (sizeof(calls) / sizeof(calls[0]))

struct worker {
	pthread_t thread;
	long rounds;
	long made[CALL_CNT];
};

static pthread_barrier_t start;

static void call_make(const struct call *c)
{
	long ret = syscall(c->number, c->arg[0], c->arg[1], c->arg[2], c->arg[3]);
	int error = ret < 0 ? errno : 0;

	if (error == c->error)
		return;
	fprintf(stderr, "%s: got %s, not %s\n", c->name, strerror(error), strerror(c->error));
	exit(1);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	pthread_barrier_wait(&start);
	for (long round = 0; round < w->rounds; round++) {
		for (size_t i = 0; i < CALL_CNT; i++) {
			call_make(&calls[i]);
			w->made[i]++;
		}
	}
	return NULL;
}

static void device_open(const char *path, int fd)
{
	int temporary = open(path, O_RDWR);

	if (temporary < 0 || dup2(temporary, fd) < 0) {
		perror(path);
		exit(1);
	}
	close(temporary);
}

static void worker_start(struct worker *w)
{
	int err = pthread_create(&w->thread, NULL, worker_run, w);

	if (!err)
		return;
	fprintf(stderr, "pthread_create: %s\n", strerror(err));
	exit(1);
}

static int loop(long threads, long rounds)
{
	struct worker *workers = calloc(threads, sizeof(*workers));
	long made[CALL_CNT] = {};

	device_open("/dev/zero", FD_ZERO_DEV);
	device_open("/dev/null", FD_NULL_DEV);
	pthread_barrier_init(&start, NULL, threads);
	for (long t = 0; t < threads; t++)
		workers[t].rounds = rounds / threads + (t < rounds % threads);
	/* The first worker is the main thread, so that a single-threaded run has no other. */
	for (long t = 1; t < threads; t++)
		worker_start(&workers[t]);
	worker_run(&workers[0]);
	for (long t = 1; t < threads; t++)
		pthread_join(workers[t].thread, NULL);

	for (long t = 0; t < threads; t++)
		for (size_t i = 0; i < CALL_CNT; i++)
			made[i] += workers[t].made[i];
	for (size_t i = 0; i < CALL_CNT; i++)
		printf("%s %s %ld %s\n", calls[i].name, calls[i].class, made[i],
		       calls[i].error ? strerrorname_np(calls[i].error) : "-");
	free(workers);
	return 0;
}

static int sleep_often(long count)
{
	const struct timespec ten_ms = { 0, 10000000 };

	while (count-- > 0)
		syscall(SYS_nanosleep, &ten_ms, NULL);
	return 0;
}

static void ignore(int signal)
{
	(void)signal;
}

static int signal_often(long count)
{
	struct sigaction action = { .sa_handler = ignore };

	sigaction(SIGUSR1, &action, NULL);
	while (count-- > 0)
		kill(getpid(), SIGUSR1);
	return 0;
}

static void no_entry(int signal)
{
	(void)signal;
	_exit(77);
}

static int int80_often(long count)
{
#ifdef __x86_64__
	signal(SIGSEGV, no_entry);
	while (count-- > 0) {
		long ret = 64; /* getppid there, semget in the 64-bit table */

		__asm__ volatile("int $0x80" : "+a"(ret) : : "r8", "r9", "r10", "r11", "memory");
		if (ret != getppid())
			return 77;
	}
	return 0;
#else
	(void)count;
	no_entry(0);
	return 77;
#endif
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	long count = argc > 2 ? atol(argv[2]) : 0;

	if (!strcmp(mode, "loop") && argc == 4 && count > 0)
		return loop(count, atol(argv[3]));
	if (!strcmp(mode, "sleep"))
		return sleep_often(count);
	if (!strcmp(mode, "signal"))
		return signal_often(count);
	if (!strcmp(mode, "int80"))
		return int80_often(count);
	fprintf(stderr, "usage: syscall loop THREADS ROUNDS | sleep|signal|int80 COUNT\n");
	return 2;
}
