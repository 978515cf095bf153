/* SPDX-License-Identifier: BSD-3-Clause */
/* Which file each service's programs were run from last: that it is another one now is what people look for. */
#ifndef EVENT_REPLACED_H
#define EVENT_REPLACED_H

#include <stdbool.h>

#include "types.h"

struct program_file {
	u64 inode, size, mtime_ns;
	u32 device;
	s64 run_wall_ns; /* when it was run */
};

struct replaced;

/* NULL: no memory. */
struct replaced *replaced_new(void);
void replaced_free(struct replaced *t);
/*
 * The service runs this program, which is this file now. True: it was another one, *before, when it was run last. The first time
 * is none. A few thousand programs are remembered, those that came last.
 */
bool replaced_note(struct replaced *t, const char *service, const char *executable,
		   const struct program_file *now, struct program_file *before);

#endif
