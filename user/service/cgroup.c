// SPDX-License-Identifier: BSD-3-Clause
#include "service/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Keys in v1 and v2; of those that tell the same the last one counts. pswpin is younger than the others (6.12); before, the
 * anonymous pages that come back are told, which are those read from swap.
 */
static const struct {
	const char *key;
	size_t field;
} keys[] = {
	{ "total_cache", offsetof(struct cgroup_stats, page_cache_bytes) },
	{ "file", offsetof(struct cgroup_stats, page_cache_bytes) },
	{ "workingset_refault_anon", offsetof(struct cgroup_stats, swap_ins) },
	{ "total_workingset_refault_anon", offsetof(struct cgroup_stats, swap_ins) },
	{ "pswpin", offsetof(struct cgroup_stats, swap_ins) },
};

void cgroup_stats_parse(const char *text, struct cgroup_stats *stats)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			size_t len = strlen(keys[i].key);

			if (strncmp(line, keys[i].key, len) != 0 || line[len] != ' ')
				continue;
			*(u64 *)((char *)stats + keys[i].field) = strtoull(line + len, NULL, 10);
		}
	}
}

/* Does the comma-separated list contain the word? */
static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == len && !memcmp(list, word, len))
			return true;
	return false;
}

/* The mount point, if it shows the whole hierarchy. */
static bool mount_point(const char *line, char path[PATH_MAX])
{
	char root[3];

	_Static_assert(PATH_MAX == 4096, "the width below");
	return sscanf(line, "%*d %*d %*s %2s %4095s", root, path) == 2 && !strcmp(root, "/");
}

void cgroup_mount_parse(const char *line, struct cgroup_mounts *mounts)
{
	const char *rest = strstr(line, " - ");
	char type[16], options[256], path[PATH_MAX];

	if (!rest || sscanf(rest, " - %15s %*s %255s", type, options) != 2 ||
	    !mount_point(line, path))
		return;
	if (!strcmp(type, "cgroup2") && !*mounts->v2)
		memcpy(mounts->v2, path, sizeof(path));
	if (!strcmp(type, "cgroup") && list_has(options, "memory") && !*mounts->v1)
		memcpy(mounts->v1, path, sizeof(path));
}

void cgroup_mounts_read(struct cgroup_mounts *ret)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[8192];

	*ret = (struct cgroup_mounts){ 0 };
	while (f && fgets(line, sizeof(line), f))
		cgroup_mount_parse(line, ret);
	if (f)
		fclose(f);
}

/* 0 or negative errno */
static int file_read(const char *path, char *text, size_t size, u64 *ret_inode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat file;
	ssize_t n;

	if (fd < 0)
		return -errno;
	*ret_inode = fstat(fd, &file) ? 0 : file.st_ino;
	n = read(fd, text, size - 1);
	if (n < 0)
		err = -errno;
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return err;
}

/* It may work the next time. */
static bool passes(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EINTR;
}

void cgroup_stats_read(const struct cgroup_mounts *mounts, const char *path, size_t len,
		       struct cgroup_stats *ret)
{
	const char *mount = *mounts->v1 ? mounts->v1 : mounts->v2;
	char file[2 * PATH_MAX], text[16384];
	int err;

	*ret = (struct cgroup_stats){ 0 };
	if (!*mount || snprintf(file, sizeof(file), "%s%.*s/memory.stat", mount, (int)len, path) >=
			       (int)sizeof(file))
		return;
	err = file_read(file, text, sizeof(text), &ret->inode);
	if (!err)
		cgroup_stats_parse(text, ret);
	ret->found = !err;
	ret->failed = passes(err);
}
