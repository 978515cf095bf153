/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that were told one by one: the longest of each, and the files that were slow. */
#ifndef ATTACH_DETAILS_H
#define ATTACH_DETAILS_H

#include <uthash.h>

#include "attach.h"

#define DETAILS_FILES 1024
#define DETAILS_PATH  (ATTACH_PATH_SIZE + ATTACH_NAME + 32)

/* What was done to one file by calls that took `file_ns` or longer. */
struct slow_file {
	u64 cnt, sum_ns, longest_ns, bytes;
	UT_hash_handle hh;
	const char *operation;
	char key[]; /* operation and path, with a blank between them */
};

struct details {
	struct attach_event *longest[SYSCALLS]; /* NULL: none was told */
	struct slow_file *files;
	u64 files_cnt, files_lost; /* lost: calls for whose file there was no room */
};

void details_note(struct details *d, const struct attach_event *e);
void details_release(struct details *d);
/* Files by the time that they took, the longest first; at most `max`. Returns how many. */
unsigned details_files(const struct details *d, const struct slow_file **files, unsigned max);

/* The path of an event as an absolute one, or as the program gave it; "": none. What was cut off its begin is "...". */
void details_path(const struct attach_event *e, char path[DETAILS_PATH]);

#endif
