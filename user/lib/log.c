// SPDX-License-Identifier: BSD-3-Clause
#include "lib/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/utc.h"
#include "lib/utf8.h"

/* A pipe that is not full takes so much at once. */
#define PART_MAX 4096

/* So many messages of a kind pass at once, then one a second. */
#define BURST	  100
#define KINDS_MAX 32

const char *const log_level_words[] = { "error", "warning", "info", "debug", NULL };
const char *const log_format_words[] = { "auto", "text", "logfmt", "json", NULL };

enum log_level log_level = SEISMO_LOG_INFO;
atomic_bool log_drops;

/* Of the daemon's log; AUTO: this is a command. */
static _Atomic enum log_format log_format;
static atomic_bool journal, terminal; /* what standard error is */

/* Messages of one kind are those of one call: its format is what tells them. */
struct kind {
	const char *fmt;
	double passing; /* how many may pass now, */
	time_t at;	/* as of then, CLOCK_MONOTONIC */
	unsigned left_out;
	char *last; /* of those that were left out */
};
static struct kind kinds[KINDS_MAX];
static pthread_mutex_t kinds_lock = PTHREAD_MUTEX_INITIALIZER;

bool log_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

void log_begin(enum log_format format)
{
	journal = log_is_journal();
	terminal = isatty(STDERR_FILENO);
	log_change(format);
}

void log_change(enum log_format format)
{
	if (format == SEISMO_LOG_AUTO)
		format = journal || terminal ? SEISMO_LOG_TEXT : SEISMO_LOG_LOGFMT;
	log_format = format;
}

/* --- what is written */

static bool stderr_waits(int timeout_ms)
{
	struct pollfd p = { STDERR_FILENO, POLLOUT, 0 };

	return poll(&p, 1, timeout_ms) <= 0 || !(p.revents & POLLOUT);
}

/* In one piece where that is possible: others may write there too. */
static void text_write(const char *text, size_t len)
{
	while (len) {
		ssize_t n;

		if (log_drops && stderr_waits(0))
			return;
		n = write(STDERR_FILENO, text, log_drops && len > PART_MAX ? PART_MAX : len);
		if (n < 0 && errno == EAGAIN && !log_drops && !stderr_waits(-1))
			continue;
		if (!n || (n < 0 && errno != EINTR))
			return;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

/* To the ms, which is as exact as anybody needs it. */
static void time_add(struct buf *b)
{
	struct utc_cache cache = { 0 };

	utc_add(b, &cache, utc_now_ns());
	if (b->failed)
		return;
	b->len -= strlen("456789Z");
	buf_char(b, 'Z');
}

static void text_add(struct buf *b, enum log_level level, const char *text)
{
	static const char *const prefix[] = { "error: ", "warning: ", "", "debug: " };

	if (log_format && !journal) {
		time_add(b);
		buf_char(b, ' ');
	}
	/* the journal says who it is from, and how grave it is */
	if (!journal)
		buf_printf(b, "seismo: %s", prefix[level]);
	buf_str(b, text);
}

static void logfmt_add(struct buf *b, enum log_level level, const char *text)
{
	if (!journal) {
		buf_str(b, "time=");
		time_add(b);
		buf_char(b, ' ');
	}
	buf_printf(b, "level=%s msg=", log_level_words[level]);
	utf8_json(b, text); /* quotes and escapes are the same */
}

static void json_add(struct buf *b, enum log_level level, const char *text)
{
	buf_char(b, '{');
	if (!journal) {
		buf_str(b, "\"time\":\"");
		time_add(b);
		buf_str(b, "\",");
	}
	buf_printf(b, "\"level\":\"%s\",\"msg\":", log_level_words[level]);
	utf8_json(b, text);
	buf_char(b, '}');
}

static void line_add(struct buf *b, enum log_level level, const char *text)
{
	static const char priority[] = { '3', '4', '6', '7' }; /* as in syslog.h */

	if (log_format && journal)
		buf_printf(b, "<%c>", priority[level]);
	if (log_format == SEISMO_LOG_LOGFMT)
		logfmt_add(b, level, text);
	else if (log_format == SEISMO_LOG_JSON)
		json_add(b, level, text);
	else
		text_add(b, level, text);
	buf_char(b, '\n');
}

static void line_write(enum log_level level, const char *text)
{
	struct buf line = { 0 };

	line_add(&line, level, text);
	if (line.failed)
		text_write(text, strlen(text)); /* there is no memory */
	else
		text_write(line.data, line.len);
	buf_release(&line);
}

/* --- how much of it */

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* NULL: there are more kinds than are known, which are not limited. */
static struct kind *kind_of(const char *fmt)
{
	struct kind *idle = NULL;

	for (struct kind *k = kinds; k < kinds + KINDS_MAX; k++) {
		if (k->fmt == fmt)
			return k;
		if (!k->left_out && (!idle || k->at < idle->at))
			idle = k;
	}
	if (idle)
		*idle = (struct kind){ .fmt = fmt, .passing = BURST, .at = seconds() };
	return idle;
}

static bool is_left_out(const char *fmt, const char *text)
{
	struct kind *k;
	time_t now;
	bool out;

	pthread_mutex_lock(&kinds_lock);
	k = kind_of(fmt);
	now = seconds();
	if (k) {
		k->passing += (double)(now - k->at);
		k->passing = k->passing > BURST ? BURST : k->passing;
		k->at = now;
	}
	out = k && k->passing < 1;
	if (out) {
		k->left_out++;
		free(k->last);
		k->last = strdup(text);
	} else if (k) {
		k->passing--;
	}
	pthread_mutex_unlock(&kinds_lock);
	return out;
}

void log_settle(void)
{
	pthread_mutex_lock(&kinds_lock);
	for (struct kind *k = kinds; k < kinds + KINDS_MAX; k++) {
		char *text = NULL;

		if (!k->left_out)
			continue;
		if (asprintf(&text,
			     "%u messages were too many and are left out, the last of them: %s",
			     k->left_out, k->last ?: k->fmt) >= 0)
			line_write(SEISMO_LOG_WARN, text);
		free(text);
		free(k->last);
		k->last = NULL;
		k->left_out = 0;
	}
	pthread_mutex_unlock(&kinds_lock);
}

/* --- messages */

static void log_line(enum log_level level, const char *fmt, va_list args, const char *reason)
{
	struct buf whole = { 0 };
	int before = errno;
	char *text = NULL;

	if (level > log_level)
		return;
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	if (text)
		utf8_mask(text, "\n\t");
	buf_printf(&whole, "%s%s%s", text ?: fmt, reason ? ": " : "", reason ?: "");
	/* whoever wants to know everything gets it */
	if (!log_format || level == SEISMO_LOG_DEBUG || !is_left_out(fmt, buf_cstr(&whole)))
		line_write(level, whole.failed ? fmt : buf_cstr(&whole));
	buf_release(&whole);
	free(text);
	errno = before;
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(level, fmt, args, NULL);
	va_end(args);
}

int log_err(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(SEISMO_LOG_ERR, fmt, args, strerror(-err));
	va_end(args);
	return err;
}
