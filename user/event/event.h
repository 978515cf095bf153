/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event log: one JSON object a line, with a sequence number and UTC nanoseconds. Writing happens in a thread of its own
 * (event/writer.h); what cannot be written is dropped and counted, never waited for. One thread calls all this, the loop's.
 */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include <jansson.h>
#include <stdbool.h>

#include "types.h"

struct writer;
struct writer_options; /* event/writer.h */

/* In the order of event_rows[]. */
enum event_kind {
	EVENT_PROCESS_START,
	EVENT_PROCESS_EXIT,
	EVENT_OOM,
	EVENT_ALERT,
	EVENT_BLOCK_ERROR,
	EVENT_SLOW,
	EVENT_REPLACED,
	EVENT_RELOAD,
	EVENT_START,
	EVENT_STOP,
	EVENT_SUPPRESSED,
	EVENT_LOST,
	EVENT_KINDS
};

struct event_field {
	const char *name, *help;
};

/* What a line of a kind has; the reference and `seismo events --kind` are made from these rows (schema.c). */
struct event_row {
	const char *name, *summary;
	const struct event_field *fields; /* besides event_common[]; ends with one without name */
	/* So many lines of a service at once, and so many more a second; 0: no limit. */
	u32 burst;
	double per_second;
	bool journald; /* worth an entry in the journal */
};
extern const struct event_row event_rows[EVENT_KINDS];
extern const struct event_field event_common[]; /* ends with one without name */
/* The kind of this name, EVENT_KINDS: there is none. */
enum event_kind event_kind_find(const char *name);

struct event_log;

/* Starts the thread. NULL with errno. */
struct event_log *event_log_new(const struct writer_options *o);
/* 0; -ENOMEM: it stays as it was. */
int event_log_configure(struct event_log *l, const struct writer_options *o);
/* Some times a second: says what was suppressed or lost, and on stderr whether the file can be written. */
void event_log_tick(struct event_log *l);
/* Has the lines written that were added. Otherwise event_log_tick() does. */
void event_log_flush(struct event_log *l);
/* See writer_end(). */
bool event_log_end(struct event_log *l, u64 wait_ns);
void event_log_free(struct event_log *l);

/* Lines that were dropped so far, of a kind, since the queue was full. */
u64 event_log_dropped(const struct event_log *l, enum event_kind kind);
/* Lines that the journal has not got. */
u64 event_log_missed(const struct event_log *l);
struct writer *event_log_writer(const struct event_log *l);

/*
 * Begins a line, about what happened at this time of CLOCK_REALTIME (lib/utc.h); the calls that follow add to it, event_end() hands it over. Where a limit of kind and service is reached, nothing
 * is written, and a line "suppressed" follows later. One line at a time. `service` may be NULL. All but keys may be any bytes.
 */
void event_begin(struct event_log *l, enum event_kind kind, const char *service, s64 wall_ns);
void event_text(struct event_log *l, const char *key, const char *value); /* NULL: left out */
void event_integer(struct event_log *l, const char *key, s64 value);
void event_bool(struct event_log *l, const char *key, bool value);
/* The key ends in _seconds. */
void event_seconds(struct event_log *l, const char *key, u64 ns);
void event_json(struct event_log *l, const char *key, const json_t *value); /* NULL: left out */
/* A time of CLOCK_REALTIME, as the line's own is written. */
void event_time(struct event_log *l, const char *key, s64 wall_ns);
void event_end(struct event_log *l);

/*
 * Events that something else has lost: `where` is "ring" (the buffer between kernel and daemon), "probe" (a program was not called),
 * and `what` says of what, NULL: of anything.
 */
void event_lost(struct event_log *l, const char *where, const char *what, u64 count);

#endif
