// SPDX-License-Identifier: BSD-3-Clause
/*
 * mixload SECONDS FILE: a fixed load on CPU 0; per second 50,000 getppid(), 200 fork+exec, 500 HTTP
 * connections over loopback, 1,000 direct reads of 4 KiB from FILE (at least 1 MiB), 2,000 pipe
 * round trips. Prints how many of each there were.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS	   10000000
#define TICKS	   100 /* per second */
#define BLOCK	   4096
#define FILE_BLOCK 256

static struct {
	struct sockaddr_in addr;
	int file, to_peer, from_peer;
	void *block;
} load;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void wait_until(int64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* The children end with this process. */
static void child_start(void (*serve)(int, int), int in, int out)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	serve(in, out);
	_exit(0);
}

static void pipe_serve(int in, int out)
{
	char c;

	while (read(in, &c, 1) == 1 && write(out, &c, 1) == 1)
		;
}

static void http_serve(int listener, int unused)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
	char request[256];
	int fd;

	(void)unused;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (read(fd, request, sizeof(request)) > 0 &&
		    write(fd, answer, sizeof(answer) - 1) < 0)
			die("answer");
		close(fd);
	}
}

static void do_getppid(void)
{
	syscall(SYS_getppid);
}

static void do_exec(void)
{
	char *const argv[] = { "true", NULL };
	pid_t pid;

	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) || waitpid(pid, NULL, 0) < 0)
		die("spawn");
}

static void do_http(void)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char answer[256];

	if (fd < 0 || connect(fd, (struct sockaddr *)&load.addr, sizeof(load.addr)) ||
	    write(fd, request, sizeof(request) - 1) < 0)
		die("request");
	while (read(fd, answer, sizeof(answer)) > 0)
		;
	close(fd);
}

static void do_read(void)
{
	if (pread(load.file, load.block, BLOCK, (off_t)(random() % FILE_BLOCK) * BLOCK) != BLOCK)
		die("direct read");
}

static void do_pipe(void)
{
	char c = 'x';

	if (write(load.to_peer, &c, 1) != 1 || read(load.from_peer, &c, 1) != 1)
		die("pipe");
}

static const struct part {
	const char *name;
	int per_second;
	void (*run)(void);
} parts[] = {
	{ "getppid", 50000, do_getppid }, { "exec", 200, do_exec },  { "http", 500, do_http },
	{ "read", 1000, do_read },	  { "pipe", 2000, do_pipe },
};

static void setup(const char *path)
{
	socklen_t len = sizeof(load.addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), there[2], back[2];
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		die("CPU 0");
	load.file = open(path, O_RDONLY | O_DIRECT);
	if (load.file < 0 || posix_memalign(&load.block, BLOCK, BLOCK))
		die(path);
	load.addr = (struct sockaddr_in){ .sin_family = AF_INET,
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (listener < 0 || bind(listener, (struct sockaddr *)&load.addr, len) ||
	    listen(listener, 16) || getsockname(listener, (struct sockaddr *)&load.addr, &len) ||
	    pipe(there) || pipe(back))
		die("setup");
	load.to_peer = there[1];
	load.from_peer = back[0];
	child_start(http_serve, listener, 0);
	child_start(pipe_serve, there[0], back[1]);
}

int main(int argc, char **argv)
{
	const size_t part_cnt = sizeof(parts) / sizeof(parts[0]);
	int ticks, tick;
	int64_t start;

	if (argc != 3) {
		fprintf(stderr, "usage: mixload SECONDS FILE\n");
		return 2;
	}
	ticks = atoi(argv[1]) * TICKS;
	setup(argv[2]);
	start = now_ns();
	for (tick = 0; tick < ticks; tick++) {
		for (size_t i = 0; i < part_cnt; i++)
			for (int n = parts[i].per_second / TICKS; n > 0; n--)
				parts[i].run();
		wait_until(start + (int64_t)(tick + 1) * TICK_NS);
	}
	for (size_t i = 0; i < part_cnt; i++)
		printf("%s %d\n", parts[i].name, ticks * (parts[i].per_second / TICKS));
	return 0;
}
