/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of the file, and the file as it is written: texts, before they are given a meaning. */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include "conf/conf.h"
#include "conf/yaml_doc.h"

/* NULL: not in the file. */
struct limits_text {
	char *services, *series, *memory, *forget_after;
};

struct conf_file {
	char *listen, *interval;
	struct service_rule *services;
	unsigned services_count;
	struct limits_text limits;
};

/*
 * Checks the shape of a document that has a root and loads what is in it. `probes`, whose keys
 * are not known here, is left to be read from the document. *ret is NULL when nothing is set.
 * Errors as with conf_load().
 */
int schema_load(struct conf_file **ret, struct yaml_doc *d, const char *text, size_t len);
void schema_free(struct conf_file *f);

#endif
