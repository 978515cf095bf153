// SPDX-License-Identifier: BSD-3-Clause
#include "lib/store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/file.h"
#include "lib/thread.h"

#define HEAD_FORMAT "seismo 1 %08lx %zu\n"
#define HEAD_MAX    64
#define RETRY_NS    (10 * 1000 * NS_PER_MS) /* after a write that failed */

struct store {
	char *path, *path_new, *folder;
	size_t max;
	struct store_hooks hooks;
	pthread_t thread;
	bool started, ended;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int event;
	struct watch *watch;
	/* Under the lock. */
	bool ending, is_read, waiting;
	struct buf text;    /* to be written, when `waiting` */
	struct buf content; /* that was read, when `is_read` */
	int read_err, write_err;
	/* The loop's. */
	bool told_read;
	int told_err;
};

void store_seal(struct buf *out, const char *text, size_t len)
{
	buf_printf(out, HEAD_FORMAT, crc32(0, (const Bytef *)text, (uInt)len), len);
	buf_add(out, text, len);
}

const char *store_open(const char *data, size_t len, size_t *text_len)
{
	const char *end = len ? memchr(data, '\n', len < HEAD_MAX ? len : HEAD_MAX) : NULL;
	char head[HEAD_MAX + 1], expected[HEAD_MAX + 1];
	size_t head_len;

	if (!end)
		return NULL;
	head_len = (size_t)(end + 1 - data);
	*text_len = len - head_len;
	memcpy(head, data, head_len);
	head[head_len] = '\0';
	snprintf(expected, sizeof(expected), HEAD_FORMAT,
		 crc32(0, (const Bytef *)end + 1, (uInt)*text_len), *text_len);
	return strcmp(head, expected) ? NULL : end + 1;
}

/* --- the thread */

static int file_read(struct store *s, struct buf *content)
{
	int fd = regular_open(s->path, s->max), err = 0;
	ssize_t n = 1;

	if (fd < 0)
		return fd;
	while (n > 0 && !err) {
		if (!buf_reserve(content, 65536)) {
			err = -ENOMEM;
			break;
		}
		n = read(fd, content->data + content->len, 65536);
		if (n < 0)
			err = -errno;
		else
			content->len += (size_t)n;
		/* it may grow while it is read */
		if (content->len > s->max + HEAD_MAX)
			err = -EFBIG;
	}
	close(fd);
	return err;
}

static int all_write(int fd, const struct buf *text)
{
	size_t done = 0;
	ssize_t n;

	while (done < text->len) {
		n = write(fd, text->data + done, text->len - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) ? -errno : 0;
}

/* The new name is on the disk when its folder is. */
static int folder_sync(const struct store *s)
{
	int fd = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) ? -errno : 0;
	close(fd);
	return err;
}

static int file_write(const struct store *s, const struct buf *text)
{
	struct buf sealed = { 0 };
	int fd, err;

	if (mkdir(s->folder, 0755) && errno != EEXIST)
		return -errno;
	store_seal(&sealed, text->data ?: "", text->len);
	if (sealed.failed)
		return -ENOMEM;
	unlink(s->path_new);
	fd = open(s->path_new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : all_write(fd, &sealed);
	buf_release(&sealed);
	if (fd >= 0)
		close(fd);
	if (!err && rename(s->path_new, s->path))
		err = -errno;
	if (err)
		unlink(s->path_new); /* it may be what fills the disk */
	return err ?: folder_sync(s);
}

/*
 * Waits for a text, which takes the place of the one that could not be written, or until that is to be tried again (UINT64_MAX: there
 * is none), at the latest at the end. False: there is none, and the end has come.
 */
static bool text_take(struct store *s, struct buf *text, uint64_t again_ns)
{
	bool taken, in_time = true;

	pthread_mutex_lock(&s->lock);
	while (!s->waiting && !s->ending && in_time)
		in_time = thread_cond_wait(&s->wake, &s->lock, again_ns);
	taken = s->waiting || again_ns != UINT64_MAX;
	if (s->waiting) {
		buf_release(text);
		*text = s->text;
		s->text = (struct buf){ 0 };
		s->waiting = false;
	}
	pthread_mutex_unlock(&s->lock);
	return taken;
}

static void *run(void *ctx)
{
	struct store *s = ctx;
	struct buf content = { 0 }, text = { 0 };
	int err = file_read(s, &content);
	uint64_t again_ns = UINT64_MAX;

	pthread_mutex_lock(&s->lock);
	s->content = content;
	s->read_err = err;
	s->is_read = true;
	pthread_mutex_unlock(&s->lock);
	eventfd_write(s->event, 1);
	while (text_take(s, &text, again_ns)) {
		bool again;

		err = text.failed ? -ENOMEM : file_write(s, &text);
		pthread_mutex_lock(&s->lock);
		s->write_err = err;
		again = err && !text.failed && !s->ending;
		pthread_mutex_unlock(&s->lock);
		again_ns = again ? clock_now_ns() + RETRY_NS : UINT64_MAX;
		if (!again)
			buf_release(&text);
		eventfd_write(s->event, 1);
	}
	return NULL;
}

/* --- the loop's side */

static void content_tell(struct store *s, struct buf *content, int err)
{
	const char *text = NULL;
	size_t len = 0;

	s->told_read = true;
	if (!err && !content->failed) {
		text = store_open(content->data, content->len, &len);
		err = text ? 0 : -EBADMSG;
	}
	s->hooks.loaded(s->hooks.ctx, text, len, err == -ENOENT ? 0 : err);
	buf_release(content);
}

static void event_ready(void *ctx, unsigned events)
{
	struct store *s = ctx;
	struct buf content = { 0 };
	int read_err, write_err;
	eventfd_t cnt;
	bool is_read;

	(void)events;
	eventfd_read(s->event, &cnt);
	pthread_mutex_lock(&s->lock);
	is_read = s->is_read;
	read_err = s->read_err;
	write_err = s->write_err;
	if (is_read) {
		content = s->content;
		s->content = (struct buf){ 0 };
	}
	pthread_mutex_unlock(&s->lock);
	if (is_read && !s->told_read)
		content_tell(s, &content, read_err);
	if (write_err == s->told_err)
		return;
	s->told_err = write_err;
	s->hooks.written(s->hooks.ctx, write_err);
}

static bool names_make(struct store *s, const char *path)
{
	char *copy = strdup(path);

	s->path = strdup(path);
	s->folder = copy ? strdup(dirname(copy)) : NULL;
	free(copy);
	return asprintf(&s->path_new, "%s.new", path) >= 0 && s->path && s->folder;
}

struct store *store_new(struct loop *l, const char *path, size_t max,
			const struct store_hooks *hooks)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->max = max;
	s->hooks = *hooks;
	pthread_mutex_init(&s->lock, NULL);
	thread_cond_init(&s->wake);
	s->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->watch = s->event < 0 ? NULL : loop_watch(l, s->event, LOOP_READ, event_ready, s);
	s->started = s->watch && names_make(s, path) && !thread_start(&s->thread, run, s);
	if (s->started)
		return s;
	store_free(s);
	return NULL;
}

void store_put(struct store *s, struct buf *text)
{
	pthread_mutex_lock(&s->lock);
	buf_release(&s->text);
	s->text = *text;
	s->waiting = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	*text = (struct buf){ 0 };
}

bool store_end(struct store *s, uint64_t wait_ns)
{
	if (!s || s->ended)
		return true;
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	s->ended = thread_join(s->thread, clock_now_ns() + wait_ns);
	return s->ended;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	if (s->started && !store_end(s, 0))
		pthread_join(s->thread, NULL);
	watch_remove(s->watch);
	if (s->event >= 0)
		close(s->event);
	buf_release(&s->text);
	buf_release(&s->content);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s->path_new);
	free(s->folder);
	free(s);
}
