// SPDX-License-Identifier: BSD-3-Clause
/*
 * What noticing slow system calls adds to a switch, in turns without and with it, so that both meet the same machine. A line for each
 * pair of turns, in ns: without, with, and in the first two forms without once more, which shows what this machine cannot tell.
 *
 *   switch pair TABLE SECONDS          two tasks that wake each other through pipes on CPU 0: their CPU time, which is that of a switch
 *                                      and of the half read and write that it takes; TABLE is the id of the daemon's table "cpus"
 *   switch floor OBJECT SECONDS        the same with switch_floor.bpf.o, and no daemon
 *   switch load TABLE PROGRAM SECONDS  whatever runs: what a run of the daemon's program on sched_switch takes, by the kernel's
 *                                      statistics
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../include/types.h"

#define ROUND_TRIPS  250 /* a turn of a millisecond */
#define LOAD_TURN_NS 20000000
#define RUNS_LEAST   20

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static u64 clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		die("clock");
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static void *table_map(int fd, size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED)
		die("mmap");
	return mem;
}

/* --- what switches it on and off */

static struct {
	struct cpu *cpus; /* NULL: the floor */
	unsigned cpu_cnt;
	u64 slow_ns; /* as the daemon has set it */
	u64 *noticing;
} what;

static void notice(bool with)
{
	if (what.noticing)
		__atomic_store_n(what.noticing, with, __ATOMIC_RELAXED);
	for (unsigned cpu = 0; cpu < what.cpu_cnt; cpu++)
		__atomic_store_n(&what.cpus[cpu].slow_ns, with ? what.slow_ns : 0,
				 __ATOMIC_RELAXED);
}

static void use_daemon(const char *id)
{
	struct bpf_map_info info = { 0 };
	unsigned size = sizeof(info);
	int fd = bpf_map_get_fd_by_id((unsigned)atoi(id));

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) ||
	    info.value_size != sizeof(struct cpu))
		die("table");
	what.cpu_cnt = info.max_entries;
	what.cpus = table_map(fd, what.cpu_cnt * sizeof(struct cpu));
	what.slow_ns = what.cpus[0].slow_ns;
}

static void use_floor(const char *path, pid_t peer)
{
	const pid_t tasks[] = { getpid(), peer };
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	const u64 none[2] = { 0 };

	if (!object || bpf_object__load(object))
		die(path);
	for (int i = 0; i < 2; i++) {
		int pidfd = (int)syscall(SYS_pidfd_open, tasks[i], 0);

		if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "left"), &pidfd,
					none, BPF_ANY))
			die("task storage");
	}
	what.noticing = table_map(bpf_object__find_map_fd_by_name(object, "noticing"),
				  sizeof(*what.noticing));
	bpf_object__for_each_program(program, object)
		if (!bpf_program__attach(program))
			die("attach");
}

/* --- two tasks that wake each other */

static int to_peer, from_peer;
static clockid_t peer_clock;

/* Of both: others who run on the CPU meanwhile do not count. */
static u64 pair_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) + clock_ns(peer_clock);
}

static pid_t peer_start(void)
{
	int there[2], back[2];
	cpu_set_t cpu;
	pid_t pid;
	char c;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	/* others make caches cold */
	if (sched_setaffinity(0, sizeof(cpu), &cpu) || setpriority(PRIO_PROCESS, 0, -20) ||
	    pipe(there) || pipe(back))
		die("setup");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1)
			;
		_exit(0);
	}
	if (clock_getcpuclockid(pid, &peer_clock))
		die("clock");
	to_peer = there[1];
	from_peer = back[0];
	return pid;
}

static double turn_pair(bool with)
{
	char c = 'x';
	u64 start;

	notice(with);
	start = pair_ns();
	for (int i = 0; i < ROUND_TRIPS; i++)
		if (write(to_peer, &c, 1) != 1 || read(from_peer, &c, 1) != 1)
			die("pipe");
	return (double)(pair_ns() - start) / (2 * ROUND_TRIPS);
}

static void measure_pair(int seconds)
{
	u64 end = clock_ns(CLOCK_MONOTONIC) + (u64)seconds * 1000000000;
	double ns[3];

	while (clock_ns(CLOCK_MONOTONIC) < end) {
		unsigned first = (unsigned)random() % 3;

		for (unsigned i = first; i < first + 3; i++)
			ns[i % 3] = turn_pair(i % 3 == 1);
		printf("%.2f %.2f %.2f\n", ns[0], ns[1], ns[2]);
	}
}

/* --- any load */

struct runs {
	double cnt, ns;
};

static struct runs runs_now(int program)
{
	struct bpf_prog_info info = { 0 };
	unsigned size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size))
		die("program");
	return (struct runs){ (double)info.run_cnt, (double)info.run_time_ns };
}

/* The mean of a turn, 0: too little happened. */
static double turn_load(int program, bool with)
{
	struct timespec pause = { .tv_nsec = LOAD_TURN_NS };
	struct runs before, after;

	notice(with);
	before = runs_now(program);
	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
	after = runs_now(program);
	return after.cnt - before.cnt < RUNS_LEAST
		       ? 0
		       : (after.ns - before.ns) / (after.cnt - before.cnt);
}

static void measure_load(int program, int seconds)
{
	double ns[2];

	for (int i = seconds * (1000000000 / LOAD_TURN_NS) / 2; i > 0; i--) {
		int with = random() & 1;

		ns[with] = turn_load(program, with);
		ns[!with] = turn_load(program, !with);
		if (ns[0] > 0 && ns[1] > 0)
			printf("%.1f %.1f\n", ns[0], ns[1]);
	}
}

int main(int argc, char **argv)
{
	int program;

	if (argc == 4 && !strcmp(argv[1], "pair")) {
		peer_start();
		use_daemon(argv[2]);
		measure_pair(atoi(argv[3]));
	} else if (argc == 4 && !strcmp(argv[1], "floor")) {
		use_floor(argv[2], peer_start());
		measure_pair(atoi(argv[3]));
	} else if (argc == 5 && !strcmp(argv[1], "load")) {
		use_daemon(argv[2]);
		program = bpf_prog_get_fd_by_id((unsigned)atoi(argv[3]));
		if (program < 0)
			die("program");
		measure_load(program, atoi(argv[4]));
	} else {
		fprintf(stderr,
			"usage: switch pair TABLE SECONDS | floor OBJECT SECONDS | load TABLE PROGRAM SECONDS\n");
		return 2;
	}
	notice(true);
	return 0;
}
