/* SPDX-License-Identifier: BSD-3-Clause */
/* What has been found of one process that somebody is attached to, while it lasts and at its end. */
#ifndef CMD_ATTACHED_H
#define CMD_ATTACHED_H

#include <jansson.h>

#include "attach/attachment.h"
#include "attach/connections.h"
#include "attach/details.h"
#include "attach/slow.h"
#include "attach/summary.h"
#include "attach/target.h"
#include "collect/collect.h"
#include "event/ring.h"
#include "stack/stacks.h"

struct attached {
	struct target target;
	struct attach_target setup;
	struct attachment attachment;
	struct details details;
	struct slow_list slow;
	struct connections connections;
	u64 slow_lost; /* when it was asked for last: see event_ring_watched_lost() */
	struct summary_sums sums;
	u64 resident_pages;
	u64 file_events; /* in this tick */
};

/* What all attachments have in common. */
struct attached_sources {
	struct collector *collector;
	struct event_ring *ring; /* NULL: none of the families tells what was slow */
	struct stacks *stacks;	 /* NULL: where it waits is not known, why is in `stacks_error` */
	const char *stacks_error;
};

/* The attachment is open: takes its events from now on. */
void attached_begin(struct attached *a, struct event_ring *ring);
/* Tasks are looked at, but not twice in 200 ms; `last`: in any case. */
void attached_look(struct attached *a, u64 now_ns, bool last);
/* Some times a second. */
void attached_tick(struct attached *a);
/* Adds all of it, and what was slow from number `after` on; `last`: at its end, with more rows. */
void attached_add(json_t *doc, struct attached *a, const struct attached_sources *src, u64 after,
		  bool last);
/* But not the attachment itself, which takes long. */
void attached_release(struct attached *a);

#endif
