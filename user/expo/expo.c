// SPDX-License-Identifier: BSD-3-Clause
#include "expo/expo.h"

void expo_write(const struct expo_format *format, const struct registry *r, struct buf *b)
{
	for (size_t i = 0; i < r->family_cnt; i++) {
		const struct family *f = r->families[i];

		if (f->series_cnt && !f->metric->hidden)
			format->family(b, f);
	}
	buf_str(b, format->end);
}
