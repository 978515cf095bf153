/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event log: one JSON object a line, with a sequence number and UTC nanoseconds. Writing happens in a thread of its own; what
 * cannot be written is dropped and counted, never waited for.
 */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include <jansson.h>

#include "types.h"

/* X(kind): the reference and `seismo events --kind` are made from these rows (event.c). */
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

struct event_log;

/*
 * Begins a line; the calls that follow add to it, event_end() hands it over. Where a limit of kind and service is reached, nothing
 * is written, and "N suppressed" follows later. One line at a time.
 */
void event_begin(struct event_log *l, enum event_kind kind, const char *service, s64 wall_ns);
void event_text(struct event_log *l, const char *key,
		const char *value); /* any bytes; NULL: left out */
void event_integer(struct event_log *l, const char *key, s64 value);
void event_seconds(struct event_log *l, const char *key, u64 ns);
void event_json(struct event_log *l, const char *key, const json_t *value);
void event_end(struct event_log *l);

#endif
