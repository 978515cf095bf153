/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

struct buf;

/* The name that is most similar to the word, as of a typing mistake; NULL: there is none. The names end with NULL. */
const char *suggestion(const char *word, const char *const *names);
/*
 * Appends ", did you mean 'listen'?" if one of the names (NULL-terminated) is similar to the word, otherwise
 * " (known: listen, services)".
 */
void suggest(struct buf *out, const char *word, const char *const *names);

#endif
