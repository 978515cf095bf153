/* SPDX-License-Identifier: BSD-3-Clause */
/* What a configuration says, as keys and values, and in which of them two differ. */
#ifndef CONF_DESCRIBE_H
#define CONF_DESCRIBE_H

#include "conf/conf.h"

struct conf_item {
	const char *key;   /* limits.series */
	const char *value; /* as in the file; "": there is none */
	bool live;	   /* changes with a reload */
	/* What set it: a line of a file; or an option of the command line; or, all NULL, nothing, it is built in. */
	const char *file;
	unsigned line;
	const char *option;
};

/*
 * Calls `each` with every setting. The rules of `services`, whose order counts, are one. A rule is "rules.NAME", on or off,
 * and one setting for each of its keys; of a built-in rule only that it is one.
 */
void conf_describe(const struct conf *c, void (*each)(void *ctx, const struct conf_item *item),
		   void *ctx);
/* Calls `each` for every setting that differs. */
void conf_compare(const struct conf *a, const struct conf *b,
		  void (*each)(void *ctx, const char *key, const char *from, const char *to,
			       bool live),
		  void *ctx);

#endif
