/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of an attachment on a terminal, which is written over itself as long as it lasts. */
#ifndef CMD_ATTACH_LIVE_H
#define CMD_ATTACH_LIVE_H

#include <jansson.h>

#include "lib/buf.h"

/* All zeros: nothing is there yet. */
struct attach_live {
	struct buf shown; /* on the terminal, above the cursor */
};

/* On standard output, in the place of what is there; never higher than the terminal, nor wider. */
void attach_live_show(struct attach_live *l, const json_t *doc);
/* Takes it away. */
void attach_live_clear(struct attach_live *l);
/* Somebody else has written below it: it stays where it is. */
void attach_live_leave(struct attach_live *l);
void attach_live_release(struct attach_live *l);

#endif
