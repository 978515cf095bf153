/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that others may have put in place of what is expected. */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include "types.h"

struct buf;

/*
 * Opens a regular file for reading that has at most this many bytes. Anything else is not even opened: that alone has
 * effects on some devices. Returns a descriptor, or negative errno; -EINVAL: no such file.
 */
int regular_open(const char *path, u64 max_bytes);
/* Reads one to its end. 0, or negative errno; -EINVAL: no such file, -EFBIG: it has more than that. */
int regular_read(const char *path, u64 max_bytes, struct buf *text);
/* What is wrong with a file, of what regular_read() has said for a limit of 1 MiB. */
const char *regular_problem(int err);

#endif
