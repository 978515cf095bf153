/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of rules: those of the configuration's files, and the built-in ones. */
#ifndef CONF_RULES_H
#define CONF_RULES_H

#include "conf/conf.h"

/* The key `rules` of struct conf: adds a list of rules, each name may be there once. */
extern const struct field_type field_rules;
/* Adds the rules of a file that has nothing else; errors as with conf_load(). */
int rules_file_load(struct yaml_doc *d, struct conf *c);

/*
 * Adds the built-in rules, `rules: [ ... ]` in a text, unless they are off or there is one of the same name; and refuses
 * rules that switch off what does not exist. To be called once, after the files. 0, or negative errno with `error` as
 * with conf_load().
 */
int rules_add_builtin(struct conf *c, const char *text, size_t len, struct buf *error);

#endif
