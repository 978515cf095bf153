// SPDX-License-Identifier: BSD-3-Clause
#include "lib/log.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/utf8.h"

/* A pipe that is not full takes so much at once. */
#define PART_MAX 4096

enum log_level log_level = SEISMO_LOG_INFO;
atomic_bool log_drops;

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

static void log_line(enum log_level level, const char *fmt, va_list args, const char *reason)
{
	static const char *const prefix[] = { "error: ", "warning: ", "", "debug: " };
	struct buf line = { 0 };
	int before = errno;
	char *text = NULL;

	if (level > log_level)
		return;
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	if (text)
		utf8_mask(text, "\n\t");
	buf_printf(&line, "seismo: %s%s%s%s\n", prefix[level], text ?: fmt, reason ? ": " : "",
		   reason ?: "");
	if (line.failed)
		text_write(fmt, strlen(fmt)); /* there is no memory */
	else
		text_write(line.data, line.len);
	buf_release(&line);
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
