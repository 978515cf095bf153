// SPDX-License-Identifier: BSD-3-Clause
#include "metric/label.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

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

/* Bytes of the character at s, 0 when there is none. Stops at a NUL, which is no legal second byte. */
static size_t utf8_len(const unsigned char *s)
{
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

/* Appends one character or, in place of a bad byte, U+FFFD. */
static void char_add(struct buf *b, const char *s, size_t len)
{
	if (!len)
		buf_str(b, REPLACEMENT);
	else if (*s == '\n')
		buf_str(b, "\\n");
	else if (*s == '\\' || *s == '"')
		buf_add(b, (char[]){ '\\', *s }, 2);
	else
		buf_add(b, s, len);
}

void label_add(struct buf *b, const char *name, const char *value)
{
	size_t total = 0, len;

	if (b->len)
		buf_char(b, ',');
	buf_str(b, name);
	buf_str(b, "=\"");
	for (; *value; value += len ? len : 1) {
		len = utf8_len((const unsigned char *)value);
		total += len ? len : strlen(REPLACEMENT);
		if (total > LABEL_VALUE_MAX)
			break;
		char_add(b, value, len);
	}
	buf_char(b, '"');
}
