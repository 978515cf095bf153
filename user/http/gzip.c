// SPDX-License-Identifier: BSD-3-Clause
#include "http/gzip.h"

#include <zlib.h>

#define LEVEL \
	1 /* a scrape is paid for in CPU; level 6 takes three times as long for a sixth less */
#define WINDOW_GZIP  (15 + 16) /* the largest window, in a gzip frame */
#define MEMORY_LEVEL 8

bool gzip_compress(struct buf *out, const struct buf *text)
{
	z_stream z = { .next_in = (Bytef *)text->data, .avail_in = (uInt)text->len };
	bool done = false;

	if (text->len != z.avail_in)
		return false;
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY))
		return false;
	if (buf_reserve(out, deflateBound(&z, text->len))) {
		z.next_out = (Bytef *)out->data + out->len;
		z.avail_out = (uInt)(out->cap - out->len);
		done = deflate(&z, Z_FINISH) == Z_STREAM_END;
		if (done)
			out->len += z.total_out;
	}
	deflateEnd(&z);
	return done;
}
