/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's part of `seismo attach`: what it is attached to at present, for which clients. */
#ifndef CMD_ATTACHING_H
#define CMD_ATTACHING_H

#include <jansson.h>

#include "cmd/agent.h"
#include "cmd/feed.h"
#include "lib/buf.h"
#include "lib/loop.h"

struct attaching;

/* The agent and the feed outlive it. NULL: no memory. */
struct attaching *attaching_new(struct agent *a, struct feed *feed, struct loop *loop);
/* Does what its thread is at come to its end in this time? */
bool attaching_end(struct attaching *t, u64 wait_ns);
void attaching_free(struct attaching *t);
/* Some times a second. */
void attaching_tick(struct attaching *t, u64 now_ns);

struct attach_request {
	u64 pid;
	u64 client; /* process for which it is: the attachment ends with it; 0: it ends when nobody asks for it for long */
	u64 slow_ns; /* 0: nothing is told */
	bool execs;  /* the process waits for the attachment before it executes a command */
};

/* An HTTP status. 200: *id has its number; otherwise what is wrong is in `error`. */
unsigned attaching_begin(struct attaching *t, const struct attach_request *r, u64 *id,
			 struct buf *error);
/* What it has found, and what was slow from number `after` on. 200 or 404. */
unsigned attaching_get(struct attaching *t, u64 id, u64 after, json_t **ret, struct buf *error);
/*
 * The same for the last time: all of it, and the attachment is gone afterwards. 200, 404; 202: it takes a moment, and whoever wants
 * it has to wait.
 */
unsigned attaching_end_one(struct attaching *t, u64 id, u64 after, json_t **ret, struct buf *error);
/* After 202, at once: `found` is called later, and releases the document; NULL: there is none. */
void attaching_wait(struct attaching *t, u64 id, void (*found)(void *ctx, json_t *doc), void *ctx);
/* Whoever waits for a last reading gets none: the daemon ends. */
void attaching_abandon(struct attaching *t);

#endif
