// SPDX-License-Identifier: BSD-3-Clause
#include "expo/json.h"

#include <math.h>

#define DIGITS 12

json_t *json_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static int out_add(const char *data, size_t len, void *out)
{
	buf_add(out, data, len);
	return 0;
}

void json_write(json_t *doc, struct buf *out)
{
	if (!doc ||
	    json_dump_callback(doc, out_add, out, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS)))
		out->failed = true;
	buf_char(out, '\n');
	json_decref(doc);
}
