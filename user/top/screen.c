// SPDX-License-Identifier: BSD-3-Clause
#define NCURSES_WIDECHAR 1
#include "top/screen.h"

#include <curses.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#define ESCAPE_MS 25 /* that it waits for the rest of what begins with Escape */

static SCREEN *screen;
static attr_t styles[TOP_STYLE_CNT];

/* What is told by a colour is also told by a character. */
static void styles_choose(void)
{
	const char *no_color = getenv("NO_COLOR");

	styles[TOP_STYLE_TITLE] = A_BOLD;
	styles[TOP_STYLE_HEADER] = styles[TOP_STYLE_SELECTED] = A_REVERSE;
	styles[TOP_STYLE_PAGE] = styles[TOP_STYLE_WARNING] = styles[TOP_STYLE_HURTS] = A_BOLD;
	if ((no_color && *no_color) || !has_colors() || start_color() == ERR)
		return;
	use_default_colors();
	init_pair(1, COLOR_RED, -1);
	init_pair(2, COLOR_YELLOW, -1);
	init_pair(3, COLOR_BLACK, COLOR_GREEN);
	styles[TOP_STYLE_PAGE] |= COLOR_PAIR(1);
	styles[TOP_STYLE_WARNING] = styles[TOP_STYLE_HURTS] = COLOR_PAIR(2);
	styles[TOP_STYLE_HEADER] = COLOR_PAIR(3);
}

bool top_screen_open(void)
{
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return false;
	set_term(screen);
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	styles_choose();
	return true;
}

void top_screen_close(void)
{
	if (screen && !isendwin())
		endwin();
}

void top_screen_restore(void)
{
	reset_prog_mode();
	clearok(curscr, TRUE);
}

void top_screen_size(unsigned *width, unsigned *height)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row)
		resizeterm(size.ws_row, size.ws_col);
	*width = (unsigned)COLS;
	*height = (unsigned)LINES;
}

struct drawing {
	unsigned line, height;
};

static void line_draw(void *ctx, enum top_style style, const char *text)
{
	struct drawing *d = ctx;

	if (d->line >= d->height)
		return;
	attrset((int)styles[style]);
	mvaddstr((int)d->line++, 0, text);
	attrset(A_NORMAL);
}

void top_screen_draw(struct top_state *s)
{
	struct drawing d = { .height = (unsigned)LINES };

	erase();
	top_frame(s, line_draw, &d);
	refresh();
}

int top_screen_key(void)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{ KEY_UP, TOP_KEY_UP },		{ KEY_DOWN, TOP_KEY_DOWN },
		{ KEY_LEFT, TOP_KEY_LEFT },	{ KEY_RIGHT, TOP_KEY_RIGHT },
		{ KEY_PPAGE, TOP_KEY_PAGE_UP }, { KEY_NPAGE, TOP_KEY_PAGE_DOWN },
		{ KEY_HOME, TOP_KEY_HOME },	{ KEY_END, TOP_KEY_END },
		{ KEY_ENTER, TOP_KEY_ENTER },	{ KEY_BACKSPACE, TOP_KEY_ERASE },
		{ KEY_DC, TOP_KEY_ERASE },
	};
	wint_t c;
	int got = get_wch(&c);

	if (got == ERR)
		return -1;
	if (got == KEY_CODE_YES) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			if (keys[i].curses == (int)c)
				return keys[i].key;
		return 0;
	}
	if (c == '\b')
		return TOP_KEY_ERASE;
	return c == 'L' - '@' ? TOP_KEY_REDRAW : (int)c;
}
