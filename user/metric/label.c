// SPDX-License-Identifier: BSD-3-Clause
#include "metric/label.h"

#include <string.h>

#include "lib/utf8.h"

void label_clean(char ret[LABEL_VALUE_SIZE], const char *value)
{
	size_t at = 0;

	while (*value) {
		size_t len = utf8_len(value);
		const char *from = len ? value : UTF8_REPLACEMENT;
		size_t from_len = len ? len : strlen(UTF8_REPLACEMENT);

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
