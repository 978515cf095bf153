/* SPDX-License-Identifier: BSD-3-Clause */
/* Times of CLOCK_REALTIME as text: "2026-11-26T14:44:12.123456789Z" (RFC 3339). */
#ifndef LIB_UTC_H
#define LIB_UTC_H

#include "lib/buf.h"
#include "types.h"

/* Remembers the last second as text, since many times are of the same one. All zeros at first. */
struct utc_cache {
	s64 second;
	char text[32];
};

s64 utc_now_ns(void);
/* Appends the text, without quotes, always with nine digits after the point. */
void utc_add(struct buf *b, struct utc_cache *cache, s64 ns);
/* Reads such a text, with any number of digits after the point, or none. -EINVAL: it is none. */
int utc_parse(const char *text, s64 *ret_ns);

#endif
