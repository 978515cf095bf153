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

void label_clean(char ret[LABEL_VALUE_SIZE], const char *value)
{
	size_t at = 0;

	while (*value) {
		size_t len = utf8_len((const unsigned char *)value);
		const char *from = len ? value : REPLACEMENT;
		size_t from_len = len ? len : strlen(REPLACEMENT);

		if (at + from_len >= LABEL_VALUE_SIZE)
			break;
		memcpy(ret + at, from, from_len);
		at += from_len;
		value += len ? len : 1;
	}
	ret[at] = '\0';
}

void label_add(struct buf *b, const char *name, const char *value)
{
	if (b->len)
		buf_char(b, ',');
	buf_str(b, name);
	buf_str(b, "=\"");
	for (; *value; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			buf_char(b, '\\');
		buf_char(b, (char)(*value == '\n' ? 'n' : *value));
	}
	buf_char(b, '"');
}
