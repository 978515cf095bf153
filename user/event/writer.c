// SPDX-License-Identifier: BSD-3-Clause
#include "event/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/journal.h"
#include "event/tail.h"
#include "lib/buf.h"
#include "lib/loop.h"
#include "lib/thread.h"
#include "lib/utc.h"

#define BATCH_MAX  (128U << 10) /* bytes in one write; the journal's queue has room for these */
#define RECENT_MAX (512U << 10) /* of each of two halves */
#define QUEUE_KEEP (1U << 20)	/* bytes of memory that stay allocated for the queue */
#define NUMBER_MAX 256		/* of what is before a line, and of lines of the writer's own */
#define RETRY_NS   (1000 * NS_PER_MS)
#define JOURNAL_NS \
	(200 * NS_PER_MS) /* between attempts to give the journal what it has not taken */
#define PATH_SIZE 4096

/* Before each line of a queue. */
struct entry {
	u32 len;
	bool journald;
};

struct writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* Under the lock. */
	struct buf pending; /* entries */
	bool woken, ending;
	struct writer_options next; /* options to take over; `file` is NULL: there are none */
	struct writer_state state;

	pthread_mutex_t recent_lock;
	struct buf recent[2]; /* lines: the older ones, the younger ones */

	/* The thread's. */
	struct writer_options o;
	int fd;
	u64 size, limit; /* of the file; it is rotated before it gets larger */
	u64 seq;
	bool begun; /* the number of the last line is known */
	struct buf taken, out;
	struct journal journal;
	struct utc_cache utc;

	bool ended; /* the loop's: the thread has been joined */
};

/* --- the file */

static void options_release(struct writer_options *o)
{
	free((char *)o->file);
	o->file = NULL;
}

static bool options_copy(struct writer_options *to, const struct writer_options *from)
{
	*to = *from;
	to->file = strdup(from->file);
	return to->file;
}

static void file_close(struct writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/* Only the last folder of the path: that /var/log is missing is not for us to mend. */
static void folder_make(const char *file)
{
	const char *slash = strrchr(file, '/');
	char folder[PATH_SIZE];

	if (!slash || slash == file || slash - file >= PATH_SIZE)
		return;
	memcpy(folder, file, (size_t)(slash - file));
	folder[slash - file] = '\0';
	if (!mkdir(folder, 0750))
		chmod(folder, 0750); /* whatever the umask */
}

/* A line that the writer itself has to tell; `more` are its other keys. */
static void lost_add(struct writer *w, const char *where, const char *more, const char *value)
{
	size_t at = w->out.len;

	buf_str(&w->out, "{\"seq\":");
	buf_u64(&w->out, ++w->seq);
	buf_str(&w->out, ",\"time\":\"");
	utc_add(&w->out, &w->utc, utc_now_ns());
	buf_printf(&w->out, "\",\"kind\":\"lost\",\"where\":\"%s\"%s%s}\n", where, more, value);
	if (w->o.journald)
		journal_add(&w->journal, w->out.data + at, w->out.len - at);
}

/* The numbers go on after those of the last run. A new file may have been begun just before that ended. */
static void numbers_resume(struct writer *w)
{
	char path[PATH_SIZE];
	struct tail tail;
	int fd;

	tail_read(w->fd, &tail);
	if (!tail.found) {
		snprintf(path, sizeof(path), "%s.1", w->o.file);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd >= 0) {
			tail_read(fd, &tail);
			close(fd);
		}
	}
	w->seq = tail.seq;
	w->begun = true;
	if (tail.torn)
		lost_add(w, "torn", ",\"count\":", "1");
	if (tail.found && !tail.stopped)
		lost_add(w, "restart", *tail.time ? ",\"since\":" : "", tail.time);
}

/* Opens the file for appending, and ends a line that is torn. 0 or negative errno. */
static int file_open(struct writer *w)
{
	struct stat st;
	char last;

	folder_make(w->o.file);
	w->fd = open(w->o.file, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		     0640);
	if (w->fd < 0)
		return -errno;
	if (fstat(w->fd, &st) || !S_ISREG(st.st_mode)) {
		file_close(w);
		return -EINVAL;
	}
	/* two daemons that write to one file would give numbers twice */
	if (flock(w->fd, LOCK_EX | LOCK_NB)) {
		int err = -errno;

		file_close(w);
		return err == -EWOULDBLOCK ? -EBUSY : err;
	}
	if (!st.st_size)
		fchmod(w->fd, 0640); /* the group may be given the folder: whatever the umask */
	w->size = (u64)st.st_size;
	w->limit = w->o.max_size;
	if (!w->begun)
		numbers_resume(w);
	if (w->size && pread(w->fd, &last, 1, (off_t)w->size - 1) == 1 && last != '\n') {
		if (write(w->fd, "\n", 1) != 1) {
			int err = -errno;

			file_close(w);
			return err;
		}
		w->size++;
	}
	return 0;
}

/* Has somebody moved or removed the file? */
static bool file_moved(const struct writer *w)
{
	struct stat ours, theirs;

	return fstat(w->fd, &ours) || lstat(w->o.file, &theirs) || ours.st_ino != theirs.st_ino ||
	       ours.st_dev != theirs.st_dev;
}

static void path_write(char path[PATH_SIZE], const struct writer *w, u64 i)
{
	if (i)
		snprintf(path, PATH_SIZE, "%s.%llu", w->o.file, (unsigned long long)i);
	else
		snprintf(path, PATH_SIZE, "%s", w->o.file);
}

/* FILE becomes FILE.1, and so on; the oldest is overwritten. Where that is not possible, the file goes on growing. */
static void file_rotate(struct writer *w)
{
	char from[PATH_SIZE], to[PATH_SIZE];

	for (u64 i = w->o.keep; i > 0; i--) {
		path_write(from, w, i - 1);
		path_write(to, w, i);
		if (rename(from, to) && i == 1) {
			w->limit = w->size + w->o.max_size;
			return;
		}
	}
	if (!w->o.keep && unlink(w->o.file)) {
		w->limit = w->size + w->o.max_size;
		return;
	}
	/* of a time when more were kept */
	for (u64 i = w->o.keep + 1; path_write(to, w, i), !unlink(to); i++)
		;
	file_close(w);
}

/* --- writing */

/* Where the line begins that has this byte. */
static size_t line_start(const struct buf *b, size_t at)
{
	while (at > 0 && b->data[at - 1] != '\n')
		at--;
	return at;
}

static void options_take(struct writer *w)
{
	if (!w->next.file)
		return;
	options_release(&w->o);
	w->o = w->next;
	w->next.file = NULL;
	file_close(w);
}

/* Tells of the error, and waits before the next try. False: the writer ends. */
static bool retry_wait(struct writer *w, int err)
{
	u64 until_ns = clock_now_ns() + RETRY_NS;
	bool ending, in_time = true;

	pthread_mutex_lock(&w->lock);
	w->state.err = err;
	while (!w->ending && !w->next.file && in_time)
		in_time = thread_cond_wait(&w->wake, &w->lock, until_ns);
	options_take(w);
	ending = w->ending;
	pthread_mutex_unlock(&w->lock);
	return !ending;
}

/* The file is open, be it after a while. False: the writer ends. */
static bool file_ready(struct writer *w)
{
	int err;

	while (w->fd < 0) {
		err = file_open(w);
		if (err && !retry_wait(w, err))
			return false;
	}
	return true;
}

/*
 * Writes `out`, and gives the journal what is in the file by then: no number comes there twice. False: that is not possible, and the
 * writer ends.
 */
static bool out_write(struct writer *w, u64 lines)
{
	size_t at = 0;
	ssize_t n;

	while (at < w->out.len) {
		if (w->fd >= 0 && file_moved(w))
			file_close(w);
		if (w->fd < 0)
			at = line_start(&w->out, at);
		if (!file_ready(w))
			return false;
		n = write(w->fd, w->out.data + at, w->out.len - at);
		if (n < 0 && errno != EINTR && !retry_wait(w, -errno))
			return false;
		if (n > 0) {
			at += (size_t)n;
			w->size += (u64)n;
		}
	}
	buf_reset(&w->out);
	journal_flush(&w->journal);
	pthread_mutex_lock(&w->lock);
	w->state.err = 0;
	w->state.busy_ns = clock_now_ns();
	w->state.seq = w->seq;
	w->state.written += lines;
	pthread_mutex_unlock(&w->lock);
	return true;
}

static void recent_add(struct writer *w, const char *line, size_t len)
{
	struct buf swap;

	pthread_mutex_lock(&w->recent_lock);
	if (w->recent[1].len + len > RECENT_MAX) {
		swap = w->recent[0];
		w->recent[0] = w->recent[1];
		w->recent[1] = swap;
		buf_reset(&w->recent[1]);
	}
	buf_add(&w->recent[1], line, len);
	pthread_mutex_unlock(&w->recent_lock);
}

/* Appends the line, with its number, to `out`. */
static void line_add(struct writer *w, const char *line, const struct entry *entry)
{
	size_t at = w->out.len;

	buf_str(&w->out, "{\"seq\":");
	buf_u64(&w->out, ++w->seq);
	buf_char(&w->out, ',');
	buf_add(&w->out, line, entry->len);
	recent_add(w, w->out.data + at, w->out.len - at);
	if (entry->journald && w->o.journald)
		journal_add(&w->journal, w->out.data + at, w->out.len - at);
}

/* Writes what was taken from the queue. False: that is not possible, and the writer ends. */
static bool taken_write(struct writer *w)
{
	struct entry entry;
	u64 lines = 0;

	if (!file_ready(w))
		return false;
	for (size_t at = 0; at + sizeof(entry) <= w->taken.len; at += entry.len) {
		u64 size = w->size + w->out.len;

		memcpy(&entry, w->taken.data + at, sizeof(entry));
		at += sizeof(entry);
		if (size && size + entry.len + NUMBER_MAX > w->limit) {
			if (!out_write(w, lines))
				return false;
			lines = 0;
			file_rotate(w);
			if (!file_ready(w))
				return false;
		}
		line_add(w, w->taken.data + at, &entry);
		lines++;
		if (w->out.len < BATCH_MAX)
			continue;
		if (!out_write(w, lines))
			return false;
		lines = 0;
	}
	return out_write(w, lines);
}

/* Of what the journal has missed. False: that is not possible to write, and the writer ends. */
static bool missed_tell(struct writer *w)
{
	struct journal *j = &w->journal;
	struct buf more = { 0 };

	if (!j->untold)
		return true;
	if (!file_ready(w))
		return false;
	buf_printf(&more, "%llu,\"since\":\"", (unsigned long long)j->untold);
	utc_add(&more, &w->utc, j->untold_wall_ns);
	buf_char(&more, '"');
	j->untold = 0;
	lost_add(w, "journal", ",\"count\":", buf_cstr(&more));
	buf_release(&more);
	return out_write(w, 1);
}

static void journal_state(struct writer *w, int err)
{
	pthread_mutex_lock(&w->lock);
	w->state.journal_err = err;
	w->state.journal_dropped = w->journal.dropped;
	pthread_mutex_unlock(&w->lock);
}

/* Gives the journal what is meant for it, and tells of the rest when it takes lines again. False: as above. */
static bool journal_serve(struct writer *w)
{
	int err = journal_flush(&w->journal);

	journal_state(w, err);
	return err || missed_tell(w);
}

/* What it has not taken by now it never will; then the file alone is told. `good`: that can be written. */
static void journal_end(struct writer *w, bool good)
{
	int err = journal_flush(&w->journal);

	journal_give_up(&w->journal);
	journal_state(w, err);
	if (good)
		missed_tell(w);
}

/* Waits for lines. False: there are no more. */
static bool lines_take(struct writer *w)
{
	u64 until_ns = w->journal.pending.len ? clock_now_ns() + JOURNAL_NS : UINT64_MAX;
	bool in_time = true;
	struct buf swap;

	pthread_mutex_lock(&w->lock);
	w->state.busy_ns = 0;
	while (!w->ending && !w->next.file && !(w->woken && w->pending.len) && in_time)
		in_time = thread_cond_wait(&w->wake, &w->lock, until_ns);
	w->state.busy_ns = clock_now_ns();
	w->woken = false;
	options_take(w);
	swap = w->taken;
	w->taken = w->pending;
	w->pending = swap;
	if (w->pending.cap > QUEUE_KEEP)
		buf_release(&w->pending);
	buf_reset(&w->pending);
	pthread_mutex_unlock(&w->lock);
	return w->taken.len || !w->ending;
}

static void *run(void *ctx)
{
	struct writer *w = ctx;
	bool good = true;

	while (good && lines_take(w))
		good = (!w->taken.len || taken_write(w)) && journal_serve(w);
	journal_end(w, good);
	file_close(w);
	return NULL;
}

/* --- what others call */

bool writer_put(struct writer *w, const char *line, size_t len, bool journald)
{
	const struct entry entry = { (u32)len, journald };
	bool room;

	if (len > EVENT_LINE_MAX)
		return false;
	pthread_mutex_lock(&w->lock);
	room = w->pending.len + sizeof(entry) + len <= WRITER_QUEUE_MAX &&
	       buf_reserve(&w->pending, sizeof(entry) + len);
	if (room) {
		buf_add(&w->pending, &entry, sizeof(entry));
		buf_add(&w->pending, line, len);
	}
	if (w->pending.len > WRITER_QUEUE_MAX / 4 && !w->woken) {
		w->woken = true;
		pthread_cond_signal(&w->wake);
	}
	w->pending.failed = false;
	pthread_mutex_unlock(&w->lock);
	return room;
}

void writer_wake(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->pending.len && !w->woken) {
		w->woken = true;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
}

int writer_configure(struct writer *w, const struct writer_options *o)
{
	struct writer_options copy;

	if (!options_copy(&copy, o))
		return -ENOMEM;
	pthread_mutex_lock(&w->lock);
	options_release(&w->next);
	w->next = copy;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

void writer_state(struct writer *w, struct writer_state *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = w->state;
	pthread_mutex_unlock(&w->lock);
}

void writer_recent(struct writer *w, void (*each)(void *ctx, const char *line, size_t len),
		   void *ctx)
{
	pthread_mutex_lock(&w->recent_lock);
	for (int i = 0; i < 2; i++) {
		const char *at = w->recent[i].data, *end = at + w->recent[i].len, *newline;

		for (; at && at < end; at = newline + 1) {
			newline = memchr(at, '\n', (size_t)(end - at));
			if (!newline)
				break;
			each(ctx, at, (size_t)(newline + 1 - at));
		}
	}
	pthread_mutex_unlock(&w->recent_lock);
}

static void writer_release(struct writer *w)
{
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->recent_lock);
	options_release(&w->o);
	options_release(&w->next);
	buf_release(&w->pending);
	buf_release(&w->taken);
	buf_release(&w->out);
	journal_release(&w->journal);
	buf_release(&w->recent[0]);
	buf_release(&w->recent[1]);
	free(w);
}

struct writer *writer_new(const struct writer_options *o)
{
	struct writer *w = calloc(1, sizeof(*w));
	int err = -ENOMEM;

	if (!w)
		return NULL;
	w->fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->recent_lock, NULL);
	thread_cond_init(&w->wake);
	/* from then on no line is lost for want of memory */
	if (buf_reserve(&w->out, BATCH_MAX + EVENT_LINE_MAX + 4 * NUMBER_MAX) &&
	    options_copy(&w->o, o))
		err = thread_start(&w->thread, run, w);
	if (!err)
		return w;
	writer_release(w);
	errno = -err;
	return NULL;
}

static void end_begin(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

bool writer_end(struct writer *w, u64 wait_ns)
{
	if (w->ended)
		return true;
	end_begin(w);
	w->ended = thread_join(w->thread, clock_now_ns() + wait_ns);
	return w->ended;
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	end_begin(w);
	if (!w->ended)
		pthread_join(w->thread, NULL);
	writer_release(w);
}
