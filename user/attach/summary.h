/* SPDX-License-Identifier: BSD-3-Clause */
/* What an attachment has found, as JSON. */
#ifndef ATTACH_SUMMARY_H
#define ATTACH_SUMMARY_H

#include <jansson.h>

#include "attach/attachment.h"
#include "attach/details.h"
#include "attach/target.h"

/* The state when it was looked at last: what threads had not told by then included, and never less than before. */
struct summary_sums {
	struct attach_sums sums;
	u64 at_ns;
};
void summary_look(struct summary_sums *s, const struct attachment *a);

struct summary {
	const struct attachment *attachment;
	const struct details *details;
	const struct target *target;
	const struct summary_sums *sums;
	const char *service; /* NULL: not known */
	u64 resident_pages;  /* now, 0: it has ended */
};

/* Adds to the object. */
void summary_add(json_t *doc, const struct summary *s);
/* Adds what a call was about: its file, its peer. */
void summary_object_add(json_t *o, const struct attach_event *e);
void summary_result_add(json_t *o, s64 ret);

#endif
