/* SPDX-License-Identifier: BSD-3-Clause */
/* One service in detail: what is asked for that, and the lines that are made of the answers. */
#ifndef TOP_DETAIL_H
#define TOP_DETAIL_H

#include <jansson.h>

#include "lib/buf.h"
#include "types.h"

/* What is asked about a service; ends with a row without title. */
struct top_part {
	const char *title;
	const char *metric, *by; /* of /api/v1/query; NULL: events or alerts */
	const char *route;	 /* that it asks otherwise */
	unsigned max;		 /* lines */
	u64 window_ns;		 /* 0: that of the table */
};
extern const struct top_part top_parts[];
#define TOP_PARTS_MAX 20

struct top_window {
	u64 length_ns, ago_ns;
	s64 end_ns; /* CLOCK_REALTIME */
};

/* Appends KEY=VALUE to the parameters of a path (cmd/ask.h). */
typedef void (*top_param_add)(struct buf *path, const char *key, const char *value);

/* Writes the path that asks for this part. Returns NULL, or why it cannot be asked for. */
const char *top_part_path(struct buf *path, const struct top_part *p, const char *service,
			  const struct top_window *w, top_param_add add);
/* Appends lines, each with its end, of what was answered; NULL: it is unknown, because of `why`. */
void top_part_write(struct buf *b, const struct top_part *p, const char *service,
		    const struct top_window *w, const json_t *answer, const char *why);

#endif
