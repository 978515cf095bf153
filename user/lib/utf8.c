// SPDX-License-Identifier: BSD-3-Clause
#include "lib/utf8.h"

#include <stdbool.h>
#include <string.h>
#include <wchar.h>

/*
 * The lead bytes of UTF-8 and what the byte after them may be; overlong forms, surrogates and what lies
 * beyond U+10FFFF are illegal by their second byte alone.
 */
static const struct utf8_lead {
	unsigned char first, last, len, second_min, second_max;
} utf8_lead[] = {
	{ 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf }, { 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t utf8_len(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(utf8_lead) / sizeof(*utf8_lead); i++) {
		const struct utf8_lead *l = &utf8_lead[i];

		if (s[0] < l->first || s[0] > l->last)
			continue;
		if (s[1] < l->second_min || s[1] > l->second_max)
			return 0;
		for (size_t n = 2; n < l->len; n++)
			if ((s[n] & 0xc0) != 0x80)
				return 0;
		return l->len;
	}
	return 0;
}

unsigned utf8_columns(const char *s, size_t *len)
{
	wchar_t c = (unsigned char)*s;
	int width;

	*len = utf8_len(s) ?: 1;
	if (*len > 1)
		c &= 0x7f >> *len;
	for (size_t i = 1; i < *len; i++)
		c = c << 6 | (s[i] & 0x3f);
	width = wcwidth(c);
	return width < 0 ? 1 : (unsigned)width;
}

/* Bytes of the character at text, which no terminal must see if it is `hidden`. */
static size_t printable_len(const char *text, bool *hidden)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len = utf8_len(text);

	*hidden = !len || s[0] < ' ' || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
	return len ?: 1;
}

void utf8_printable(struct buf *b, const char *text)
{
	bool hidden;

	while (*text) {
		size_t len = printable_len(text, &hidden);

		for (size_t i = 0; hidden && i < len; i++)
			buf_printf(b, "\\x%02x", (unsigned char)text[i]);
		if (!hidden)
			buf_add(b, text, len);
		text += len;
	}
}

void utf8_mask(char *text, const char *kept)
{
	bool hidden;

	while (*text) {
		size_t len = printable_len(text, &hidden);

		if (hidden && !strchr(kept, *text))
			memset(text, '?', len);
		text += len;
	}
}

/* Stands for itself in a string of JSON, and takes one byte. */
static bool is_plain(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void escaped_add(struct buf *b, char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[] = { '\\', c, '0', '0', hex[c >> 4 & 0xf], hex[c & 0xf] };

	if (c == '"' || c == '\\') {
		buf_add(b, text, 2);
		return;
	}
	text[1] = 'u';
	buf_add(b, text, sizeof(text));
}

void utf8_json(struct buf *b, const char *text)
{
	buf_char(b, '"');
	while (*text) {
		size_t len = 0;

		while (is_plain(text[len]))
			len++;
		buf_add(b, text, len);
		text += len;
		if (!*text)
			break;
		len = utf8_len(text);
		if (len == 1)
			escaped_add(b, *text);
		else if (len)
			buf_add(b, text, len);
		else
			buf_str(b, UTF8_REPLACEMENT);
		text += len ? len : 1;
	}
	buf_char(b, '"');
}
