// SPDX-License-Identifier: BSD-3-Clause
#include "attach/values.h"

#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"

json_t *values_seconds(u64 ns)
{
	return json_real((double)ns / 1e9);
}

json_t *values_integer(u64 n)
{
	return json_integer((json_int_t)n);
}

json_t *values_text(const char *bytes)
{
	struct buf b = { 0 };
	json_t *ret;

	utf8_json(&b, bytes);
	ret = json_loads(buf_cstr(&b), JSON_DECODE_ANY, NULL);
	buf_release(&b);
	return ret;
}

json_t *values_text_n(const char *bytes, size_t max)
{
	char *copy = strndup(bytes, max);
	json_t *ret = values_text(copy ?: "");

	free(copy);
	return ret;
}
