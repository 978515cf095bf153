/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages for people, one line each on stderr. Modules under lib/, metric/, expo/ and service/ do not log but return
 * negative errno; the caller that gives up logs the error, once.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdatomic.h>

enum log_level { SEISMO_LOG_ERR, SEISMO_LOG_WARN, SEISMO_LOG_INFO, SEISMO_LOG_DEBUG };

/* Messages above this level are dropped; SEISMO_LOG_INFO at start. */
extern enum log_level log_level;
/* What standard error does not take at once is dropped: the event loop does not wait for who reads a pipe. Off at start. */
extern atomic_bool log_drops;

void log_printf(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Logs "what: reason of err" and returns err (negative errno), so that an error path cannot lose it. */
int log_err(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_warn(...)  log_printf(SEISMO_LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_printf(SEISMO_LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_printf(SEISMO_LOG_DEBUG, __VA_ARGS__)

#endif
