// SPDX-License-Identifier: BSD-3-Clause
#include "expo/expo.h"

void expo_write(const struct expo_format *format, const struct registry *r, struct buf *b)
{
	for (size_t i = 0; i < r->family_cnt; i++)
		if (r->families[i]->series_cnt)
			format->family(b, r->families[i]);
	buf_str(b, format->end);
}
