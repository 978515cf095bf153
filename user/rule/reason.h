/* SPDX-License-Identifier: BSD-3-Clause */
/* What the cause is: rows of conditions over facts, the first that holds is it. */
#ifndef RULE_REASON_H
#define RULE_REASON_H

#include "rule/scene.h"

enum reason_kind {
	REASON_UNKNOWN,
	REASON_HARDWARE,
	REASON_OWN_LOAD,
	REASON_NEIGHBOUR,
	REASON_QUOTA,
	REASON_CALLEE,
	REASON_NETWORK,
	REASON_MEMORY,
	REASON_SOFTWARE,
	REASON_KINDS
};
extern const char *const reason_kinds[REASON_KINDS]; /* "unknown", "hardware", "own load", ... */

/* Texts with variables of words.c; what is between [ and ] is left out where one in it is not known. */
struct reason {
	enum reason_kind kind;
	const char *name; /* of the row, for whoever wants to know why */
	u64 yes, no;	  /* facts */
	const char *why, *todo;
};

/*
 * Sets s->reason, which is never NULL afterwards, and s->reason_unknown: what could not be told, so that a row before it was
 * passed over.
 */
void reason_find(struct scene *s);

#endif
