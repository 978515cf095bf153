// SPDX-License-Identifier: BSD-3-Clause
#include "http/gzip.h"

#include <zlib.h>

#define LEVEL \
	1 /* a scrape is paid for in CPU; level 6 takes three times as long for a sixth less */
#define WINDOW_GZIP  (15 + 16) /* the largest window, in a gzip frame */
#define MEMORY_LEVEL 8

bool gzip_compress(struct buf *b)
{
	z_stream z = { .next_in = (Bytef *)b->data, .avail_in = (uInt)b->len };
	struct buf out = { 0 };
	bool done = false;

	if (b->len != z.avail_in)
		return false;
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL, Z_DEFAULT_STRATEGY))
		return false;
	if (buf_reserve(&out, deflateBound(&z, b->len))) {
		z.next_out = (Bytef *)out.data;
		z.avail_out = (uInt)out.cap;
		done = deflate(&z, Z_FINISH) == Z_STREAM_END;
		out.len = z.total_out;
	}
	deflateEnd(&z);
	buf_release(done ? b : &out);
	if (done)
		*b = out;
	return done;
}
