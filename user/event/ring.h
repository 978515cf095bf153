/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events of the kernel side (include/ring_event.h) become lines of the event log: names are resolved, the slowest of a window are
 * picked, replaced programs are noticed, and what was lost is told.
 */
#ifndef EVENT_RING_H
#define EVENT_RING_H

#include <stdbool.h>

#include "event/event.h"
#include "event/process_event.h"
#include "lib/worker.h"
#include "probe/tables.h"
#include "ring_event.h"

struct event_ring_hooks {
	/*
	 * The service of an identity that was at this generation, "unknown" where that has gone. NULL: its name is being looked
	 * up. Valid until the next call.
	 */
	const char *(*service)(void *ctx, u32 identity, u32 gen);
	/* Optional. */
	void (*seen)(void *ctx, const struct process_event *e);
	void (*watched)(void *ctx, const struct ring_watched *e);
	struct worker
		*worker; /* looks at files of programs; it has ended before the ring is freed */
	void *ctx;
};

struct event_ring;

/*
 * Of the families that run. `t`, `l` and the hooks' context outlive it; `l` may be NULL: then only `seen` is told. NULL with errno;
 * ENOENT: no family tells events.
 */
struct event_ring *event_ring_new(struct tables *t, struct event_log *l,
				  const struct event_ring_hooks *hooks);
void event_ring_free(struct event_ring *r);
/* Readable when much has come: event_ring_read() is due. Otherwise that is called some times a second. */
int event_ring_fd(const struct event_ring *r);
void event_ring_read(struct event_ring *r, u64 now_ns);
/* Length of the window of which the slowest are told. */
void event_ring_window(struct event_ring *r, u64 window_ns);
/* Events of a kind that found no room in the ring buffer, in all. */
u64 event_ring_lost(const struct event_ring *r, enum event_kind kind);
/* I/O and requests of this attachment that take so long are told from now on; 0: none is any more. */
void event_ring_watch(struct event_ring *r, u32 watch, u64 ns);
/* ... that found no room, of all attachments. */
u64 event_ring_watched_lost(const struct event_ring *r);

#endif
