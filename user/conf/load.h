/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the configuration file. */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "conf/conf.h"

struct buf;

/* What is at the top of the file besides conf_fields: sections of these, and what has a form of its own. */
extern const struct field conf_parts[];

/*
 * Loads a file over the defaults; families as for conf_default(). On failure *ret is untouched and `error` holds
 * one line without a newline, "FILE:LINE: what is wrong", or "FILE: ..." if it is about the whole file. -EINVAL for its
 * contents, otherwise the errno of reading it.
 */
int conf_load(struct conf **ret, const char *path, const struct conf_family *families,
	      struct buf *error);

#endif
