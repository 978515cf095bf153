// SPDX-License-Identifier: BSD-3-Clause
/* Structures and numbers are those of <linux/landlock.h>, which does not know yet what newer kernels offer. */
#include "lib/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_RULESET 444 /* the same on every architecture */
#define ADD_RULE       445
#define RESTRICT_SELF  446

#define ASK_VERSION	  1U
#define RULE_PATH_BENEATH 1
#define FS_READ_FILE	  (1ULL << 2)
#define FS_READ_DIRECTORY (1ULL << 3)
#define FS_BITS_FIRST	  13
#define NET_BIND	  1ULL
#define NET_CONNECT	  2ULL
#define NET_VERSION	  4
#define SCOPE_ALL	  3ULL /* abstract Unix sockets of others, and signals to them */
#define SCOPE_VERSION	  6

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

int landlock_version(void)
{
	long version = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);

	return version > 0 ? (int)version : 0;
}

/* All rights that this version knows of: moving came with 2, truncation with 3, devices with 5. */
static uint64_t fs_all(int version)
{
	int bits = FS_BITS_FIRST + (version >= 2) + (version >= 3) + (version >= 5);

	return (1ULL << bits) - 1;
}

/* What is not there need not be left. */
static int readable_add(int ruleset, const char *path)
{
	struct path_beneath rule = { FS_READ_FILE, open(path, O_PATH | O_CLOEXEC) };
	struct stat st;
	int err = 0;

	if (rule.parent < 0)
		return 0;
	if (!fstat(rule.parent, &st) && S_ISDIR(st.st_mode))
		rule.allowed |= FS_READ_DIRECTORY;
	if (syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0))
		err = -errno;
	close(rule.parent);
	return err;
}

int landlock_enter(const struct landlock_left *left)
{
	int version = landlock_version(), fd, err = 0;
	const struct ruleset ruleset = {
		.fs = fs_all(version),
		.net = version < NET_VERSION ? 0
		       : left->connects	     ? NET_BIND
					     : NET_BIND | NET_CONNECT,
		.scoped = version < SCOPE_VERSION ? 0 : SCOPE_ALL,
	};

	if (!version)
		return 0;
	fd = (int)syscall(CREATE_RULESET, &ruleset, sizeof(ruleset), 0);
	if (fd < 0)
		return -errno;
	for (const char *const *path = left->readable; path && *path && !err; path++)
		err = readable_add(fd, *path);
	if (!err && syscall(RESTRICT_SELF, fd, 0))
		err = -errno;
	close(fd);
	return err;
}
