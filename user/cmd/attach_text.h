/* SPDX-License-Identifier: BSD-3-Clause */
/* What an attachment has found, for people. */
#ifndef CMD_ATTACH_TEXT_H
#define CMD_ATTACH_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/buf.h"

struct attach_view {
	unsigned width; /* columns, 0: lines may be of any length */
	unsigned calls; /* rows of the table of calls at most, 0: all */
	unsigned rows;	/* of each other list at most, 0: as many as are worth it */
	bool live;	/* it goes on: what is known at its end only is left out */
};

void attach_text_summary(const json_t *doc, const struct attach_view *view, struct buf *out);
/* One call, I/O or request above the threshold, as a line. */
void attach_text_slow(const json_t *event, struct buf *out);
/* In one line what has happened since `before`, NULL: since the begin. */
void attach_text_line(const json_t *doc, const json_t *before, struct buf *out);

#endif
