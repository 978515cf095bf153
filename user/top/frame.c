// SPDX-License-Identifier: BSD-3-Clause
#include "top/frame.h"

#include <stdio.h>
#include <string.h>

#include "top/format.h"

#define HURTS 20 /* points from which on a service is shown as one that suffers */

struct frame {
	struct top_state *state;
	top_frame_line line;
	void *ctx;
	unsigned left; /* lines */
};

/* Cut, or filled up to the width, so that the style of a line goes to its end. */
static void line_add(struct frame *f, enum top_style style, const char *text)
{
	struct buf b = { 0 };

	if (!f->left)
		return;
	f->left--;
	top_text_add(&b, text, f->state->width);
	f->line(f->ctx, style, buf_cstr(&b));
	buf_release(&b);
}

static void buf_take(struct frame *f, enum top_style style, struct buf *b)
{
	line_add(f, style, buf_cstr(b));
	buf_reset(b);
}

/* --- help */

static void wrapped(struct buf *b, const char *name, const char *text)
{
	buf_printf(b, "  %-8s %s\n", name, text);
}

void top_help_write(struct buf *b)
{
	char points[16];

	buf_str(b, "KEYS\n");
	for (const struct top_binding *k = top_bindings; k->key; k++)
		if (k->name)
			buf_printf(b, "  %-30s %s\n", k->name, k->help);
	buf_str(b, "\nCOLUMNS, in the window\n");
	wrapped(b, "HURT", "points, see below");
	for (unsigned i = 0; i < TOP_COLUMNS; i++)
		if (top_by_title(i))
			wrapped(b, top_columns[i].title, top_columns[i].help);
	buf_str(b, "  -        there is no such thing: no requests, no limit\n"
		   "  ?        unknown: nobody measured it\n"
		   "  12?      or more: events were lost\n"
		   "  K M G    1024, 1024^2, 1024^3 bytes; k M: thousands, millions of others\n"
		   "  !  *     an alert about the service fires: one that pages, a warning\n");
	buf_str(b, "\nWHAT HURTS: points, which add up; in proportion, up to\n");
	buf_printf(b, "  %-8d an alert that pages fires about the service; %d: a warning\n",
		   TOP_POINTS_PAGE, TOP_POINTS_WARNING);
	for (unsigned i = 0; i < TOP_HURTS; i++) {
		snprintf(points, sizeof(points), "%.0f", top_hurts[i].points);
		buf_printf(b, "  %-8s %s (%s)\n", points, top_hurts[i].help, top_hurts[i].name);
	}
}

/* --- scrolled text */

static size_t lines_count(const char *text)
{
	size_t cnt = 0;

	for (; (text = strchr(text, '\n')); text++)
		cnt++;
	return cnt;
}

/* What has no space at its beginning is a title. */
static void text_show(struct frame *f, const char *text, size_t *scroll, unsigned room)
{
	size_t cnt = lines_count(text), at = 0;

	if (*scroll + room > cnt)
		*scroll = cnt > room ? cnt - room : 0;
	for (const char *end; (end = strchr(text, '\n')) && room; text = end + 1) {
		char line[512];

		if (at++ < *scroll)
			continue;
		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		line_add(f, *line && *line != ' ' ? TOP_STYLE_TITLE : TOP_STYLE_PLAIN, line);
		room--;
	}
	while (room--)
		line_add(f, TOP_STYLE_PLAIN, "");
}

/* --- the table */

static enum top_style row_style(const struct top_state *s, size_t at)
{
	const struct top_line *line = &s->lines.lines[at];

	if (at == s->at)
		return TOP_STYLE_SELECTED;
	if (line->group)
		return TOP_STYLE_TITLE;
	if (line->row->severity)
		return strcmp(line->row->severity, "page") ? TOP_STYLE_WARNING : TOP_STYLE_PAGE;
	return line->row->points >= HURTS ? TOP_STYLE_HURTS : TOP_STYLE_PLAIN;
}

static void table_show(struct frame *f)
{
	const struct top_state *s = f->state;
	struct top_layout layout;
	struct buf b = { 0 };
	size_t room = top_state_room(s);

	top_layout_make(&layout, &s->table, &s->view, s->width);
	top_header_write(&b, &layout);
	buf_take(f, TOP_STYLE_HEADER, &b);
	for (size_t i = s->scroll; i < s->scroll + room; i++) {
		if (i < s->lines.cnt)
			top_line_write(&b, &layout, &s->table, &s->lines.lines[i]);
		buf_take(f, i < s->lines.cnt ? row_style(s, i) : TOP_STYLE_PLAIN, &b);
	}
	buf_release(&b);
}

#define FIGURE 17 /* columns of the terminal for one */

/* All that the table has of the service, as many on a line as there is room for. */
static void figures_write(struct buf *b, const struct top_state *s, const struct top_row *row)
{
	unsigned at = 0;

	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		char text[TOP_CELL + 1];

		if (!top_by_title(i))
			continue;
		if (at && at + FIGURE > s->width) {
			buf_char(b, '\n');
			at = 0;
		}
		top_format(text, top_columns[i].unit, &row->cells[i], s->table.lossy[i]);
		buf_printf(b, "  %-*s%*s", FIGURE - TOP_CELL - 3, top_columns[i].title,
			   TOP_CELL + 1, text);
		at += FIGURE;
	}
	buf_str(b, "\n\n");
}

static const struct top_row *selected_row(const struct top_state *s)
{
	for (size_t i = 0; i < s->table.row_cnt; i++)
		if (!strcmp(s->table.rows[i].service, s->selected))
			return &s->table.rows[i];
	return NULL;
}

static void detail_show(struct frame *f)
{
	struct top_state *s = f->state;
	const struct top_row *row = selected_row(s);
	struct buf b = { 0 };

	buf_printf(&b, "%s", s->selected);
	if (row) {
		buf_printf(&b, "  %s  HURT %.0f", row->kind, row->points);
		for (unsigned i = 0; i < TOP_HURTS; i++)
			if (row->hurts & 1U << i)
				buf_printf(&b, "  %s", top_hurts[i].name);
	} else {
		buf_str(&b, "  did nothing in this window");
	}
	buf_take(f, TOP_STYLE_HEADER, &b);
	if (row)
		figures_write(&b, s, row);
	buf_str(&b, s->detail ?: "  asking ...\n");
	text_show(f, buf_cstr(&b), &s->detail_scroll, (unsigned)top_state_room(s));
	buf_release(&b);
}

static void alerts_show(struct frame *f)
{
	struct top_state *s = f->state;
	struct buf b = { 0 };

	line_add(f, TOP_STYLE_HEADER, "ALERTS THAT FIRE");
	for (size_t i = 0; i == 0 || i < s->table.alert_cnt; i++) {
		buf_str(&b, "  ");
		top_alert_write(&b, &s->table, i);
		buf_char(&b, '\n');
	}
	text_show(f, buf_cstr(&b), &s->detail_scroll, (unsigned)top_state_room(s));
	buf_release(&b);
}

static void help_show(struct frame *f)
{
	struct buf b = { 0 };

	line_add(f, TOP_STYLE_HEADER, "HELP");
	top_help_write(&b);
	text_show(f, buf_cstr(&b), &f->state->help_scroll, (unsigned)top_state_room(f->state));
	buf_release(&b);
}

static void top_show(struct frame *f)
{
	const struct top_state *s = f->state;
	enum top_style style = TOP_STYLE_PLAIN;
	bool there = s->table.window > 0; /* the first answer */
	struct buf b = { 0 };

	if (there)
		top_title_write(&b, &s->table, &s->view, &s->lines, s->at_ns);
	else
		buf_str(&b, s->error ? "seismo" : "seismo  asking ...");
	buf_take(f, TOP_STYLE_TITLE, &b);
	if (there)
		top_alert_write(&b, &s->table, 0);
	if (s->table.alert_cnt)
		style = strcmp(s->table.alerts[0].severity, "page") ? TOP_STYLE_WARNING
								    : TOP_STYLE_PAGE;
	buf_take(f, style, &b);
	if (s->error)
		line_add(f, TOP_STYLE_PAGE, s->error);
	else {
		if (there)
			top_note_write(&b, &s->table);
		buf_take(f, TOP_STYLE_WARNING, &b);
	}
	buf_release(&b);
}

static void foot_show(struct frame *f)
{
	const struct top_state *s = f->state;
	struct buf b = { 0 };

	if (s->typing)
		buf_printf(&b, "filter: %s_", s->view.filter);
	else if (s->mode == TOP_MODE_TABLE)
		buf_str(&b,
			"q quit  ? help  enter open  / filter  < > sort  g group  a alerts  left right replay");
	else
		buf_str(&b, "q back  up down scroll  left right replay");
	f->left = 1;
	buf_take(f, TOP_STYLE_PLAIN, &b);
	buf_release(&b);
}

void top_frame(struct top_state *s, top_frame_line line, void *ctx)
{
	struct frame f = { s, line, ctx, s->height > 1 ? s->height - 1 : 0 };

	top_show(&f);
	if (s->mode == TOP_MODE_TABLE)
		table_show(&f);
	else if (s->mode == TOP_MODE_DETAIL)
		detail_show(&f);
	else if (s->mode == TOP_MODE_ALERTS)
		alerts_show(&f);
	else
		help_show(&f);
	while (f.left)
		line_add(&f, TOP_STYLE_PLAIN, "");
	if (s->height)
		foot_show(&f);
}
