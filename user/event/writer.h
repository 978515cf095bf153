/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file of the event log, and the journal: a thread that writes lines, numbers them and rotates the file. Who hands lines over
 * never waits for a disk; what finds no room in the queue is the caller's to tell.
 *
 * The file is only ever appended to, so that programs that follow it see each byte once. A write that fails is tried again, from
 * where it stopped, until it succeeds. At the start numbers go on after the last line; a line that is torn is ended, and told of.
 */
#ifndef EVENT_WRITER_H
#define EVENT_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "event/tail.h"
#include "types.h"

#define WRITER_QUEUE_MAX (4U << 20) /* bytes that wait to be written */

struct writer_options {
	const char *file; /* its folder is made if only that is missing (0750) */
	u64 max_size; /* bytes; a file that would become larger is rotated: FILE.1 is the youngest */
	u64 keep;     /* so many rotated files */
	bool journald; /* lines that are meant for it go to the journal as well */
};

struct writer;

/* Nothing is opened here: the thread does. The options are copied. NULL with errno. */
struct writer *writer_new(const struct writer_options *o);
/* Takes over other options, and opens the file anew. -ENOMEM: nothing has changed. */
int writer_configure(struct writer *w, const struct writer_options *o);
/*
 * Hands a line over: an object of JSON without its opening bracket, and with its newline. It is written when writer_wake() is
 * called, or before. False: there is no room, or the line is too long.
 */
bool writer_put(struct writer *w, const char *line, size_t len, bool journald);
void writer_wake(struct writer *w);

struct writer_state {
	int err; /* negative errno: what was tried last failed, and is tried again; 0: all is well */
	u64 written; /* lines */
	u64 seq;     /* of the last line */
	u64 busy_ns; /* since when the thread waits for the disk (CLOCK_MONOTONIC); 0: it does not */
	int journal_err;     /* why the journal takes no lines at present; 0: it does */
	u64 journal_dropped; /* lines that it has not got */
};
void writer_state(struct writer *w, struct writer_state *ret);

/*
 * The lines that were written last, or are about to be, the oldest first; some thousand. `each` gets them with their newline, and
 * must not call the writer.
 */
void writer_recent(struct writer *w, void (*each)(void *ctx, const char *line, size_t len),
		   void *ctx);

/*
 * Writes what is left and ends. False: it did not in this time, since the disk hangs, or was given up because writes fail; then
 * only the end of the process is left, or writer_free(), which waits.
 */
bool writer_end(struct writer *w, u64 wait_ns);
void writer_free(struct writer *w);

#endif
