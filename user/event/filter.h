/* SPDX-License-Identifier: BSD-3-Clause */
/* Which events somebody asks for: `seismo events` and the route have the same conditions, by the same names. */
#ifndef EVENT_FILTER_H
#define EVENT_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "event/event.h"
#include "lib/buf.h"

/* All must hold; all zeros: any event. */
struct event_filter {
	u32 kinds; /* bits by enum event_kind; 0: all */
	const char *
		service; /* a pattern of fnmatch(3), `*` crosses `/`; NULL: all, also those of none */
	s64 since_ns, until_ns; /* 0: no bound */
	s64 pid;		/* 0: all */
};

/* The conditions; ends with one without name. */
extern const struct event_filter_row {
	const char *name, *argument, *help;
	/* 0, or -EINVAL: that is not what is wanted, which is `argument` ... */
	int (*set)(struct event_filter *f, const char *value, s64 now_ns);
} event_filter_rows[];

/*
 * Sets the condition of this name from text, which has to outlive the filter; `now_ns` is CLOCK_REALTIME. 0; -ENOENT: there is no such
 * condition; -EINVAL: and `error` says what would be right.
 */
int event_filter_set(struct event_filter *f, const char *name, const char *value, s64 now_ns,
		     struct buf *error);
bool event_filter_matches(const struct event_filter *f, const json_t *event);
/*
 * The event of a line, any bytes, if it is one that matches; the caller owns it. Otherwise NULL, and *bad says whether it is no
 * event at all.
 */
json_t *event_filter_line(const struct event_filter *f, const char *line, size_t len, bool *bad);

#endif
