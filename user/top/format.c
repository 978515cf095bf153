// SPDX-License-Identifier: BSD-3-Clause
#include "top/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* Units from the smallest; a value belongs to the last one of which it is at least `from`. */
struct scale {
	double from, unit;
	const char *suffix;
};

static const struct scale seconds[] = {
	{ 0, 1e-6, "us" },  { 999.5e-6, 1e-3, "ms" }, { 0.9995, 1, "s" },
	{ 119.5, 60, "m" }, { 7170, 3600, "h" },      { 171000, 86400, "d" },
};
static const struct scale bytes[] = {
	{ 0, 1, "B" },
	{ 999.5, 0x1p10, "K" },
	{ 999.5 * 0x1p10, 0x1p20, "M" },
	{ 999.5 * 0x1p20, 0x1p30, "G" },
	{ 999.5 * 0x1p30, 0x1p40, "T" },
};
static const struct scale counts[] = {
	{ 0, 1, "" },
	{ 9999.5, 1e3, "k" },
	{ 999.5e3, 1e6, "M" },
	{ 999.5e6, 1e9, "G" },
};
static const struct scale shares[] = { { 0, 0.01, "%" },
				       { 99.995, 10, "k%" },
				       { 9995, 1e4, "M%" } };

static const struct {
	const struct scale *scales;
	unsigned cnt;
	double least; /* what is smaller, but not 0, is written as "<LEAST" */
	bool whole;   /* of the first unit there are no parts */
} units[] = {
#define SCALES(s) s, sizeof(s) / sizeof(*(s))
	[TOP_UNIT_SHARE] = { SCALES(shares), 0.001 },
	[TOP_UNIT_PER_SECOND] = { SCALES(counts), 0.1 },
	[TOP_UNIT_SECONDS] = { SCALES(seconds), 1e-6 },
	[TOP_UNIT_BYTES] = { SCALES(bytes), 1, true },
	[TOP_UNIT_BYTES_PER_SECOND] = { SCALES(bytes), 1, true },
	[TOP_UNIT_COUNT] = { SCALES(counts), 1, true },
};

static void number_write(char *text, size_t size, enum top_unit unit, double value)
{
	const struct scale *s = units[unit].scales;
	const char *less = "";
	bool decimal;

	if (!(value > 0)) {
		snprintf(text, size, "0%s", unit == TOP_UNIT_SHARE ? "%" : "");
		return;
	}
	if (value < units[unit].least) {
		value = units[unit].least;
		less = "<";
	}
	for (unsigned i = 1; i < units[unit].cnt && value >= units[unit].scales[i].from; i++)
		s++;
	value /= s->unit;
	decimal = value < 9.95 && !(units[unit].whole && s == units[unit].scales) &&
		  !(*less && value >= 1);
	if (snprintf(text, size, "%s%.*f%s", less, decimal, value, s->suffix) >= TOP_CELL)
		snprintf(text, size, "many"); /* of the largest unit */
}

void top_format(char ret[TOP_CELL + 1], enum top_unit unit, const struct top_cell *c, bool lossy)
{
	char text[32] = "-";

	if (c->is == TOP_UNKNOWN || (c->is == TOP_KNOWN && !isfinite(c->value)))
		snprintf(text, sizeof(text), "?");
	else if (c->is == TOP_KNOWN)
		number_write(text, sizeof(text), unit, c->value);
	snprintf(ret, TOP_CELL + 1, "%s%s", text, lossy && c->is == TOP_KNOWN ? "?" : "");
}

void top_format_points(char ret[TOP_CELL + 1], double points)
{
	snprintf(ret, TOP_CELL + 1, "%.0f", fmin(fmax(points, 0), 9999));
}

void top_format_clock(struct buf *b, double duration)
{
	unsigned long s = duration > 0 ? (unsigned long)(duration + 0.5) : 0;

	if (s >= 3600)
		buf_printf(b, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	else
		buf_printf(b, "%lu:%02lu", s / 60, s % 60);
}

/* The next character: its bytes, 0 at the end, and the columns that it takes. */
static size_t character(const char *text, const char **ret, unsigned *columns)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t len = mbrtowc(&c, text, strnlen(text, 16), &state);
	int width;

	*ret = text;
	if (!*text)
		return 0;
	width = len > 0 && len <= 16 ? wcwidth(c) : -1;
	*columns = width < 0 ? 1 : (unsigned)width;
	if (width < 0)
		*ret = "?";
	return len > 0 && len <= 16 ? len : 1;
}

unsigned top_text_width(const char *text)
{
	unsigned width = 0, columns;
	const char *shown;
	size_t len;

	for (; (len = character(text, &shown, &columns)); text += len)
		width += columns;
	return width;
}

void top_text_add(struct buf *b, const char *text, unsigned width)
{
	unsigned room = top_text_width(text) <= width ? width : width - (width > 0), at = 0,
		 columns;
	const char *shown;
	size_t len;

	for (; (len = character(text, &shown, &columns)) && at + columns <= room; text += len) {
		buf_add(b, shown, *shown == '?' ? 1 : len);
		at += columns;
	}
	if (*text && at < width) {
		buf_char(b, '~');
		at++;
	}
	for (; at < width; at++)
		buf_char(b, ' ');
}
