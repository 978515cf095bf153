/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of the event log as entries of systemd's journal. Nothing here waits: what the journal does not take at once is kept for a
 * while and tried again, and what there is no room for is counted.
 */
#ifndef EVENT_JOURNAL_H
#define EVENT_JOURNAL_H

#include <stddef.h>

#include "lib/buf.h"
#include "types.h"

/* Starts as zeros. */
struct journal {
	struct buf pending; /* of each line its length, and the line */
	u64 dropped;	    /* lines, in all */
	u64 untold;	    /* the same, since that was told */
	s64 untold_wall_ns; /* when the first of these was */
};

/* Takes a line, an object of JSON; with a field SEISMO_KEY for each of its keys, and the whole of it as SEISMO_EVENT. */
void journal_add(struct journal *j, const char *line, size_t len);
/* Sends what the journal takes. 0: that is all; negative errno: why the rest has to wait. */
int journal_flush(struct journal *j);
/* Drops what has to wait. */
void journal_give_up(struct journal *j);
void journal_release(struct journal *j);

#endif
