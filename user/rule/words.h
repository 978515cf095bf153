/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines that people read first, made from the same scene as the document. */
#ifndef RULE_WORDS_H
#define RULE_WORDS_H

#include "lib/buf.h"
#include "rule/scene.h"

/* A line; `write` appends nothing where there is nothing to say. */
struct words_row {
	const char *name; /* of the annotation */
	void (*write)(struct buf *out, const struct scene *s);
};
extern const struct words_row words_rows[]; /* ends with a row without name */

/* Writes the line of this name. */
void words_line(struct buf *out, const char *name, const struct scene *s);

/*
 * Writes a template (conf/template.h) with variables of the scene. What is between [ and ] is left out where a variable in it is
 * not known; one that is not known elsewhere is "unknown".
 */
void words_write(struct buf *out, const char *template, const struct scene *s);

#endif
