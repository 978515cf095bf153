/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of the event log, from its oldest file on, while somebody else writes and rotates it. Each line once: which file comes
 * after one is known by its inode, whatever it is called by then.
 */
#ifndef EVENT_READER_H
#define EVENT_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

struct event_reader;

/* FILE and its rotated ones, FILE.1 and so on; "-": standard input. NULL with errno. */
struct event_reader *event_reader_open(const char *file);
void event_reader_free(struct event_reader *r);
/*
 * The next line, without its newline and of any bytes; valid until the next call. 0: there is none at present. What has no end
 * yet is not told. Negative errno: it cannot be read.
 */
int event_reader_next(struct event_reader *r, const char **line, size_t *len);
/* Lines so far that were too long, or that had no end when the next file began. */
u64 event_reader_skipped(const struct event_reader *r);

#endif
