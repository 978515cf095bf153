/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8, of which other people's bytes may be anything but. */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <stddef.h>

#include "lib/buf.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes of the character at s, 0 when there is none. Stops at a NUL, which is no legal second byte. */
size_t utf8_len(const char *s);
/*
 * Columns of a terminal that the character at s takes, where the locale's characters are UTF-8: two in Chinese, none for an accent
 * that goes onto the one before. `len` is set to its bytes; a byte that is no part of valid UTF-8 is taken for one of one column.
 */
unsigned utf8_columns(const char *s, size_t *len);

/*
 * Appends the text for people: a terminal shall not obey what somebody has put into a name. Bytes of control characters, also of
 * those beyond ASCII (U+0080 to U+009F), and bytes that are no part of valid UTF-8 become \xNN.
 */
void utf8_printable(struct buf *b, const char *text);
/* The same in place: they become '?', unless they are among those that are kept. */
void utf8_mask(char *text, const char *kept);

/* Appends the text as a string of JSON, with its quotes. Each byte that is no part of valid UTF-8 becomes U+FFFD. */
void utf8_json(struct buf *b, const char *text);

#endif
