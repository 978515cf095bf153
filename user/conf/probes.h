/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_PROBES_H
#define CONF_PROBES_H

#include "conf/conf.h"
#include "conf/yaml_doc.h"

/* Every family with its defaults; -ENOMEM. */
int probes_init(struct conf *c, const struct conf_family *families);
/* Reads the `probes` section; errors as with conf_load(). */
int probes_load(struct conf *c, struct yaml_doc *d);

#endif
