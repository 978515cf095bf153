/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures and names of an attachment as people read them, in columns. */
#ifndef CMD_ATTACH_WORDS_H
#define CMD_ATTACH_WORDS_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/buf.h"

/* A member of the object; 0 or "" where there is none. */
double words_real(const json_t *o, const char *key);
unsigned long long words_integer(const json_t *o, const char *key);
const char *words_text(const json_t *o, const char *key);

/* "0.3 us", "12 us", "1.2 ms", "412 ms", "3.1 s", "2 min 5 s" */
void words_duration(struct buf *out, double seconds);
/* "18,204" */
void words_count(struct buf *out, unsigned long long n);
/* "512 B", "1.2 MiB" */
void words_bytes(struct buf *out, double bytes);

/* Fills up with blanks, so that what came since `from` takes so many columns; on the left side for numbers. */
void words_pad(struct buf *out, size_t from, size_t width, bool left);
/* Cuts each line that came since `from` to the width, 0: none. */
void words_cut(struct buf *out, size_t from, unsigned width);

#endif
