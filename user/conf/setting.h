/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings of probe families: rows by which the configuration parses them and commands list them. */
#ifndef CONF_SETTING_H
#define CONF_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

struct buf;

enum setting_kind { SETTING_BOOL, SETTING_ENUM, SETTING_DURATION, SETTING_SIZE };

/* The value of a setting is a u64 in the family's own structure: 0 or 1, the index of a word, ns, bytes. */
struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset;		  /* in that structure, which consists of u64s */
	u64 initial;		  /* the default */
	const char *const *words; /* SETTING_ENUM; ends with NULL */
	u64 min, max;		  /* durations and sizes */
	bool can_be_off;	  /* ... which is 0 then */
	const char *help;
};

/* Parses the text of a value. -EINVAL: see setting_accepts() for what is accepted. */
int setting_parse(const struct setting *s, const char *text, u64 *ret);
/* Writes a value as in the configuration. */
void setting_write(const struct setting *s, u64 value, struct buf *out);
/* Writes what is accepted: "off or on", "code or class", "a duration from 1s to 1h, or off". */
void setting_accepts(const struct setting *s, struct buf *out);

/* 1 for on and true (which YAML tools write for it), 0 for off and false, else -1. */
int switch_parse(const char *text);
/* The words that a setting accepts; NULL: it is a quantity. */
const char *const *setting_words(const struct setting *s);

#endif
