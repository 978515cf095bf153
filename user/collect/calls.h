/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who asks whom: the requests of each service by protocol, and what it asks of others by peer, over the last
 * half to one minute.
 */
#ifndef COLLECT_CALLS_H
#define COLLECT_CALLS_H

#include "collect/collect.h"

struct call_count {
	u64 requests, errors;
	struct hist durations;
};

/* Ordered by service, inbound before outbound. */
struct call {
	const char *service;
	const char *peer;     /* outbound: a service of this machine or ADDRESS:PORT; "" */
	const char *protocol; /* as in the labels */
	bool outbound;
	struct call_count total; /* as far as the identities concerned are alive */
	struct call_count last;	 /* in the window */
};

struct calls;

struct calls *calls_new(struct collector *collector);
void calls_free(struct calls *c);
/* Some times a second: begins a new window now and then. */
void calls_tick(struct calls *c, u64 now_ns);
/*
 * Reads what there is now. Returns how many calls *ret points to, owned by `c`, good until the next call of any
 * of these; *window_ns is what `last` covers.
 */
size_t calls_read(struct calls *c, u64 now_ns, const struct call **ret, u64 *window_ns);

#endif
