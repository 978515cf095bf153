/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference of the configuration: every key, from the rows by which files are loaded. */
#ifndef CONF_REFERENCE_H
#define CONF_REFERENCE_H

#include "conf/conf.h"

struct conf_key {
	const char *path; /* of the keys above it, separated by dots; "": the top of the file */
	const char *key;
	unsigned depth;	     /* so many keys are above it */
	const char *accepts; /* what may stand there; "": keys of its own, which come next */
	const char *initial; /* as in the file, what is there by default; "": nothing */
	const char *example; /* as in the file; NULL: the default is one */
	const char *help;
	bool is_list;	     /* the keys below it are those of each element */
	bool in_list;	     /* it, or a key above it, is one of those */
	bool required, live; /* live: changes with a reload */
};

/* Calls `each` with every key, those of a section after it. Families as for conf_default(). */
void conf_reference(const struct conf_family *families,
		    void (*each)(void *ctx, const struct conf_key *key), void *ctx);

#endif
