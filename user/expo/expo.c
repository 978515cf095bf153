// SPDX-License-Identifier: BSD-3-Clause
#include "expo/expo.h"

void expo_sample(struct buf *b, const struct metric *m, const struct buf *labels, s64 value)
{
	buf_str(b, m->name);
	if (labels->len) {
		buf_char(b, '{');
		buf_add(b, labels->data, labels->len);
		buf_char(b, '}');
	}
	buf_char(b, ' ');
	buf_i64(b, value);
	buf_char(b, '\n');
	b->failed |= labels->failed;
}

static void source_write(const struct expo_format *format, const struct expo_source *source,
			 struct buf *b)
{
	struct buf samples = { 0 };

	for (const struct metric *m = source->rows; m->name; m++) {
		buf_reset(&samples);
		source->samples(source->ctx, m, &samples);
		if (!samples.len)
			continue;
		format->metadata(b, m);
		buf_add(b, samples.data, samples.len);
	}
	b->failed |= samples.failed;
	buf_release(&samples);
}

void expo_write(const struct expo_format *format, const struct registry *r,
		const struct expo_source *source, struct buf *b)
{
	for (size_t i = 0; i < r->family_cnt; i++) {
		const struct family *f = r->families[i];

		if (f->series_cnt && !f->metric->hidden)
			format->family(b, f);
	}
	if (source)
		source_write(format, source, b);
	buf_str(b, format->end);
}
