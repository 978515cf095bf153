/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of an attachment's summary for people: what others than its own programs have found. */
#ifndef CMD_ATTACH_FOUND_H
#define CMD_ATTACH_FOUND_H

#include <jansson.h>

#include "lib/buf.h"

/* Rows of a list that has so many of them, or `most` where that is less (0: it is not). */
static inline unsigned attach_rows(unsigned usual, unsigned most)
{
	return most && most < usual ? most : usual;
}

/* Disks, connections, requests; so many rows of each, see attach_rows(). */
void attach_counted_text(struct buf *out, const json_t *doc, unsigned most);
/* Where it waits, and who wakes it. */
void attach_blocked_text(struct buf *out, const json_t *doc, unsigned most);
/* Who has woken somebody: one `waker`. */
void attach_waker_text(struct buf *out, const json_t *waker);

#endif
