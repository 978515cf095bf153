// SPDX-License-Identifier: BSD-3-Clause
/* Whatever the value, the rendered label is valid UTF-8 and stands for the value with its bad bytes replaced. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <locale.h>

#include "metric/label.h"

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

/* An oracle unlike the code under test: the C library's decoder, which knows no end at U+10FFFF. */
static size_t decode(const char *s, size_t len)
{
	mbstate_t state = { 0 };
	wchar_t wc;
	size_t n = mbrtowc(&wc, s, len, &state);

	return n == (size_t)-1 || n == (size_t)-2 || wc > 0x10ffff ? 0 : n;
}

static void sanitise(struct buf *out, const char *value)
{
	for (size_t left = strlen(value), n; left; value += n, left -= n) {
		size_t len = decode(value, left);

		n = len ? len : 1;
		if (out->len + (len ? len : 3) >= LABEL_VALUE_SIZE)
			return;
		buf_add(out, len ? value : "\xef\xbf\xbd", len ? len : 3);
	}
}

static void unescape(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		REQUIRE(s[i] != '"' && s[i] != '\n');
		if (s[i] != '\\') {
			buf_char(out, s[i]);
			continue;
		}
		REQUIRE(++i < len && (s[i] == 'n' || s[i] == '\\' || s[i] == '"'));
		buf_char(out, s[i] == 'n' ? '\n' : s[i]);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	REQUIRE(setlocale(LC_CTYPE, "C.UTF-8"));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf rendered = { 0 }, meant = { 0 }, expected = { 0 };
	char *value = strndup((const char *)data, size), clean[LABEL_VALUE_SIZE];

	label_clean(clean, value);
	label_add(&rendered, "n", clean);
	REQUIRE(rendered.len >= 4 && !memcmp(rendered.data, "n=\"", 3));
	REQUIRE(rendered.data[rendered.len - 1] == '"');
	unescape(&meant, rendered.data + 3, rendered.len - 4);
	sanitise(&expected, value);
	REQUIRE(meant.len == expected.len);
	REQUIRE(!meant.len || !memcmp(meant.data, expected.data, meant.len));
	for (size_t i = 0, n; i < rendered.len; i += n)
		REQUIRE((n = decode(rendered.data + i, rendered.len - i)));

	free(value);
	buf_release(&rendered);
	buf_release(&meant);
	buf_release(&expected);
	return 0;
}
