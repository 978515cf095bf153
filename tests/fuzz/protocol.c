// SPDX-License-Identifier: BSD-3-Clause
/*
 * Connections: each step takes bytes that are there, or waits with few of them, or gives up; and the same is found
 * however the bytes are cut, and whatever lies behind them.
 */
#include "../parser.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the input says: the protocol, the sizes of pieces, and bytes in turns. */
struct input {
	u32 protocol;
	u32 seed;
	const uint8_t *turns;
	size_t size;
};

static u32 piece_size(u32 *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return 1 + (*seed >> 24) % (*seed & 0x800000 ? 4 : 40);
}

static void turn_parse(struct parser *p, u32 is_request, const uint8_t *at, size_t len, u32 *seed)
{
	while (len) {
		size_t n = seed ? piece_size(seed) : len;

		n = n < len ? n : len;
		parser_piece(p, is_request, at, n);
		at += n;
		len -= n;
	}
}

/* A turn: a byte with the direction and how many bytes follow; 127: all. */
static void input_parse(struct parser *p, const struct input *in, bool cut)
{
	u32 seed = in->seed;

	memset(p, 0, sizeof(*p));
	p->protocol = in->protocol;
	p->noise = cut ? 0xff : 'R';
	for (size_t at = 0; at < in->size;) {
		u32 is_request = in->turns[at] >> 7;
		size_t len = in->turns[at++] & 127;

		if (len == 127 || len > in->size - at)
			len = in->size - at;
		turn_parse(p, is_request, in->turns + at, len, cut ? &seed : NULL);
		at += len;
	}
}

/* The first bytes, of which those that are not there must not matter. */
static void detect(const uint8_t *data, size_t size)
{
	u32 avail = size < PARSE_WINDOW ? (u32)size : PARSE_WINDOW;
	u8 a[PARSE_WINDOW] = { 0 }, b[PARSE_WINDOW];

	memset(b, 0xff, sizeof(b));
	memcpy(a, data, avail);
	memcpy(b, data, avail);
	for (u32 flags = 0; flags <= DETECT_LATE + DETECT_GREETED; flags++)
		if (protocol_detect(a, avail, (u32)size, flags) !=
		    protocol_detect(b, avail, (u32)size, flags))
			abort();
	if (protocol_detect_greeting(a, avail, (u32)size) !=
	    protocol_detect_greeting(b, avail, (u32)size))
		abort();
	if (http_status(a, avail) != http_status(b, avail))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct parser whole, cut;
	struct input in;

	if (size < 2)
		return 0;
	detect(data, size);
	in = (struct input){ data[0] % PROTOCOL_CNT, data[1], data + 2, size - 2 };
	input_parse(&whole, &in, false);
	input_parse(&cut, &in, true);
	if (!parser_is_equal(&whole, &cut))
		abort();
	return 0;
}
