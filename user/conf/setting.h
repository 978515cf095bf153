/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings: rows by which the configuration parses them and commands list them. */
#ifndef CONF_SETTING_H
#define CONF_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

struct buf;

enum setting_kind {
	SETTING_BOOL,
	SETTING_ENUM,
	SETTING_COUNT,
	SETTING_DURATION,
	SETTING_SIZE,
	SETTING_PATTERNS, /* a list of them, as one pattern (conf/pattern.h): see setting_pattern() */
};

/*
 * The value of a setting is a u64 in a structure, of probe families one of their own: 0 or 1, the index of a word, a number,
 * ns, bytes, a pattern.
 */
struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset;		  /* in that structure; a family's consists of u64s */
	u64 initial;		  /* the default */
	const char *const *words; /* SETTING_ENUM; ends with NULL */
	u64 min, max;		  /* counts, durations and sizes */
	bool can_be_off;	  /* ... and patterns: the value is 0 then */
	bool live;		  /* changes with a reload, others at a start only */
	const char *help;
};

/* Parses the text of a value. -EINVAL: see setting_accepts() for what is accepted. */
int setting_parse(const struct setting *s, const char *text, u64 *ret);
/* The pattern that is the value of SETTING_PATTERNS, NULL: off. It lives as long as the process, and is the same for the same text. */
const char *setting_pattern(u64 value);
/* Writes a value as in the configuration. */
void setting_write(const struct setting *s, u64 value, struct buf *out);
/* Writes what is accepted: "off or on", "code or class", "a duration from 1s to 1h, or off",
 * "a size such as 64MiB, at least 8MiB". */
void setting_accepts(const struct setting *s, struct buf *out);

/* 1 for on, and true and yes (which YAML tools write for it), 0 for off, false and no, else -1. */
int switch_parse(const char *text);
/* The words that a setting accepts; NULL: it is a quantity. */
const char *const *setting_words(const struct setting *s);

#endif
