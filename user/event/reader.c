// SPDX-License-Identifier: BSD-3-Clause
#include "event/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/tail.h"
#include "lib/buf.h"

#define CHUNK	  (256U << 10)
#define PATH_SIZE 4096
#define FILES_MAX 1024

struct event_reader {
	char *file;
	int fd;
	int later[FILES_MAX]; /* files after it that are open already: the last one comes next */
	unsigned later_cnt;
	struct buf data;
	size_t at;     /* what is before has been told */
	bool skipping; /* a line that is too long */
	u64 skipped;
};

static bool path_write(char path[PATH_SIZE], const struct event_reader *r, unsigned i)
{
	int len = i ? snprintf(path, PATH_SIZE, "%s.%u", r->file, i)
		    : snprintf(path, PATH_SIZE, "%s", r->file);

	return len < PATH_SIZE;
}

static bool stat_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* A regular file, or negative errno. */
static int file_open(const struct event_reader *r, unsigned i)
{
	char path[PATH_SIZE];
	struct stat st;
	int fd;

	if (!path_write(path, r, i))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

static bool is_open(const struct event_reader *r, int fd)
{
	struct stat ours, theirs;

	fstat(fd, &ours);
	for (unsigned i = 0; i < r->later_cnt; i++)
		if (!fstat(r->later[i], &theirs) && stat_same(&ours, &theirs))
			return true;
	return false;
}

/* From the youngest to the oldest: one that is rotated meanwhile is met again. */
static int files_open(struct event_reader *r)
{
	int err = -ENOENT;

	for (unsigned i = 0; i < FILES_MAX; i++) {
		int fd = file_open(r, i);

		if (fd < 0 && i)
			break;
		if (fd < 0)
			err = fd;
		else if (is_open(r, fd))
			close(fd);
		else
			r->later[r->later_cnt++] = fd;
	}
	if (!r->later_cnt)
		return err;
	r->fd = r->later[--r->later_cnt];
	return 0;
}

struct event_reader *event_reader_open(const char *file)
{
	struct event_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return NULL;
	r->fd = -1;
	r->file = strdup(file);
	if (!r->file)
		err = -ENOMEM;
	else if (!strcmp(file, "-"))
		err = (r->fd = dup(0)) < 0 ? -errno : 0;
	else
		err = files_open(r);
	if (!err)
		return r;
	event_reader_free(r);
	errno = -err;
	return NULL;
}

void event_reader_free(struct event_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	while (r->later_cnt)
		close(r->later[--r->later_cnt]);
	buf_release(&r->data);
	free(r->file);
	free(r);
}

u64 event_reader_skipped(const struct event_reader *r)
{
	return r->skipped;
}

/* --- which file comes next */

/* The file that came after this one, which is no longer the youngest; -ENOENT: it still is. */
static int successor_open(const struct event_reader *r)
{
	struct stat ours, theirs;
	char path[PATH_SIZE];
	unsigned oldest = 0;

	if (fstat(r->fd, &ours))
		return -errno;
	for (unsigned i = 0; i < FILES_MAX && path_write(path, r, i); i++) {
		if (stat(path, &theirs)) {
			if (i)
				break;
			continue; /* the next one is about to be made */
		}
		if (stat_same(&ours, &theirs))
			return i ? file_open(r, i - 1) : -ENOENT;
		oldest = i;
	}
	return file_open(r, oldest); /* ours is gone, and all that is there came later */
}

static void torn_skip(struct event_reader *r)
{
	r->skipped += r->data.len > r->at || r->skipping;
	buf_reset(&r->data);
	r->at = 0;
	r->skipping = false;
}

/* Goes on with the next file. False: there is none. */
static bool file_next(struct event_reader *r, int fd)
{
	if (r->later_cnt)
		fd = r->later[--r->later_cnt];
	if (fd < 0)
		return false;
	torn_skip(r);
	close(r->fd);
	r->fd = fd;
	return true;
}

/* --- reading */

/* Returns the number of bytes that have come, or negative errno. */
static ssize_t chunk_read(struct event_reader *r)
{
	ssize_t n;

	if (r->at) {
		memmove(r->data.data, r->data.data + r->at, r->data.len - r->at);
		r->data.len -= r->at;
		r->at = 0;
	}
	if (!buf_reserve(&r->data, CHUNK))
		return -ENOMEM;
	n = read(r->fd, r->data.data + r->data.len, CHUNK);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	r->data.len += (size_t)n;
	return n;
}

/* Somebody has emptied the file in place: from the beginning. */
static bool truncated(const struct event_reader *r)
{
	struct stat st;

	return !fstat(r->fd, &st) && S_ISREG(st.st_mode) &&
	       st.st_size < lseek(r->fd, 0, SEEK_CUR) && !lseek(r->fd, 0, SEEK_SET);
}

/* More bytes, be it of the next file. */
static ssize_t more_read(struct event_reader *r)
{
	ssize_t n = chunk_read(r);
	int next = -1;

	if (!n && truncated(r)) {
		torn_skip(r);
		n = chunk_read(r);
	}
	if (n)
		return n;
	if (!r->later_cnt && strcmp(r->file, "-") != 0) {
		next = successor_open(r);
		/* what was written before it was rotated */
		n = next < 0 ? 0 : chunk_read(r);
		if (n) {
			close(next);
			return n;
		}
	}
	return file_next(r, next) ? more_read(r) : 0;
}

/* Is what is left of the line that is too long behind us? */
static bool long_skip(struct event_reader *r)
{
	const char *newline = memchr(r->data.data, '\n', r->data.len);

	r->at = newline ? (size_t)(newline + 1 - r->data.data) : r->data.len;
	r->skipping = !newline;
	r->skipped += newline != NULL;
	return newline;
}

int event_reader_next(struct event_reader *r, const char **line, size_t *len)
{
	const char *newline;
	ssize_t n;

	for (;;) {
		size_t left = r->data.len - r->at;

		newline = NULL;
		if (!r->skipping && left)
			newline = memchr(r->data.data + r->at, '\n', left);
		if (newline) {
			*line = r->data.data + r->at;
			*len = (size_t)(newline - *line);
			r->at += *len + 1;
			return 1;
		}
		if (!r->skipping && left > 2 * EVENT_LINE_MAX) {
			r->skipping = true;
			r->at = r->data.len;
		}
		n = more_read(r);
		if (n <= 0)
			return (int)n;
		if (r->skipping)
			long_skip(r);
	}
}
