/* SPDX-License-Identifier: BSD-3-Clause */
/* Asking the daemon that runs, over its control socket. */
#ifndef HTTP_CONTROL_H
#define HTTP_CONTROL_H

#include "lib/buf.h"

/*
 * GETs a path; waits for a daemon that is starting. 0, with what it answered, or negative errno:
 *   -ENOENT  no daemon is there
 *   -EACCES  this user may not ask it
 * or whatever else went wrong.
 */
int control_get(const char *socket, const char *path, unsigned *status, struct buf *body);
/* The same by POST, without a body. */
int control_post(const char *socket, const char *path, unsigned *status, struct buf *body);

#endif
