/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns for values of labels: in rules, silences and expectations. */
#ifndef CONF_PATTERN_H
#define CONF_PATTERN_H

#include <stdbool.h>

/*
 * As fnmatch(3), where `*` also matches `/`; `a|b|c` is any of these, and `!` in front of all none of them. The empty
 * pattern matches the empty value, which is that of a label that is absent.
 */
bool pattern_match(const char *pattern, const char *value);

#endif
