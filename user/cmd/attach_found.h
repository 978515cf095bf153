/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of an attachment's summary for people: what others than its own programs have found. */
#ifndef CMD_ATTACH_FOUND_H
#define CMD_ATTACH_FOUND_H

#include <jansson.h>

#include "lib/buf.h"

/* Disks, connections, requests. */
void attach_counted_text(struct buf *out, const json_t *doc);
/* Where it waits, and who wakes it. */
void attach_blocked_text(struct buf *out, const json_t *doc);
/* Who has woken somebody: one `waker`. */
void attach_waker_text(struct buf *out, const json_t *waker);

#endif
