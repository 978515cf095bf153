/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_PROBES_H
#define CONF_PROBES_H

#include "conf/conf.h"
#include "conf/yaml_doc.h"

/* Reads the `probes` section; errors as with conf_load(). */
int probes_load(struct conf *c, struct yaml_doc *d, const char *const *known);

#endif
