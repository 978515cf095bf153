// SPDX-License-Identifier: BSD-3-Clause
#include "top/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define NS_PER_SEC 1000000000ULL
#define MINUTE_NS  (60 * NS_PER_SEC)
#define DAY_NS	   (24 * 60 * MINUTE_NS)
#define REFUSED_NS (5 * NS_PER_SEC)
#define FRAME	   5 /* lines around those of the table: title, alert, note, header, footer */

void top_state_release(struct top_state *s)
{
	top_lines_release(&s->lines);
	top_table_release(&s->table);
	free(s->detail);
	s->detail = NULL;
}

u64 top_state_ago(const struct top_state *s)
{
	return s->at_ns && s->at_ns < s->now_ns ? s->now_ns - s->at_ns : 0;
}

size_t top_state_room(const struct top_state *s)
{
	return s->height > FRAME ? s->height - FRAME : 1;
}

/* --- lines */

static void scroll_fit(struct top_state *s)
{
	size_t room = top_state_room(s);

	if (s->at < s->scroll)
		s->scroll = s->at;
	if (s->at >= s->scroll + room)
		s->scroll = s->at - room + 1;
	if (s->scroll + room > s->lines.cnt)
		s->scroll = s->lines.cnt > room ? s->lines.cnt - room : 0;
}

static void select_line(struct top_state *s, size_t at)
{
	s->at = at;
	snprintf(s->selected, sizeof(s->selected), "%s",
		 at < s->lines.cnt && !s->lines.lines[at].group ? s->lines.lines[at].row->service
								: "");
	scroll_fit(s);
}

/* The selected service keeps its mark wherever it goes; if it is gone its place does. */
static void lines_make(struct top_state *s)
{
	size_t at = 0;

	top_lines_release(&s->lines);
	if (top_lines_make(&s->lines, &s->table, &s->view))
		s->error = "out of memory";
	while (at < s->lines.cnt && (s->lines.lines[at].group ||
				     strcmp(s->lines.lines[at].row->service, s->selected) != 0))
		at++;
	if (at < s->lines.cnt)
		s->at = at;
	else if (s->at >= s->lines.cnt)
		s->at = s->lines.cnt ? s->lines.cnt - 1 : 0;
	scroll_fit(s);
}

void top_state_resize(struct top_state *s, unsigned width, unsigned height)
{
	s->width = width;
	s->height = height;
	scroll_fit(s);
}

void top_state_take(struct top_state *s, struct top_table *t)
{
	top_lines_release(&s->lines);
	top_table_release(&s->table);
	s->table = *t;
	*t = (struct top_table){ 0 };
	if (s->now_ns >= s->refused_until_ns)
		s->error = NULL;
	s->shown_at_ns = s->asked_at_ns;
	lines_make(s);
}

void top_state_fail(struct top_state *s, const char *why, bool refused)
{
	snprintf(s->error_text, sizeof(s->error_text), "%s", why);
	s->error = s->error_text;
	if (!refused)
		return;
	s->at_ns = s->shown_at_ns;
	s->refused_until_ns = s->now_ns + REFUSED_NS;
}

void top_state_take_detail(struct top_state *s, char *detail)
{
	free(s->detail);
	s->detail = detail;
}

/* --- keys */

static size_t *scroll_of(struct top_state *s)
{
	return s->mode == TOP_MODE_HELP ? &s->help_scroll : &s->detail_scroll;
}

/* Lines up or down, of what is shown; how far that goes is known when it is drawn. */
static enum top_wish move(struct top_state *s, long by)
{
	size_t *at = s->mode == TOP_MODE_TABLE ? &s->at : scroll_of(s);
	size_t to = by < 0 && (size_t)-by > *at ? 0 : *at + (size_t)by;

	if (s->mode != TOP_MODE_TABLE)
		*at = to;
	else if (s->lines.cnt)
		select_line(s, to < s->lines.cnt ? to : s->lines.cnt - 1);
	if (s->mode != TOP_MODE_TABLE || to < s->lines.cnt ||
	    s->table.row_cnt >= s->table.matching_cnt || s->table.row_cnt >= TOP_ROWS_MAX ||
	    s->table.row_cnt < s->limit) /* the answer to the last question is not there yet */
		return TOP_WISH_NOTHING;
	s->limit = s->limit * 4 < TOP_ROWS_MAX ? s->limit * 4 : TOP_ROWS_MAX;
	return TOP_WISH_DATA;
}

static enum top_wish up(struct top_state *s)
{
	return move(s, -1);
}

static enum top_wish down(struct top_state *s)
{
	return move(s, 1);
}

static enum top_wish page_up(struct top_state *s)
{
	return move(s, -(long)top_state_room(s));
}

static enum top_wish page_down(struct top_state *s)
{
	return move(s, (long)top_state_room(s));
}

static enum top_wish home(struct top_state *s)
{
	return move(s, -(1L << 30));
}

static enum top_wish end(struct top_state *s)
{
	return move(s, 1L << 30);
}

static enum top_wish enter(struct top_state *s)
{
	if (s->mode != TOP_MODE_TABLE || s->at >= s->lines.cnt || s->lines.lines[s->at].group)
		return TOP_WISH_NOTHING;
	select_line(s, s->at);
	s->mode = TOP_MODE_DETAIL;
	s->detail_scroll = 0;
	top_state_take_detail(s, NULL);
	return TOP_WISH_DATA;
}

static enum top_wish back(struct top_state *s)
{
	if (s->mode == TOP_MODE_TABLE && *s->view.filter) {
		*s->view.filter = '\0';
		lines_make(s);
	}
	s->mode = TOP_MODE_TABLE;
	return TOP_WISH_DATA;
}

static enum top_wish quit(struct top_state *s)
{
	if (s->mode == TOP_MODE_TABLE)
		return TOP_WISH_END;
	return back(s);
}

static enum top_wish help(struct top_state *s)
{
	s->mode = s->mode == TOP_MODE_HELP ? TOP_MODE_TABLE : TOP_MODE_HELP;
	s->help_scroll = 0;
	return TOP_WISH_NOTHING;
}

static enum top_wish alerts(struct top_state *s)
{
	s->mode = s->mode == TOP_MODE_ALERTS ? TOP_MODE_TABLE : TOP_MODE_ALERTS;
	s->detail_scroll = 0;
	return TOP_WISH_NOTHING;
}

static enum top_wish sort_step(struct top_state *s, int step)
{
	s->view.by = top_by_step(s->view.by, step);
	lines_make(s);
	return TOP_WISH_DATA;
}

static enum top_wish sort_next(struct top_state *s)
{
	return sort_step(s, 1);
}

static enum top_wish sort_previous(struct top_state *s)
{
	return sort_step(s, -1);
}

static enum top_wish sort_hurt(struct top_state *s)
{
	s->view.by = TOP_BY_HURT;
	s->view.reverse = false;
	lines_make(s);
	return TOP_WISH_DATA;
}

static enum top_wish reverse(struct top_state *s)
{
	s->view.reverse = !s->view.reverse;
	lines_make(s);
	return TOP_WISH_DATA;
}

static enum top_wish group(struct top_state *s)
{
	s->view.grouped = !s->view.grouped;
	lines_make(s);
	return TOP_WISH_DATA;
}

static enum top_wish filter(struct top_state *s)
{
	s->mode = TOP_MODE_TABLE;
	s->typing = true;
	memcpy(s->typed_before, s->view.filter, sizeof(s->typed_before));
	return TOP_WISH_NOTHING;
}

/* What is shown moves in time: back from now, or forward until it is now again. */
static enum top_wish time_move(struct top_state *s, bool forward, u64 by_ns)
{
	u64 at = s->at_ns ?: s->now_ns, oldest = s->now_ns > DAY_NS ? s->now_ns - DAY_NS : 1;

	if (forward)
		at = at + by_ns < s->now_ns ? at + by_ns : 0;
	else
		at = at > oldest + by_ns ? at - by_ns : oldest;
	s->at_ns = at;
	return TOP_WISH_DATA;
}

/* A window; where the history is coarse, as much as it has together. */
static u64 step_ns(const struct top_state *s)
{
	u64 shown_ns = (u64)(s->table.window * NS_PER_SEC);

	return shown_ns > s->window_ns ? shown_ns : s->window_ns;
}

static enum top_wish earlier(struct top_state *s)
{
	return time_move(s, false, step_ns(s));
}

static enum top_wish later(struct top_state *s)
{
	return time_move(s, true, step_ns(s));
}

static enum top_wish much_earlier(struct top_state *s)
{
	return time_move(s, false, 5 * MINUTE_NS);
}

static enum top_wish much_later(struct top_state *s)
{
	return time_move(s, true, 5 * MINUTE_NS);
}

static enum top_wish now(struct top_state *s)
{
	s->at_ns = 0;
	return TOP_WISH_DATA;
}

static enum top_wish redraw(struct top_state *s)
{
	(void)s;
	return TOP_WISH_REDRAW;
}

const struct top_binding top_bindings[] = {
	{ TOP_KEY_UP, 'k', "up, down", "select a service, or scroll", up },
	{ TOP_KEY_DOWN, 'j', NULL, NULL, down },
	{ TOP_KEY_PAGE_UP, 0, "page up, page down, home, end", "the same, further", page_up },
	{ TOP_KEY_PAGE_DOWN, 0, NULL, NULL, page_down },
	{ TOP_KEY_HOME, 0, NULL, NULL, home },
	{ TOP_KEY_END, 0, NULL, NULL, end },
	{ TOP_KEY_ENTER, '\r', "enter",
	  "open the service: disks, peers, system calls, deaths, alerts", enter },
	{ TOP_KEY_ESCAPE, TOP_KEY_ERASE, "esc", "back; in the table: no filter", back },
	{ '>', '.', "> <", "sort by the next, the previous column", sort_next },
	{ '<', ',', NULL, NULL, sort_previous },
	{ 'h', 0, "h", "sort by what hurts", sort_hurt },
	{ 'r', 0, "r", "reverse the order", reverse },
	{ '/', 0, "/", "type a filter: a part of the name, or a pattern such as *.service|nginx*",
	  filter },
	{ 'g', 0, "g", "group by what gives the name: unit, container, command, rule", group },
	{ 'a', 0, "a", "all alerts that fire", alerts },
	{ TOP_KEY_LEFT, 0, "left, right", "step back, or forward, in time: replay", earlier },
	{ TOP_KEY_RIGHT, 0, NULL, NULL, later },
	{ '[', 0, "[ ]", "5 minutes back, forward", much_earlier },
	{ ']', 0, NULL, NULL, much_later },
	{ 'n', 0, "n", "now: leave replay", now },
	{ '?', 0, "?", "this help", help },
	{ TOP_KEY_REDRAW, 0, "ctrl-l", "draw the screen again", redraw },
	{ 'q', 0, "q", "back, or quit; ctrl-c quits, ctrl-z suspends", quit },
	{ 0 },
};

/* A key while the filter is typed; what it leaves is seen at once, as far as it is there. */
static enum top_wish type(struct top_state *s, int key)
{
	char *text = s->view.filter;
	size_t len = strlen(text);

	if (key == TOP_KEY_ENTER || key == '\r') {
		s->typing = false;
	} else if (key == TOP_KEY_ESCAPE) {
		s->typing = false;
		memcpy(text, s->typed_before, sizeof(s->typed_before));
	} else if (key == TOP_KEY_ERASE) {
		/* a whole character of UTF-8 */
		while (len && ((unsigned char)text[--len] & 0xc0) == 0x80)
			;
		text[len] = '\0';
	} else if (key == 'U' - '@') {
		*text = '\0';
	} else if (key >= ' ' && key < TOP_KEY_UP) {
		char c[8] = { 0 };
		int bytes = key < 0x80 ? snprintf(c, sizeof(c), "%c", key)
				       : snprintf(c, sizeof(c), "%lc", (wint_t)key);

		if (bytes > 0 && len + (size_t)bytes < TOP_FILTER)
			memcpy(text + len, c, (size_t)bytes + 1);
	}
	lines_make(s);
	return TOP_WISH_DATA;
}

enum top_wish top_state_key(struct top_state *s, int key)
{
	s->refused_until_ns = 0;
	if (s->typing)
		return type(s, key);
	for (const struct top_binding *b = top_bindings; b->key; b++)
		if (b->key == key || (b->other && b->other == key))
			return b->pressed(s);
	return TOP_WISH_NOTHING;
}
