/* SPDX-License-Identifier: BSD-3-Clause */
/* Measures the table of services in the daemon's history. */
#ifndef TOP_MEASURE_H
#define TOP_MEASURE_H

#include "expo/window.h"
#include "metric/history.h"
#include "rule/engine.h"
#include "top/table.h"
#include "top/usual.h"

#define TOP_WINDOW_NS 10000000000ULL /* by default */

struct top_sources {
	const struct registry *registry;
	const struct history *history;
	const struct engine *engine; /* NULL: nobody evaluates rules */
	/* What gave the service its name; must live as long as the table. */
	const char *(*kind)(void *ctx, const char *service);
	void *ctx;
	struct top_usual
		*usual; /* kept from one table to the next; NULL: it is measured each time */
	u64 now_ns;	/* CLOCK_MONOTONIC */
	s64 wall_ns;	/* CLOCK_REALTIME of the same moment */
};

/*
 * Measures the window; its texts live as long as the registry is not written. 0, -EAGAIN (nothing has been read yet), -ENODATA (the
 * history begins after the window) or -ENOMEM. Release the table in any case.
 */
int top_measure(struct top_table *ret, const struct top_sources *src, const struct expo_window *w);

/*
 * Answers window=10s&ago=0s&limit=1000 with the JSON that top/README.md describes; returns the HTTP status, as expo_query() does.
 */
unsigned top_answer(const struct top_sources *src, const struct expo_params *params,
		    struct buf *out);

#endif
