// SPDX-License-Identifier: BSD-3-Clause
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"

int regular_open(const char *path, u64 max_bytes)
{
	int at = open(path, O_PATH | O_CLOEXEC), fd;
	char self[64];
	struct stat st;

	if (at < 0)
		return -errno;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	if (fstat(at, &st))
		fd = -errno;
	else if (!S_ISREG(st.st_mode) || (u64)st.st_size > max_bytes)
		fd = -EINVAL;
	else if ((fd = open(self, O_RDONLY | O_CLOEXEC)) < 0)
		fd = -errno;
	close(at);
	return fd;
}

static int fd_read(int fd, u64 max_bytes, struct buf *text)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	do {
		if (!buf_reserve(text, 4096))
			return -ENOMEM;
		n = read(fd, text->data + text->len, 4096);
		if (n < 0)
			return -errno;
		text->len += (size_t)n;
	} while (n && text->len <= max_bytes);
	return n ? -EFBIG : 0;
}

/* O_NONBLOCK: must not hang if the path is a pipe. */
int regular_read(const char *path, u64 max_bytes, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

	if (fd < 0)
		return -errno;
	err = fd_read(fd, max_bytes, text);
	close(fd);
	return err;
}

const char *regular_problem(int err)
{
	switch (err) {
	case -EINVAL:
		return "not a regular file";
	case -EFBIG:
		return "larger than 1 MiB";
	default:
		return strerror(-err);
	}
}
