// SPDX-License-Identifier: BSD-3-Clause
#include "lib/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SEC 1000000000ULL

void buf_release(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

bool buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 256;
	char *data;

	if (b->failed)
		return false;
	if (more <= b->cap - b->len)
		return true;
	if (more > SIZE_MAX / 4) {
		b->failed = true;
		return false;
	}
	while (cap - b->len < more)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!len || !buf_reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(b, digits + i, sizeof(digits) - i);
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_char(b, '-');
	buf_u64(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void buf_seconds(struct buf *b, uint64_t ns)
{
	uint64_t frac = ns % NS_PER_SEC;
	char digits[10] = ".";
	size_t len = 10;

	buf_u64(b, ns / NS_PER_SEC);
	if (!frac)
		return;
	for (size_t i = 9; i > 0; i--, frac /= 10)
		digits[i] = (char)('0' + frac % 10);
	while (digits[len - 1] == '0')
		len--;
	buf_add(b, digits, len);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !buf_reserve(b, (size_t)len + 1))
		return;
	va_start(args, fmt);
	vsnprintf(b->data + b->len, (size_t)len + 1, fmt, args);
	va_end(args);
	b->len += (size_t)len;
}

void buf_wrap(struct buf *b, const char *text, const char *prefix, size_t width)
{
	size_t at = 0;

	for (const char *word = text; *word; word += strspn(word, " \n")) {
		size_t len = strcspn(word, " \n");

		if (!at || at + 1 + len > width) {
			buf_printf(b, "%s%s", at ? "\n" : "", prefix);
			at = strlen(prefix);
		} else {
			buf_char(b, ' ');
			at++;
		}
		buf_add(b, word, len);
		at += len;
		word += len;
	}
	buf_str(b, at ? "\n" : "");
}

const char *buf_cstr(struct buf *b)
{
	if (!buf_reserve(b, 1))
		return "";
	b->data[b->len] = '\0';
	return b->data;
}
