/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of the file, and its values as text, before they are interpreted. */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include "conf/conf.h"
#include "conf/yaml_doc.h"

/* NULL: not in the file. */
struct limits_text {
	char *services, *series, *memory, *forget_after;
};

struct conf_file {
	char *listen, *socket, *interval, *short_commands;
	struct service_rule *services;
	unsigned services_count;
	struct limits_text limits;
};

/* Where the text of a number is in the file. */
size_t schema_number(const struct conf_number *n);

/*
 * Checks the structure of a document with a root and loads its values, except for `buckets`, which has two forms, and
 * `probes`, whose keys only the families know. *ret is NULL if nothing is set. Errors as for conf_load().
 */
int schema_load(struct conf_file **ret, struct yaml_doc *d, const char *text, size_t len);
void schema_free(struct conf_file *f);

#endif
