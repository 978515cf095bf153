/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of the web configuration, and whether they are still those that were read. */
#ifndef CONF_WEB_FILES_H
#define CONF_WEB_FILES_H

#include <stdbool.h>

#include "types.h"

#define WEB_FILES 4

struct web_files {
	char *paths[WEB_FILES]; /* the first is the file itself; NULL: it names none */
	u64 stamp;		/* of when they were read */
};

/* False: no memory; what was copied so far has to be released, too. */
bool web_files_copy(struct web_files *to, const struct web_files *from);
void web_files_release(struct web_files *f);
/* Another number as soon as one of them is another file, or was written. Looks at the disk. */
u64 web_files_stamp(const struct web_files *f);
/*
 * The same in two steps, into `stamp`: the first file says which the others are. Each before the files are read: what is
 * written meanwhile is seen by who looks again.
 */
void web_files_stamp_first(struct web_files *f);
void web_files_stamp_rest(struct web_files *f);

#endif
