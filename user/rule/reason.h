/* SPDX-License-Identifier: BSD-3-Clause */
/* What the cause is: rows of conditions over facts, the first that holds is it. */
#ifndef RULE_REASON_H
#define RULE_REASON_H

#include "rule/facts.h"

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

/* Whom a reason blames. */
enum reason_subject {
	BLAMES_SERVICE, /* that of the scene */
	BLAMES_DEVICE,
	BLAMES_CALLEE,
	BLAMES_LOADER,	 /* who loads the device */
	BLAMES_CPU_USER, /* who uses the CPUs */
	BLAMES_CALLER,	 /* who asks more than usual */
	BLAMES_PATH,	 /* between the service and its callee */
};

/* Texts with variables of words.c; what is between [ and ] is left out where one in it is not known. */
struct reason {
	enum reason_kind kind;
	const char *name; /* of the row, for whoever wants to know why */
	facts_t yes, no;
	const char *why, *todo;
	enum reason_subject blames;
	bool outright; /* it is wrong whatever is usual, though it is no one else's doing */
	bool vague;    /* it says where the time goes, or what stands out, but not why */
};

/*
 * Sets s->reason, which is never NULL afterwards, and s->reason_unknown: what could not be told, so that a row before it was
 * passed over.
 */
void reason_find(struct scene *s);

#endif
