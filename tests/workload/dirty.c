// SPDX-License-Identifier: BSD-3-Clause
/*
 * `dirty FILE write|rewrite|map|direct MIB` writes a file: into the page cache, the same again, through a shared mapping,
 * or around the page cache. Prints the bytes that the kernel says it wrote (write_bytes of /proc/self/io).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1L << 20)

static int file_write(int fd, long mib)
{
	void *buf;

	if (posix_memalign(&buf, 4096, MIB))
		return -1;
	memset(buf, 'x', MIB);
	for (long i = 0; i < mib; i++)
		if (pwrite(fd, buf, MIB, i * MIB) != MIB)
			return -1;
	return 0;
}

static int file_map(int fd, long mib)
{
	char *mem;

	if (ftruncate(fd, mib * MIB))
		return -1;
	mem = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return -1;
	memset(mem, 'x', mib * MIB);
	return 0;
}

static long write_bytes(void)
{
	FILE *f = fopen("/proc/self/io", "r");
	char line[128];
	long bytes = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "write_bytes: %ld", &bytes);
	if (f)
		fclose(f);
	return bytes;
}

int main(int argc, char **argv)
{
	const char *how = argc == 4 ? argv[2] : "";
	long mib = argc == 4 ? atol(argv[3]) : 0;
	int fd, err;

	if (!strcmp(how, "write") || !strcmp(how, "rewrite") || !strcmp(how, "map"))
		fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	else if (!strcmp(how, "direct"))
		fd = open(argv[1], O_RDWR | O_CREAT | O_DIRECT, 0600);
	else
		return 2;
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	err = !strcmp(how, "map") ? file_map(fd, mib) : file_write(fd, mib);
	if (!err && !strcmp(how, "rewrite"))
		err = file_write(fd, mib);
	if (err) {
		perror(argv[1]);
		return 1;
	}
	printf("%ld\n", write_bytes());
	return 0;
}
