/* SPDX-License-Identifier: BSD-3-Clause */
/* What was slow while somebody was attached who wants to know: calls, I/O, requests. The last ones are kept for whoever asks. */
#ifndef ATTACH_SLOW_H
#define ATTACH_SLOW_H

#include <jansson.h>

#include "attach.h"
#include "ring_event.h"

#define SLOW_KEPT 1024

struct slow_entry;

struct slow_list {
	struct slow_entry
		*entries; /* SLOW_KEPT, the oldest is overwritten; NULL: there was none yet */
	u64 cnt;	  /* so many have been there */
};

void slow_call_note(struct slow_list *l, const struct attach_event *e);
void slow_other_note(struct slow_list *l, const struct ring_watched *e);
void slow_list_release(struct slow_list *l);
/* Those from number *after on, in the order of their ends; moves that. What has been overwritten meanwhile is in *lost. */
json_t *slow_list_json(const struct slow_list *l, u64 *after, u64 *lost);

#endif
