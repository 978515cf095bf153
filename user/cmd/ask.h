/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that show what a running daemon knows ask it, and do the work themselves where none runs. */
#ifndef CMD_ASK_H
#define CMD_ASK_H

#include <jansson.h>

#include "lib/buf.h"

/*
 * What the daemon behind this control socket answers to the path; *answered is false when there is no daemon. An exit
 * status; what is wrong was said on stderr. What is refused (400, 404) is bad usage.
 */
int ask_text(const char *socket, const char *path, struct buf *answer, bool *answered);
/* ... as JSON that the caller owns; *answer is NULL when there is no daemon. */
int ask_daemon(const char *socket, const char *path, json_t **answer);
/* The same by POST. */
int tell_daemon(const char *socket, const char *path, json_t **answer);

/* Appends KEY=VALUE, as it stands in a URL, to a path with `?` at its end or parameters in it. */
void query_add(struct buf *path, const char *key, const char *value);

#endif
