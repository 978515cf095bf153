/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts of rules with {{name}} in them, spaces allowed inside the braces. */
#ifndef CONF_TEMPLATE_H
#define CONF_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of the text: as it is, or the name of what stands there. */
struct template_part {
	bool variable;
	const char *text; /* in the template, not NUL-terminated */
	size_t len;
};

/* The next piece, and moves `template` behind it; false: there is none. Braces that are not closed are text. */
bool template_next(const char **template, struct template_part *ret);

/* Is this its name, or its text? */
bool template_part_is(const struct template_part *part, const char *text);

#endif
