// SPDX-License-Identifier: BSD-3-Clause
#include "lib/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sandbox.h"

/* Only we, root, or the user of the service own it, and nobody beside the owner may do any of `bits` with it. */
static bool is_ours(int fd, mode_t type, mode_t bits)
{
	struct stat st;

	return !fstat(fd, &st) && (st.st_mode & S_IFMT) == type && !(st.st_mode & bits) &&
	       (st.st_uid == geteuid() || st.st_uid == 0 || sandbox_user_is(st.st_uid));
}

static int directory_open(const char *path)
{
	bool made = !mkdir(path, 0755);
	int fd;

	if (!made && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (made)
		fchmod(fd, 0755); /* whatever the umask */
	if (is_ours(fd, S_IFDIR, S_IWGRP | S_IWOTH))
		return fd;
	close(fd);
	return -EPERM;
}

static pid_t holder_read(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (pid_t)atol(text) : 0;
}

static int holder_write(int fd)
{
	return ftruncate(fd, 0) || dprintf(fd, "%d\n", getpid()) < 0 ? -errno : 0;
}

/* Whoever can open a file can lock it: nobody else may even read it. */
static int file_lock(int fd, pid_t *holder)
{
	if (!is_ours(fd, S_IFREG, S_IRWXG | S_IRWXO))
		return -EPERM;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return holder_write(fd);
	*holder = holder_read(fd);
	return -errno;
}

int lock_take(const char *directory, pid_t *holder)
{
	int dir = directory_open(directory), fd, err;

	*holder = 0;
	if (dir < 0)
		return dir;
	fd = openat(dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : file_lock(fd, holder);
	close(dir);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}
