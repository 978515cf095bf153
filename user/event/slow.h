/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines about what was slow or failed: system calls, requests, I/O; the longest of a window. */
#ifndef EVENT_SLOW_H
#define EVENT_SLOW_H

#include "event/event.h"
#include "ring_event.h"

struct slow;

/* `service` names identities, see event/ring.h. NULL: no memory. */
struct slow *slow_new(const char *(*service)(void *ctx, u32 identity, u32 gen), void *ctx);
void slow_free(struct slow *t);
/* Remembers it if it is the longest of its sort and service in this window. */
void slow_note(struct slow *t, const struct ring_slow_call *e, const char *service, s64 wall_ns);
/* The window ends: a line for each that is remembered, and begins anew. */
void slow_tell(struct slow *t, struct event_log *l, u64 window_ns);

/* A request to a disk that failed. */
void slow_block_error(struct event_log *l, const struct ring_io *e, const char *service,
		      s64 wall_ns);

#endif
