// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attach_words.h"

#include <stdio.h>
#include <string.h>

#include "lib/utf8.h"

double words_real(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

unsigned long long words_integer(const json_t *o, const char *key)
{
	return (unsigned long long)json_integer_value(json_object_get(o, key));
}

const char *words_text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

void words_duration(struct buf *out, double s)
{
	static const struct {
		double below, unit;
		const char *name;
	} units[] = { { 1e-3, 1e-6, "us" }, { 1, 1e-3, "ms" }, { 60, 1, "s" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		double value = s / units[i].unit;

		if (s >= units[i].below)
			continue;
		buf_printf(out, value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[i].name);
		return;
	}
	buf_printf(out, "%.0f min %.0f s", (double)(long)(s / 60), s - 60 * (double)(long)(s / 60));
}

void words_count(struct buf *out, unsigned long long n)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%llu", n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_char(out, ',');
		buf_char(out, digits[i]);
	}
}

void words_bytes(struct buf *out, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned i = 0;

	for (; bytes >= 1024 && i < 4; i++)
		bytes /= 1024;
	buf_printf(out, i && bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

void words_pad(struct buf *out, size_t from, size_t width, bool left)
{
	size_t len = out->len - from, more = len < width ? width - len : 0;

	for (size_t i = 0; i < more; i++)
		buf_char(out, ' ');
	if (left && more && !out->failed) {
		memmove(out->data + from + more, out->data + from, len);
		memset(out->data + from, ' ', more);
	}
}

void words_cut(struct buf *out, size_t from, unsigned width)
{
	size_t to = from, column = 0;

	if (!width || out->failed)
		return;
	for (size_t i = from, len = 1; i < out->len; i += len) {
		unsigned columns = utf8_columns(out->data + i, &len);

		column = out->data[i] == '\n' ? 0 : column + columns;
		if (column > width)
			continue;
		memmove(out->data + to, out->data + i, len);
		to += len;
	}
	out->len = to;
}
