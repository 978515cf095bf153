/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of services, on both sides of the socket: as the daemon measures it, and as `seismo top` has received it. */
#ifndef TOP_TABLE_H
#define TOP_TABLE_H

#include <jansson.h>

#include "lib/buf.h"
#include "top/columns.h"
#include "types.h"

#define TOP_ROWS_MAX 10000 /* that are told at most */

enum top_known {
	TOP_NONE,    /* there is no such thing: no requests, no limit */
	TOP_KNOWN,   /* `value` */
	TOP_UNKNOWN, /* nobody has measured it */
};

struct top_cell {
	enum top_known is;
	double value; /* in base units */
};

struct top_row {
	const char *service, *kind; /* kind: of what gave the name: "unit", "container", ... */
	const char *severity; /* the gravest of the alerts about it that fire; NULL: none does */
	double points;	      /* how much it hurts */
	unsigned hurts;	      /* bits: which of top_hurts make them */
	struct top_cell cells[TOP_COLUMNS];
};

struct top_alert {
	const char *rule, *severity, *summary;
	const char *service; /* NULL: it is about no service */
};
#define TOP_ALERTS 16 /* the gravest that are told of */

struct top_table {
	double window, requested_window, age; /* seconds; of the age see /api/v1/query */
	double coverage;      /* the part of the requested window that is known, 0 to 1 */
	s64 end_ns;	      /* CLOCK_REALTIME of the end of the window */
	struct top_row *rows; /* what hurts most first */
	size_t row_cnt;
	size_t service_cnt,
		matching_cnt; /* all; those that were asked for, of which rows may be left out */
	/* Of a column: why it is unknown, NULL; and events were lost, so that there may have been more. */
	const char *unknown[TOP_COLUMNS];
	bool lossy[TOP_COLUMNS];
	struct top_alert alerts[TOP_ALERTS];
	size_t alert_cnt, firing_cnt; /* told of; all that fire */
	const char *alerts_unknown;   /* why it is not known which fired; NULL */
	json_t *doc;		      /* what the texts are in, of a table that was received */
	char *texts[TOP_ALERTS];      /* summaries, of one that was made */
};

void top_table_release(struct top_table *t);

/* Points, and the order of the rows by them: of a table whose cells and severities are there. */
void top_table_judge(struct top_table *t);

/* Writes the table as a document of JSON, with these of its rows. */
void top_table_write(const struct top_table *t, const struct top_row *const rows[], size_t cnt,
		     struct buf *out);
/* Takes such a document over, also when it fails: -EPROTO, it is none; -ENOMEM. */
int top_table_read(struct top_table *ret, json_t *doc);

#endif
