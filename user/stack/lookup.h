/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks up names in the files that say them: what the worker does for names.c. May block. */
#ifndef STACK_LOOKUP_H
#define STACK_LOOKUP_H

#include "stack/mappings.h"
#include "stack/search.h"

struct lookup {
	u64 address;
	bool found;
	char function[SYMBOL_NAME]; /* "": not known */
	char file[64];		    /* base name; "": not known */
	u64 offset;		    /* in the function, otherwise in the file */
};

/* Reads the mappings again if there are none, or if an address is in none. 0 or negative errno. */
int lookup_process(struct lookup *list, size_t cnt, u32 pid, struct mappings *m);

#endif
