/* SPDX-License-Identifier: BSD-3-Clause */
/* The event log of the daemon: what the kernel side tells, and what the daemon itself has to tell. */
#ifndef CMD_FEED_H
#define CMD_FEED_H

#include "event/filter.h"
#include "event/ring.h"
#include "probe/probe.h"

struct agent;
struct loop;

struct feed {
	struct agent *agent;
	struct event_log
		*log; /* NULL: the configuration has none; functions of event/event.h take that */
	struct event_ring *ring;
	struct worker *
		worker; /* looks at files of programs; one that hangs keeps no other thread waiting */
	struct watch *watch;
	bool quiet; /* it waits for nothing until the next tick */
	bool begun;
	/* Slow I/O and requests of those that somebody is attached to; NULL: nobody takes them. */
	void (*watched)(void *ctx, const struct ring_watched *e);
	void *watched_ctx;
	u64 missed_told[PROBE_MAX], missed_tell_ns;
};

/* Before the probes start; without a log if the configuration names none. An exit status. */
int feed_open(struct feed *f, struct agent *a);
/* All families run: events of the kernel side come from now on. */
void feed_begin(struct feed *f, struct loop *loop);
/* Some times a second. */
void feed_tick(struct feed *f, u64 now_ns);
/* The configuration was read again, or refused. */
void feed_reloaded(struct feed *f, bool successful);
/* The daemon ends with this status. False: the disk hangs, see event_log_end(). */
bool feed_end(struct feed *f, int status, u64 wait_ns);
/* Before the agent's tables are gone. */
void feed_free(struct feed *f);

/* The last `max` events that match, as a document of JSON; `recorded`: there is an event
 * log; `from`: time of the oldest event that is still at hand. */
void feed_write(const struct feed *f, const struct event_filter *filter, unsigned max,
		struct buf *out);

#endif
