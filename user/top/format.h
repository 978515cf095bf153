/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers and texts that fit into columns of a terminal. */
#ifndef TOP_FORMAT_H
#define TOP_FORMAT_H

#include "lib/buf.h"
#include "top/table.h"

#define TOP_CELL 6 /* columns of the terminal that a number takes at most */

/*
 * Writes the value with its unit: "-" where there is no such thing, "?" where it is unknown. `lossy`: "12?", since there may have
 * been more.
 */
void top_format(char ret[TOP_CELL + 1], enum top_unit unit, const struct top_cell *c, bool lossy);
/* Points, without a unit. */
void top_format_points(char ret[TOP_CELL + 1], double points);
/* Appends a duration in seconds: "4:10", "1:02:03". */
void top_format_clock(struct buf *b, double seconds);

/*
 * Appends the text in exactly `width` columns of the terminal, by the locale's characters: cut, with `~` in the last one, or
 * filled up with spaces. What a terminal would obey, or cannot show, is "?".
 */
void top_text_add(struct buf *b, const char *text, unsigned width);
/* How many columns it takes. */
unsigned top_text_width(const char *text);

#endif
