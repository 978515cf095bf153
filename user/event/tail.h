/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a file of the event log: where a run stopped, also one that was killed. */
#ifndef EVENT_TAIL_H
#define EVENT_TAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

#define EVENT_LINE_MAX (256U << 10) /* bytes of one line */

struct tail {
	u64 seq;       /* the largest number seen near the end, 0: none */
	bool found;    /* some line has one */
	bool stopped;  /* the daemon was ended, and then only the log told of itself */
	bool torn;     /* the last line has no end */
	char time[64]; /* of the last line, with its quotes; "": not known */
};

/* Reads a regular file of any bytes. */
void tail_read(int fd, struct tail *ret);
/* The same of the last bytes of one, for tests. */
void tail_parse(const char *data, size_t len, bool whole, struct tail *ret);

#endif
