// SPDX-License-Identifier: BSD-3-Clause
/*
 * A disk whose speed is known: `slowfuse MOUNTPOINT MEGABYTES` serves a file system with the RAM file
 * `disk` (put a loop device on it) and the text file `ctl`. Writing "KEY=NUMBER ..." to `ctl` takes
 * effect at once, reading it shows all keys and how many requests were served:
 *
 *   read_us, write_us, fsync_us   how long a request takes
 *   kib_us                        how much longer for each KiB
 *   err                           the errno every request fails with, 0 for none
 *   heads                         how many requests it works on at a time, the others wait in line; 0: as many as come
 *   stall                         1 holds every request until it is 0 again
 */
#define FUSE_USE_VERSION 31
#include <fuse3/fuse.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static char *disk;
static size_t disk_size;

static atomic_long read_us, write_us, fsync_us, kib_us, err, heads, stall;
static atomic_long reads, writes, fsyncs;

static const struct setting {
	const char *key;
	atomic_long *value;
} settings[] = {
	{ "read_us", &read_us },
	{ "write_us", &write_us },
	{ "fsync_us", &fsync_us },
	{ "kib_us", &kib_us },
	{ "err", &err },
	{ "heads", &heads },
	{ "stall", &stall },
	/* Counted, not set. */
	{ "reads", &reads },
	{ "writes", &writes },
	{ "fsyncs", &fsyncs },
};

#define SETTING_CNT   (sizeof(settings) / sizeof(settings[0]))
#define SETTABLE_CNT  (SETTING_CNT - 3)
#define is_disk(path) (!strcmp(path, "/disk"))
#define is_ctl(path)  (!strcmp(path, "/ctl"))

static void sleep_us(long us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static long came, went; /* under the lock */

static void line_wait(void)
{
	long own;

	pthread_mutex_lock(&lock);
	own = came++;
	while (heads && own >= went + heads)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
}

static void line_leave(void)
{
	pthread_mutex_lock(&lock);
	went++;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
}

/* What every request goes through; returns what it has to answer when it is to fail. */
static int request(atomic_long *count, long us)
{
	(*count)++;
	while (stall)
		sleep_us(1000);
	line_wait();
	if (us > 0)
		sleep_us(us);
	line_leave();
	return -(int)err;
}

static int ctl_read(char *buf, size_t size, off_t offset)
{
	char text[512];
	int len = 0;

	for (size_t i = 0; i < SETTING_CNT; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s=%ld", i ? " " : "",
				settings[i].key, *settings[i].value);
	text[len++] = '\n';
	if (offset >= len)
		return 0;
	if (size > (size_t)(len - offset))
		size = len - offset;
	memcpy(buf, text + offset, size);
	return size;
}

static int setting_apply(const char *word)
{
	size_t key = strcspn(word, "=");

	for (size_t i = 0; i < SETTABLE_CNT && word[key]; i++) {
		if (strlen(settings[i].key) == key && !strncmp(settings[i].key, word, key)) {
			*settings[i].value = atol(word + key + 1);
			return 0;
		}
	}
	return -EINVAL;
}

static int ctl_write(const char *buf, size_t size)
{
	char text[512] = "", *state;

	if (size >= sizeof(text))
		return -EINVAL;
	memcpy(text, buf, size);
	for (char *w = strtok_r(text, " \n", &state); w; w = strtok_r(NULL, " \n", &state)) {
		int ret = setting_apply(w);

		if (ret)
			return ret;
	}
	return size;
}

static int slow_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
	(void)info;
	memset(st, 0, sizeof(*st));
	st->st_nlink = 1;
	st->st_mode = S_IFREG | 0600;
	if (!strcmp(path, "/"))
		st->st_mode = S_IFDIR | 0755;
	else if (is_disk(path))
		st->st_size = disk_size;
	else if (!is_ctl(path))
		return -ENOENT;
	return 0;
}

static int slow_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset,
			struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
	static const char *const names[] = { ".", "..", "disk", "ctl" };

	(void)offset, (void)info, (void)flags;
	if (strcmp(path, "/"))
		return -ENOENT;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		fill(buf, names[i], NULL, 0, 0);
	return 0;
}

static int slow_open(const char *path, struct fuse_file_info *info)
{
	info->direct_io = is_ctl(path);
	return 0;
}

static int slow_read(const char *path, char *buf, size_t size, off_t offset,
		     struct fuse_file_info *info)
{
	int ret;

	(void)info;
	if (is_ctl(path))
		return ctl_read(buf, size, offset);
	ret = request(&reads, read_us + (long)(size >> 10) * kib_us);
	if (ret)
		return ret;
	if ((size_t)offset >= disk_size)
		return 0;
	if (size > disk_size - offset)
		size = disk_size - offset;
	memcpy(buf, disk + offset, size);
	return size;
}

static int slow_write(const char *path, const char *buf, size_t size, off_t offset,
		      struct fuse_file_info *info)
{
	int ret;

	(void)info;
	if (is_ctl(path))
		return ctl_write(buf, size);
	ret = request(&writes, write_us + (long)(size >> 10) * kib_us);
	if (ret)
		return ret;
	if ((size_t)offset + size > disk_size)
		return -ENOSPC;
	memcpy(disk + offset, buf, size);
	return size;
}

static int slow_fsync(const char *path, int datasync, struct fuse_file_info *info)
{
	(void)path, (void)datasync, (void)info;
	return request(&fsyncs, fsync_us);
}

/* `echo ... > ctl` truncates first. */
static int slow_truncate(const char *path, off_t size, struct fuse_file_info *info)
{
	(void)path, (void)size, (void)info;
	return 0;
}

static const struct fuse_operations operations = {
	.getattr = slow_getattr,
	.readdir = slow_readdir,
	.open = slow_open,
	.read = slow_read,
	.write = slow_write,
	.fsync = slow_fsync,
	.truncate = slow_truncate,
};

int main(int argc, char **argv)
{
	char options[] =
		"fsname=slowfuse,max_threads=64,max_idle_threads=16,attr_timeout=3600,entry_timeout=3600";
	char foreground[] = "-f", option[] = "-o";

	if (argc != 3 || atol(argv[2]) <= 0) {
		fprintf(stderr, "usage: slowfuse MOUNTPOINT MEGABYTES\n");
		return 2;
	}
	disk_size = (size_t)atol(argv[2]) << 20;
	disk = mmap(NULL, disk_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (disk == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	return fuse_main(5, ((char *[]){ argv[0], argv[1], foreground, option, options, NULL }),
			 &operations, NULL);
}
