// SPDX-License-Identifier: BSD-3-Clause
/*
 * switch PROGRAM MAP SECONDS: the ids of the daemon's program on sched_switch and of its table "cpus". Makes the program notice slow
 * system calls and not, in turns of 20 ms, so that both meet the same machine, and prints for each pair of turns what a run of the
 * program took, in ns, by the kernel's statistics: without, with.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "../../include/types.h"

#define TURN_NS	   20000000
#define RUNS_LEAST 20

static struct cpu *cpus;
static unsigned cpu_cnt;
static int program;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void table_map(unsigned id)
{
	struct bpf_map_info info = { 0 };
	unsigned size = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) ||
	    info.value_size != sizeof(struct cpu))
		die("table");
	cpu_cnt = info.max_entries;
	cpus = mmap(NULL, cpu_cnt * sizeof(struct cpu), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (cpus == MAP_FAILED)
		die("mmap");
}

struct runs {
	double cnt, ns;
};

static struct runs runs_now(void)
{
	struct bpf_prog_info info = { 0 };
	unsigned size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size))
		die("program");
	return (struct runs){ (double)info.run_cnt, (double)info.run_time_ns };
}

/* The mean of a turn, 0: too little happened. */
static double turn(u64 slow_ns)
{
	struct timespec pause = { .tv_nsec = TURN_NS };
	struct runs before, after;

	for (unsigned cpu = 0; cpu < cpu_cnt; cpu++)
		__atomic_store_n(&cpus[cpu].slow_ns, slow_ns, __ATOMIC_RELAXED);
	before = runs_now();
	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
	after = runs_now();
	return after.cnt - before.cnt < RUNS_LEAST
		       ? 0
		       : (after.ns - before.ns) / (after.cnt - before.cnt);
}

int main(int argc, char **argv)
{
	u64 slow_ns;
	double ns[2];
	int turns;

	if (argc != 4) {
		fprintf(stderr, "usage: switch PROGRAM MAP SECONDS\n");
		return 2;
	}
	program = bpf_prog_get_fd_by_id((unsigned)atoi(argv[1]));
	if (program < 0)
		die("program");
	table_map((unsigned)atoi(argv[2]));
	slow_ns = cpus[0].slow_ns;
	turns = atoi(argv[3]) * (1000000000 / TURN_NS) / 2;
	for (int i = 0; i < turns; i++) {
		int with = random() & 1;

		ns[with] = turn(with ? slow_ns : 0);
		ns[!with] = turn(with ? 0 : slow_ns);
		if (ns[0] > 0 && ns[1] > 0)
			printf("%.1f %.1f\n", ns[0], ns[1]);
	}
	for (unsigned cpu = 0; cpu < cpu_cnt; cpu++)
		__atomic_store_n(&cpus[cpu].slow_ns, slow_ns, __ATOMIC_RELAXED);
	return 0;
}
