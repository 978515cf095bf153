/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings of probe families: what their rows say is how the configuration parses them and others list them. */
#ifndef CONF_SETTING_H
#define CONF_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

struct buf;

enum setting_kind { SETTING_BOOL, SETTING_ENUM, SETTING_DURATION, SETTING_SIZE };

/* A setting is a u64 in a structure of the family's: 0 or 1, the index of a word, ns, bytes. */
struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset;		  /* in that structure, which has u64s only */
	u64 initial;		  /* what it is when the configuration does not say */
	const char *const *words; /* SETTING_ENUM; ends with NULL */
	u64 min, max;		  /* durations and sizes */
	bool can_be_off;	  /* ... which is 0 then */
	const char *help;
};

/* Parses what is written for a value. -EINVAL; setting_accepts() tells what it should have been. */
int setting_parse(const struct setting *s, const char *text, u64 *ret);
/* Writes a value as the configuration has it. */
void setting_write(const struct setting *s, u64 value, struct buf *out);
/* Writes what the configuration may have: "on or off", "code or class", "a duration from 1s to 1h, or off". */
void setting_accepts(const struct setting *s, struct buf *out);

/* on and off, and what tools that write YAML make of them; -1: neither. */
int switch_parse(const char *text);
/* The words among which a setting chooses, for suggestions; NULL: it is a quantity. */
const char *const *setting_words(const struct setting *s);

#endif
