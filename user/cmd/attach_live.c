// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attach_live.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/attach_text.h"
#include "lib/utf8.h"

#define CALLS	  20 /* rows of the table of calls */
#define CALLS_MIN 4  /* where there is little room */
#define ROWS_PART 10 /* each other list has as many rows as a part of the terminal's lines */

struct size {
	unsigned width, height;
};

static struct size terminal_size(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
		return (struct size){ 80, 24 };
	return (struct size){ size.ws_col, size.ws_row };
}

/* Lines that a text takes: most terminals fold lines anew when they become narrower. */
static unsigned lines_of(const struct buf *text, unsigned width)
{
	unsigned lines = 0, column = 0;

	for (size_t i = 0, len = 1; i < text->len; i += len) {
		unsigned columns = utf8_columns(text->data + i, &len);
		bool ends = text->data[i] == '\n', folds = !ends && column + columns > width;

		lines += ends || folds;
		column = ends ? 0 : folds ? columns : column + columns;
	}
	return lines;
}

/* The first lines of it; the cursor stands below the last one. */
static void lines_cut(struct buf *text, unsigned lines)
{
	for (size_t i = 0; i < text->len && !text->failed; i++)
		if (text->data[i] == '\n' && !--lines)
			text->len = i + 1;
}

/* The table of calls gives way to what else there is. */
static void text_make(struct buf *text, const json_t *doc, struct size size)
{
	unsigned calls = (unsigned)json_array_size(json_object_get(doc, "calls")),
		 room = size.height > 2 ? size.height - 1 : 1, lines, less;
	struct attach_view view = { .width = size.width,
				    .calls = CALLS,
				    .rows = size.height / ROWS_PART + 1,
				    .live = true };

	attach_text_summary(doc, &view, text);
	lines = lines_of(text, size.width);
	if (lines > room) {
		less = lines - room + (calls <= CALLS); /* and a line that says so */
		calls = calls < CALLS ? calls : CALLS;
		view.calls = calls > less + CALLS_MIN ? calls - less : CALLS_MIN;
		buf_reset(text);
		attach_text_summary(doc, &view, text);
	}
	lines_cut(text, room);
}

/* To the line where what is shown begins; also behind a ^C. */
static void begin_add(struct buf *out, const struct attach_live *l, unsigned width)
{
	unsigned lines = lines_of(&l->shown, width);

	if (lines)
		buf_printf(out, "\r\033[%uA", lines);
}

/* Each line in the place of the one that is there, which does not flicker as erasing all of them does. */
static void lines_add(struct buf *out, const struct buf *text)
{
	size_t from = 0;

	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] != '\n')
			continue;
		buf_str(out, "\033[K");
		buf_add(out, text->data + from, i - from + 1);
		from = i + 1;
	}
}

void attach_live_show(struct attach_live *l, const json_t *doc)
{
	struct size size = terminal_size();
	struct buf text = { 0 }, out = { 0 };

	text_make(&text, doc, size);
	begin_add(&out, l, size.width);
	lines_add(&out, &text);
	buf_str(&out, "\033[J");
	fwrite(out.data ?: "", 1, out.len, stdout);
	fflush(stdout);
	buf_release(&out);
	attach_live_release(l);
	l->shown = text;
}

/* Line by line: some terminals keep a copy of a screen that is erased at once. */
void attach_live_clear(struct attach_live *l)
{
	struct buf out = { 0 };
	unsigned width = terminal_size().width;

	begin_add(&out, l, width);
	for (unsigned i = lines_of(&l->shown, width); i; i--)
		buf_str(&out, "\033[K\n");
	begin_add(&out, l, width);
	fwrite(out.data ?: "", 1, out.len, stdout);
	buf_release(&out);
	buf_reset(&l->shown);
}

void attach_live_leave(struct attach_live *l)
{
	buf_reset(&l->shown);
}

void attach_live_release(struct attach_live *l)
{
	buf_release(&l->shown);
}
