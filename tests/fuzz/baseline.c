// SPDX-License-Identifier: BSD-3-Clause
/* State files, with a header that fits and without: refused, or learned from and saved as what they are. */
#include "rule/baseline.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct baselines *b)
{
	const struct baseline_window w = { { 100, 4096 }, .value = 0.01, .length_ns = SECOND };
	struct baseline_usual usual;
	struct buf first = { 0 }, second = { 0 };
	const struct baseline *k;
	struct hist hist;
	double seconds;

	DL_FOREACH(b->oldest, k)
	{
		if (baseline_usual(b, k->key, &w.load, &usual) &&
		    !(baseline_threshold(&usual, 2) >= usual.value))
			abort();
		baseline_hist(b, k->key, &w.load, &hist, &seconds);
	}
	baselines_save(b, &first);
	if (baselines_load(b, first.data, first.len))
		abort();
	baselines_save(b, &second);
	if (first.len != second.len || memcmp(first.data, second.data, first.len))
		abort();
	buf_release(&first);
	buf_release(&second);
	for (u64 tick = 1; b->oldest && tick < 20; tick++)
		baseline_learn(b, b->oldest->key, &w, false, tick * SECOND);
	if (b->oldest)
		baseline_reject(b, b->oldest->key, 30 * SECOND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_header header = { STATE_MAGIC, STATE_VERSION, (u32)crc32_z(0, data, size),
				       size };
	struct baselines *b = baselines_new(1 << 20);
	struct buf state = { 0 };

	if (!b)
		abort();
	baselines_load(b, data, size);
	buf_add(&state, &header, sizeof(header));
	buf_add(&state, data, size);
	if (!baselines_load(b, state.data, state.len))
		use(b);
	else if (b->oldest)
		abort();
	buf_release(&state);
	baselines_free(b);
	return 0;
}
