// SPDX-License-Identifier: BSD-3-Clause
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum log_level log_level = SEISMO_LOG_INFO;

static void log_line(enum log_level level, const char *fmt, va_list args, const char *reason)
{
	static const char *const prefix[] = { "error: ", "warning: ", "", "debug: " };

	if (level > log_level)
		return;
	flockfile(stderr);
	fprintf(stderr, "seismo: %s", prefix[level]);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "%s%s\n", reason ? ": " : "", reason ? reason : "");
	funlockfile(stderr);
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
