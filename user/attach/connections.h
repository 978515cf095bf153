/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP connections of an attachment: those that have ended, of which the last ones are kept, and those that are open. */
#ifndef ATTACH_CONNECTIONS_H
#define ATTACH_CONNECTIONS_H

#include <jansson.h>

#include "attach/attachment.h"

#define CONNECTIONS_KEPT 512

struct connections {
	struct attach_connection
		*ended; /* CONNECTIONS_KEPT, the oldest is overwritten; NULL: none has */
	u64 ended_cnt;	/* so many have been there */
};

void connections_note(struct connections *c, const struct attach_connection *ended);
void connections_release(struct connections *c);
/* Adds to the object: so many of them, those that moved most bytes first; and how many there were. Reads those that are open. */
void connections_add(json_t *doc, const struct connections *c, struct attachment *a, size_t max);

#endif
