/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A YAML document as a tree that knows the line of each node, for error messages. Aliases, several documents in a
 * file and deep nesting are refused.
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

/* The text may be anything. On failure -EINVAL, `error` is written and nothing needs to be released. */
int yaml_doc_load(struct yaml_doc *d, const char *path, const char *text, size_t len,
		  struct buf *error);
void yaml_doc_release(struct yaml_doc *d);

/* NULL when the document is empty. */
yaml_node_t *yaml_doc_root(struct yaml_doc *d);
yaml_node_t *yaml_doc_node(struct yaml_doc *d, int id);
/* The value of a key, NULL if there is none. The mapping may be NULL. */
yaml_node_t *yaml_doc_value(struct yaml_doc *d, yaml_node_t *mapping, const char *key);
/* The line of this key in the mapping; 0: it is not there, or the node is no mapping. */
unsigned yaml_doc_line(struct yaml_doc *d, const yaml_node_t *mapping, const char *key);
/* The text of a scalar without NUL bytes; NULL for any other node. */
const char *yaml_doc_text(const yaml_node_t *node);

/* Writes "PATH:LINE: message" as one line and returns -EINVAL. */
int yaml_doc_error(struct yaml_doc *d, const yaml_node_t *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
