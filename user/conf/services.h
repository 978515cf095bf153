/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules by which services are named. */
#ifndef CONF_SERVICES_H
#define CONF_SERVICES_H

#include "conf/field.h"

/* Conditions that must all hold; NULL or 0: no condition. At least one is set. */
struct service_match {
	char *cgroup, *exe, *command; /* fnmatch patterns in which `*` crosses `/` */
	u16 port;
};

struct service_rule {
	char *name;
	struct service_match match;
};

extern const struct field service_fields[];
/* Refuses a rule that matches everything, or that an earlier one makes useless; see struct field_list. */
int service_check(struct yaml_doc *d, yaml_node_t *node, const void *rules, unsigned i);

#endif
