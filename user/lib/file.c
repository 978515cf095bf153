// SPDX-License-Identifier: BSD-3-Clause
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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
