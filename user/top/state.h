/* SPDX-License-Identifier: BSD-3-Clause */
/* What is on the screen of `seismo top`, and what keys change of it: knows nothing of the terminal, nor of the daemon. */
#ifndef TOP_STATE_H
#define TOP_STATE_H

#include "top/model.h"

/* Keys: characters as they are, and these. */
enum top_key {
	TOP_KEY_ESCAPE = 27,
	TOP_KEY_ENTER = '\n',
	TOP_KEY_ERASE = 127,
	TOP_KEY_UP = 0x110000, /* above all characters */
	TOP_KEY_DOWN,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_REDRAW,
};

enum top_mode { TOP_MODE_TABLE, TOP_MODE_DETAIL, TOP_MODE_ALERTS, TOP_MODE_HELP };
enum top_wish { TOP_WISH_NOTHING, TOP_WISH_DATA, TOP_WISH_END, TOP_WISH_REDRAW };

#define TOP_NAME  256
#define TOP_LIMIT 200 /* rows that are asked for at first */

struct top_state {
	struct top_view view;
	struct top_table table; /* the last one that was received; without rows at first */
	struct top_lines lines; /* of it */
	enum top_mode mode;
	bool typing; /* the filter */
	char typed_before[TOP_FILTER];
	char selected[TOP_NAME]; /* the service */
	size_t at, scroll;	 /* its line; the first line that is shown */
	char *detail;		 /* lines of the service that is open; NULL: not there yet */
	size_t detail_scroll, help_scroll; /* of what is open; of the help */
	unsigned width, height;
	u64 window_ns;
	/* The end of the window that is asked for, CLOCK_MONOTONIC; 0: now, always. And the present. */
	u64 at_ns, now_ns;
	u64 asked_at_ns, shown_at_ns; /* at_ns of what was asked for last, and of what is there */
	size_t limit;		      /* rows that are asked for */
	const char *error;	      /* why there is nothing new; NULL */
	char error_text[256];
	u64 refused_until_ns; /* what the present brings takes its reason away only then, or after a key */
};

/* What a key is for, in the order of the help; ends with a row without key. */
struct top_binding {
	int key, other; /* other: 0, or another one that does the same */
	const char *name, *help;
	enum top_wish (*pressed)(struct top_state *s);
};
extern const struct top_binding top_bindings[];

enum top_wish top_state_key(struct top_state *s, int key);
/* Takes the table over. */
void top_state_take(struct top_state *s, struct top_table *t);
/* There is no new one. `refused`: nothing is known of that time, and what was shown before is again. */
void top_state_fail(struct top_state *s, const char *why, bool refused);
/* Takes over what was made of the answers about the open service, which was allocated. */
void top_state_take_detail(struct top_state *s, char *detail);
void top_state_release(struct top_state *s);

void top_state_resize(struct top_state *s, unsigned width, unsigned height);
/* How long ago the window ends that is asked for. */
u64 top_state_ago(const struct top_state *s);
/* Lines of the table that find room. */
size_t top_state_room(const struct top_state *s);

#endif
