/* SPDX-License-Identifier: BSD-3-Clause */
/* Which file each service's programs were run from last: that it is another one now is what people look for. */
#ifndef EVENT_REPLACED_H
#define EVENT_REPLACED_H

#include <stdbool.h>

#include "event/program_file.h"
#include "types.h"

struct replaced;

/* NULL: no memory. */
struct replaced *replaced_new(void);
void replaced_free(struct replaced *t);

enum program_is {
	PROGRAM_SAME,
	PROGRAM_FIRST,	   /* not known before */
	PROGRAM_ELSEWHERE, /* on another device, but nothing else differs: only the build can tell */
	PROGRAM_REPLACED,
};

/*
 * The service runs this program, which is this file now, and was *before when it was run last. A few thousand programs are
 * remembered, those that came last.
 */
enum program_is replaced_note(struct replaced *t, const char *service, const char *executable,
			      const struct program_file *now, struct program_file *before);
bool replaced_known(struct replaced *t, const char *service, const char *executable);
/* The build id of this file has become known. Nothing if it has been replaced meanwhile. */
void replaced_identify(struct replaced *t, const char *service, const char *executable,
		       const struct program_file *file);
/* Are both build ids known, and differ? */
bool replaced_build(const struct program_file *before, const struct program_file *now);
/* Is it time to look at this script, which the service runs again? At most once a second. */
bool replaced_due(struct replaced *t, const char *service, const char *script, u64 now_ns);

#endif
