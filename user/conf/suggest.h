/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

struct buf;

/*
 * Appends ", did you mean 'listen'?" if one of the names (NULL-terminated) is similar to the word, otherwise
 * " (known: listen, services)".
 */
void suggest(struct buf *out, const char *word, const char *const *names);

#endif
