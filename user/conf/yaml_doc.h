/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The document behind a configuration: a tree that knows the line of everything, for the errors that
 * must name one. Documents with aliases, more than one document or absurd nesting do not load.
 */
#ifndef CONF_YAML_DOC_H
#define CONF_YAML_DOC_H

#include <stddef.h>
#include <yaml.h>

struct buf;

struct yaml_doc {
	const char *path;
	struct buf *error;
	yaml_document_t yaml;
};

/* Texts may hold anything. On failure (-EINVAL) `error` has been written and nothing is to be released. */
int yaml_doc_load(struct yaml_doc *d, const char *path, const char *text, size_t len,
		  struct buf *error);
void yaml_doc_release(struct yaml_doc *d);

/* NULL when the document is empty. */
yaml_node_t *yaml_doc_root(struct yaml_doc *d);
yaml_node_t *yaml_doc_node(struct yaml_doc *d, int id);
/* The value of a key, NULL when the mapping (which may be NULL) has none. */
yaml_node_t *yaml_doc_value(struct yaml_doc *d, yaml_node_t *mapping, const char *key);
/* The text of a scalar without NUL bytes in it; NULL for anything else. */
const char *yaml_doc_text(const yaml_node_t *node);

/* Writes "PATH:LINE: message" as one line and returns -EINVAL. */
int yaml_doc_error(struct yaml_doc *d, const yaml_node_t *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
