/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages for people, one line each on stderr. Modules under lib/, metric/, expo/ and service/ do not log but return
 * negative errno; the caller that gives up logs the error, once.
 *
 * A command writes "seismo: warning: MESSAGE". The daemon, after log_begin(), writes a log: with times, unless who takes it has its own,
 * and so many messages of a kind at a time.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

enum log_level { SEISMO_LOG_ERR, SEISMO_LOG_WARN, SEISMO_LOG_INFO, SEISMO_LOG_DEBUG };
/* AUTO: text for the journal and a terminal, otherwise logfmt. */
enum log_format { SEISMO_LOG_AUTO, SEISMO_LOG_TEXT, SEISMO_LOG_LOGFMT, SEISMO_LOG_JSON };

/* "error", ...; "auto", ...; both end with NULL. */
extern const char *const log_level_words[], *const log_format_words[];

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

/* From now on this is a log. */
void log_begin(enum log_format format);
/* Its form changes; may be called in a sandbox, which can ask nothing about standard error. */
void log_change(enum log_format format);
/* Says how many messages of which kinds were left out since it was called last: there were too many of them. */
void log_settle(void);
/* Is standard error the journal's? It adds times, and understands priorities. */
bool log_is_journal(void);

#endif
