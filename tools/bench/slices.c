// SPDX-License-Identifier: BSD-3-Clause
/*
 * slices SECONDS: calls getppid() on CPU 0 in slices of about 10 ms, each between two runs of a
 * calibration loop that no probe can touch. One line a slice: calibration before and after (ns), and
 * ns per call. All in CPU time of this thread, so being preempted is not counted.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS    10000000
#define CALLS	    1000
#define CALIB_TURNS 100000

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Four independent chains: a busy sibling thread shows as missing throughput, not as latency. */
static uint64_t calibrate(void)
{
	uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t a = start | 1, b = a + 2, c = a + 4, d = a + 6;

	for (int i = 0; i < CALIB_TURNS; i++) {
		a ^= a << 13, b ^= b << 13, c ^= c << 13, d ^= d << 13;
		a ^= a >> 7, b ^= b >> 7, c ^= c >> 7, d ^= d >> 7;
		a ^= a << 17, b ^= b << 17, c ^= c << 17, d ^= d << 17;
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	}
	return clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
}

static double slice(void)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + SLICE_NS;
	uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID), calls = 0;

	do {
		for (int i = 0; i < CALLS; i++)
			syscall(SYS_getppid);
		calls += CALLS;
	} while (clock_ns(CLOCK_MONOTONIC) < until);
	return (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / (double)calls;
}

int main(int argc, char **argv)
{
	uint64_t end, before, after;
	cpu_set_t cpu;
	double ns;

	if (argc != 2) {
		fprintf(stderr, "usage: slices SECONDS\n");
		return 2;
	}
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu)) {
		perror("CPU 0");
		return 1;
	}
	end = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(atof(argv[1]) * 1e9);
	before = calibrate();
	do {
		ns = slice();
		after = calibrate();
		printf("%lu %lu %.2f\n", before, after, ns);
		before = after;
	} while (clock_ns(CLOCK_MONOTONIC) < end);
	return 0;
}
