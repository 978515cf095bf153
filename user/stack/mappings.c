// SPDX-License-Identifier: BSD-3-Clause
#include "stack/mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/proc_stat.h"
#include "stack/search.h"

#define MAPS_BYTES (16 << 20)
#define FILE_BYTES (8ULL << 30)

void mappings_release(struct mappings *m)
{
	for (size_t i = 0; i < m->cnt; i++)
		free(m->list[i].path);
	free(m->list);
	*m = (struct mappings){ .list = NULL };
}

bool mappings_add(struct mappings *m, const char *line)
{
	struct mapping new = { 0 }, *list;
	char perms[5] = "";
	u32 major, minor;
	int path = 0;

	if (sscanf(line,
		   "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %" SCNx32 ":%" SCNx32 " %" SCNu64 " %n",
		   &new.start, &new.end, perms, &new.file_at, &major, &minor, &new.inode,
		   &path) != 7 ||
	    !path || new.end <= new.start)
		return false;
	new.device = (u64)major << 32 | minor;
	if (!strchr(perms, 'x'))
		return true;
	if (m->cnt == MAPPINGS_MAX || (m->cnt && new.start < m->list[m->cnt - 1].end))
		return false;
	list = reallocarray(m->list, m->cnt + 1, sizeof(*list));
	if (!list)
		return false;
	m->list = list;
	new.path = strdup(line + path);
	if (!new.path)
		return false;
	list[m->cnt++] = new;
	return true;
}

const struct mapping *mappings_find(const struct mappings *m, u64 address)
{
	size_t low = 0, high = m->cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address < m->list[middle].start)
			high = middle;
		else if (address >= m->list[middle].end)
			low = middle + 1;
		else
			return &m->list[middle];
	}
	return NULL;
}

static bool line_take(void *ctx, char *line, size_t len)
{
	(void)len;
	return mappings_add(ctx, line);
}

int mappings_read(struct mappings *m, u32 pid)
{
	char path[64];
	int fd, err;

	*m = (struct mappings){ .list = NULL };
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = lines_read(fd, MAPS_BYTES, line_take, m);
	close(fd);
	if (!err && !m->cnt) /* it has ended, or is about to */
		err = -ESRCH;
	return err;
}

int image_read(struct image *ret, u32 pid)
{
	char text[PROC_STAT_SIZE];
	const char *fields = proc_stat_read((pid_t)pid, text);

	*ret = (struct image){ 0 };
	if (!fields)
		return -errno;
	if (sscanf(fields,
		   "%*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		   " %*s %*s %" SCNu64 " %*s %*s %*s %" SCNu64 " %" SCNu64 " %" SCNu64,
		   &ret->start_ticks, &ret->code, &ret->code_end, &ret->stack) != 4)
		return -ESRCH;
	return 0;
}

/* --- files */

/* Users of the process, its effective one; -1: not known. */
static long long process_user(u32 pid)
{
	char path[64], line[256];
	unsigned euid;
	long long ret = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	f = fopen(path, "re");
	while (f && ret < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %*u %u", &euid) == 1)
			ret = euid;
	if (f)
		fclose(f);
	return ret;
}

u32 process_own_pid(u32 pid)
{
	char path[64], line[256];
	u32 own = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	f = fopen(path, "re");
	while (f && !own && fgets(line, sizeof(line), f)) {
		const char *last = strncmp(line, "NSpid:", 6) ? NULL : strrchr(line, '\t');

		if (last)
			own = (u32)strtoul(last, NULL, 10);
	}
	if (f)
		fclose(f);
	return own;
}

/* Opens a path in a root without following links out of it, and without opening what is no regular file. */
static int rooted_open(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

int process_file_open(u32 pid, const char *path, u64 max_bytes, bool owned)
{
	char name[64];
	long long user = owned ? process_user(pid) : 0;
	struct stat st;
	int root, at, fd;

	snprintf(name, sizeof(name), "/proc/%u/root", pid);
	root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	at = rooted_open(root, path);
	close(root);
	if (at < 0)
		return at;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", at);
	if (fstat(at, &st) || (owned && (user < 0 || (st.st_uid && st.st_uid != user))))
		fd = -EPERM;
	else
		fd = regular_open(name, max_bytes);
	close(at);
	return fd;
}

static bool is_inode(int fd, u64 inode)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_ino == inode;
}

/* A file that was replaced or removed in the meantime is another one. */
static int checked(int fd, u64 inode)
{
	if (fd < 0 || is_inode(fd, inode))
		return fd;
	close(fd);
	return -ESTALE;
}

int mapping_open(const struct mapping *m, u32 pid)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, pid, m->start,
		 m->end);
	fd = regular_open(path, FILE_BYTES);
	if (fd < 0)
		fd = checked(process_file_open(pid, m->path, FILE_BYTES, false), m->inode);
	if (fd < 0)
		fd = checked(regular_open(m->path, FILE_BYTES), m->inode);
	return fd;
}
