// SPDX-License-Identifier: BSD-3-Clause
/*
 * `blockio DEVICE read|write|flush COUNT [SIZE [MS]]` makes COUNT requests, one at a time, around the page
 * cache, goes on when one fails, and prints "OK ERRORS SECONDS": SECONDS is the sum of their times. With MS,
 * it adds how many took no longer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define ALIGNMENT 4096

static ssize_t device_flush(int fd, void *buf, size_t size, off_t offset)
{
	(void)buf, (void)size, (void)offset;
	return fsync(fd);
}

static ssize_t device_write(int fd, void *buf, size_t size, off_t offset)
{
	return pwrite(fd, buf, size, offset);
}

static const struct operation {
	const char *name;
	ssize_t (*make)(int fd, void *buf, size_t size, off_t offset);
} operations[] = {
	{ "read", pread },
	{ "write", device_write },
	{ "flush", device_flush },
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static const struct operation *operation_find(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct operation *operation = argc >= 4 ? operation_find(argv[2]) : NULL;
	size_t size = argc > 4 ? atol(argv[4]) : ALIGNMENT;
	double limit = argc > 5 ? atof(argv[5]) / 1000 : 0, seconds = 0;
	long count = argc >= 4 ? atol(argv[3]) : 0, errors = 0, within = 0;
	off_t end;
	void *buf;
	int fd;

	if (!operation || !size || size % ALIGNMENT) {
		fprintf(stderr, "usage: blockio DEVICE read|write|flush COUNT [SIZE [MS]]\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0 || posix_memalign(&buf, ALIGNMENT, size)) {
		perror(argv[1]);
		return 1;
	}
	memset(buf, 'x', size);
	end = lseek(fd, 0, SEEK_END) / size * size;
	for (long i = 0; i < count; i++) {
		double begin = now(), took;

		errors += operation->make(fd, buf, size, i * size % end) < 0;
		took = now() - begin;
		seconds += took;
		within += took <= limit;
	}
	printf("%ld %ld %.6f", count - errors, errors, seconds);
	if (limit > 0)
		printf(" %ld", within);
	putchar('\n');
	return 0;
}
