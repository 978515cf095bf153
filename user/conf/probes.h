/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_PROBES_H
#define CONF_PROBES_H

#include "conf/conf.h"

struct buf;
struct yaml_doc;

/* Reads the `probes` section; errors as with conf_load(). */
int probes_load(struct conf *c, struct yaml_doc *d);

/*
 * Replaces the probes' modes by a command-line list: "block,tcp" is these and no others, "syscall=count"
 * sets a mode, "all" and "none" are what they say; the last word on a family counts. "request=off", a list that
 * only switches off, leaves the others as they are. On failure (-EINVAL, -ENOMEM) the configuration is unchanged and
 * `error` tells why, without a prefix.
 */
int conf_probes_parse(struct conf *c, const char *list, struct buf *error);

#endif
