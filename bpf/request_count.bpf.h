/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting requests. */
#ifndef REQUEST_COUNT_BPF_H
#define REQUEST_COUNT_BPF_H

#include "hist.bpf.h"
#include "request_event.bpf.h"

METRIC(requests_total);
METRIC(request_duration_seconds);
METRIC(request_queue_seconds);
METRIC(requests_unanswered_total);
METRIC(request_parser_lost_total);
METRIC(request_errors_total);

/* Requests that take longer are long polls, which have no duration; 0: there are none. */
volatile u64 long_poll_ns; /* set by user space at any time; 0: none is a long poll */

#define NOT_TIMED (~0ULL)

/* The time since `since`; 0 there: not to be timed. */
static __always_inline u64 time_since(u64 since, u64 now)
{
	u64 ns = now > since ? now - since : 0;

	return !since || (long_poll_ns && ns > long_poll_ns) ? NOT_TIMED : ns;
}

/* n requests that began at `since`, 0: unknown, and got their responses at `now`. */
__noinline int request_count(u32 identity, u64 dim, u64 n, u64 since, u64 now)
{
	u64 ns = time_since(since, now);

	count_add_at(series_slot(requests_total, identity, dim, false), n);
	if (ns == NOT_TIMED)
		return 0;
	hist_add_many_at(series_slot(request_duration_seconds, identity, without_status(dim), true),
			 ns, n);
	if (ns >= slow_min_ns)
		slow_request(identity, dim, ns);
	return 0;
}

#endif
