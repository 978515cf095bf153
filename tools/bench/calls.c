// SPDX-License-Identifier: BSD-3-Clause
/*
 * calls SECONDS: says "ready", waits for a line, then reads and writes a byte, from /dev/zero and to /dev/null, and says how many
 * calls it made, the ns of one by the clock, and those of CPU time. By the clock it is the median of slices that are so short that
 * most of them are not interrupted. Ends with its input, so that whoever is attached has it until then.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SLICE_CALLS 40
#define SLICES_MAX  1000000

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The clock of the wall is read without a system call. */
static uint64_t slice(int zero, int null, uint64_t begin)
{
	uint64_t now;
	char byte;

	for (int i = 0; i < SLICE_CALLS / 2; i++)
		if (read(zero, &byte, 1) != 1 || write(null, &byte, 1) != 1)
			exit(1);
	now = clock_ns(CLOCK_MONOTONIC);
	return now - begin;
}

int main(int argc, char **argv)
{
	static uint32_t ns[SLICES_MAX];
	int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
	uint64_t now, end, cpu;
	size_t cnt = 0;
	char byte;

	if (argc != 2 || zero < 0 || null < 0) {
		fprintf(stderr, "usage: calls SECONDS\n");
		return 2;
	}
	puts("ready");
	fflush(stdout);
	if (read(STDIN_FILENO, &byte, 1) != 1)
		return 1;
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	now = clock_ns(CLOCK_MONOTONIC);
	end = now + (uint64_t)(atof(argv[1]) * 1e9);
	for (; now < end && cnt < SLICES_MAX; cnt++) {
		uint64_t took = slice(zero, null, now);

		ns[cnt] = (uint32_t)took;
		now += took;
	}
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	qsort(ns, cnt, sizeof(*ns), by_value);
	printf("calls %zu %.1f %.1f\n", cnt * SLICE_CALLS, (double)ns[cnt / 2] / SLICE_CALLS,
	       (double)cpu / (double)(cnt * SLICE_CALLS));
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
