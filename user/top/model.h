/* SPDX-License-Identifier: BSD-3-Clause */
/* The table as lines of text, and what the user has chosen of it: knows nothing of a terminal but how wide it is. */
#ifndef TOP_MODEL_H
#define TOP_MODEL_H

#include "lib/buf.h"
#include "top/table.h"

/* What is sorted by, beside the columns of the table. */
enum { TOP_BY_HURT = TOP_COLUMNS, TOP_BY_NAME, TOP_BYS };

#define TOP_FILTER 64

struct top_view {
	unsigned by; /* a column, TOP_BY_HURT or TOP_BY_NAME */
	bool reverse, grouped;
	char filter[TOP_FILTER]; /* of names: a part, or a pattern (conf/pattern.h); "": all */
};

/* Writes the rows that the filter leaves, in order, and returns their number; there must be room for all. */
size_t top_rows_choose(const struct top_row **ret, const struct top_table *t,
		       const struct top_view *v);

/* Of a group, or of a service. */
struct top_line {
	const struct top_row *row; /* of a group: the sum; its `service` is the kind */
	bool group;
	size_t cnt; /* of a group */
};

struct top_lines {
	struct top_line *lines;
	size_t cnt, service_cnt;
	struct top_row *sums; /* of groups */
};

/* The services that the filter leaves, in order, below their groups. -ENOMEM: there are none. Release it in any case. */
int top_lines_make(struct top_lines *ret, const struct top_table *t, const struct top_view *v);
void top_lines_release(struct top_lines *l);

/* Which columns a line has. */
struct top_layout {
	unsigned width, name_width;
	unsigned columns[TOP_BYS], cnt; /* also TOP_BY_HURT */
};

/*
 * Chooses columns for a terminal as wide as this (0: all of them): the one that is sorted by, then those that matter most. Names get
 * what they need, but no more than a quarter where a column would have to go for that.
 */
void top_layout_make(struct top_layout *ret, const struct top_table *t, const struct top_view *v,
		     unsigned width);

/* What a column is called in the table, NULL: it is not there; and in JSON. */
const char *top_by_title(unsigned by);
const char *top_by_key(unsigned by);
/* The column with this title or key, or a part of it that fits one alone; TOP_BYS: there is none. Case does not matter. */
unsigned top_by_find(const char *name);
/* The next or previous one that can be sorted by. */
unsigned top_by_step(unsigned by, int step);

/* Lines, in exactly layout->width columns, or with nothing behind the last one where that is 0. */
void top_header_write(struct buf *b, const struct top_layout *l);
void top_line_write(struct buf *b, const struct top_layout *l, const struct top_table *t,
		    const struct top_line *line);
/* When, how many services, what has been chosen. `replay`: it is not about now. */
void top_title_write(struct buf *b, const struct top_table *t, const struct top_view *v,
		     const struct top_lines *lines, bool replay);
/* An alert that fires, the gravest first, or that there is none; nothing behind the last one. */
void top_alert_write(struct buf *b, const struct top_table *t, size_t which);
/* What is missing in the table: events, columns, a part of the window; nothing where it is complete. */
void top_note_write(struct buf *b, const struct top_table *t);

#endif
