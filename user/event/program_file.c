// SPDX-License-Identifier: BSD-3-Clause
#include "event/program_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "stack/elf_symbols.h"

#define ARGS_MAX 4096

static void file_take(const struct stat *st, struct program_file *ret)
{
	*ret = (struct program_file){ .inode = st->st_ino,
				      .size = (u64)st->st_size,
				      .mtime_ns = (u64)st->st_mtim.tv_sec * 1000000000ULL +
						  (u64)st->st_mtim.tv_nsec };
}

bool program_file_executable(u32 pid, struct program_file *ret)
{
	struct elf_file elf;
	struct stat st;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return false;
	}
	file_take(&st, ret);
	if (!elf_file_open(&elf, fd)) {
		ret->build_id_len =
			(u8)(elf.build_id_len < BUILD_ID_MAX ? elf.build_id_len : BUILD_ID_MAX);
		memcpy(ret->build_id, elf.build_id, ret->build_id_len);
	}
	close(fd);
	return true;
}

/* The argument, behind the first, that is a path to this name; NULL: none is. */
static const char *argument_find(const char *args, size_t len, const char *base)
{
	const char *end = args + len, *arg = memchr(args, '\0', len), *slash;

	for (arg = arg ? arg + 1 : end; arg < end; arg += strlen(arg) + 1) {
		slash = strrchr(arg, '/');
		if (!strcmp(slash ? slash + 1 : arg, base))
			return arg;
	}
	return NULL;
}

static bool arguments_read(u32 pid, char args[ARGS_MAX], size_t *ret_len)
{
	char path[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, args, ARGS_MAX - 1);
	close(fd);
	if (n <= 0)
		return false;
	args[n] = '\0';
	*ret_len = (size_t)n;
	return true;
}

bool program_file_script(u32 pid, const char *base, struct program_file *ret,
			 char path[PROGRAM_PATH_SIZE])
{
	char args[ARGS_MAX], from[ARGS_MAX + 64], link[32];
	const char *arg;
	struct stat st;
	ssize_t n = -1;
	size_t len;
	int fd;

	arg = arguments_read(pid, args, &len) ? argument_find(args, len, base) : NULL;
	if (!arg)
		return false;
	snprintf(from, sizeof(from), "/proc/%u/%s/%s", pid, *arg == '/' ? "root" : "cwd", arg);
	/* to open anything but a regular file may have effects */
	fd = open(from, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		n = readlink(link, path, PROGRAM_PATH_SIZE - 1);
	close(fd);
	if (n <= 0)
		return false;
	path[n] = '\0';
	file_take(&st, ret);
	ret->device = major(st.st_dev) << 20 | minor(st.st_dev);
	return true;
}
