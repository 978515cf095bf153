/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

struct buf;

/*
 * Appends what was probably meant: ", did you mean 'listen'?" when one of the names (NULL-terminated)
 * is near the word, otherwise " (known: listen, services)".
 */
void suggest(struct buf *out, const char *word, const char *const *names);

#endif
