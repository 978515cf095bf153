/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_PROBES_H
#define CONF_PROBES_H

#include "conf/conf.h"

/* The key `probes` of struct conf. */
extern const struct field_type field_probes;

/*
 * Sets the probes' modes from a command-line list. "block,tcp" runs only these; "syscall=count" sets a mode; "all" and
 * "none" set every family; later items win. A list that only switches off, such as "request=off", leaves the others
 * as they are. On failure (-EINVAL, -ENOMEM) the configuration is unchanged and `error` says why, without a prefix.
 */
int conf_probes_parse(struct conf *c, const char *list, struct buf *error);

#endif
