// SPDX-License-Identifier: BSD-3-Clause
/* State files, with a header that fits and without: refused, or learned from and saved as what they are. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "rule/baseline.h"

#define SECOND 1000000000ULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file with this header and these rows. */
static void state_make(const uint8_t *data, size_t size, struct buf *ret)
{
	struct baselines *empty = baselines_new(1 << 20);
	struct baselines_header *header;

	if (!empty)
		abort();
	baselines_save(empty, ret);
	baselines_free(empty);
	buf_add(ret, data, size);
	if (ret->failed)
		abort();
	header = (struct baselines_header *)ret->data;
	header->len = size;
	header->crc = (uint32_t)crc32_z(0, data, size);
}

/* A row begins with its key. */
static void use(struct baselines *b, const uint8_t *row)
{
	const struct baseline_window w = { { 100, 4096 }, .value = 0.01, .length_ns = SECOND };
	struct baseline_usual usual;
	struct hist hist;
	double seconds;
	u64 key;

	memcpy(&key, row, sizeof(key));
	if (baseline_usual(b, key, &w.load, &usual) &&
	    !(baseline_threshold(&usual, 2) >= usual.value))
		abort();
	baseline_hist(b, key, &w.load, &hist, &seconds);
	for (u64 tick = 1; tick < 20; tick++)
		baseline_learn(b, key, &w, tick % 7 == 0, tick * SECOND);
	baseline_reject(b, key, 30 * SECOND);
}

static void save_again(struct baselines *b)
{
	struct buf first = { 0 }, second = { 0 };

	baselines_save(b, &first);
	if (baselines_load(b, first.data, first.len))
		abort();
	baselines_save(b, &second);
	if (first.len != second.len || memcmp(first.data, second.data, first.len))
		abort();
	buf_release(&first);
	buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct baselines *b = baselines_new(1 << 20);
	struct buf state = { 0 };

	if (!b)
		abort();
	baselines_load(b, data, size);
	state_make(data, size, &state);
	if (!baselines_load(b, state.data, state.len)) {
		save_again(b);
		if (size)
			use(b, data);
		save_again(b);
	} else if (baselines_bytes(b)) {
		abort();
	}
	buf_release(&state);
	baselines_free(b);
	return 0;
}
