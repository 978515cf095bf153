// SPDX-License-Identifier: BSD-3-Clause
#include "lib/proc_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *proc_stat_read(pid_t pid, char text[PROC_STAT_SIZE])
{
	char path[64], *end;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	len = read(fd, text, PROC_STAT_SIZE - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	end = strrchr(text, ')');
	errno = ESRCH;
	return end && end[1] == ' ' ? end + 2 : NULL;
}
