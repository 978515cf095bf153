// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "metric/sparse.h"

#define BLOCKS 300

/* Numbers of every length, of both signs. */
static s64 any_number(void)
{
	u64 v = (u64)random() << 42 ^ (u64)random() << 21 ^ (u64)random();

	return (s64)v >> (random() % 64);
}

/* Some blocks full, some with holes, most empty, and whole groups of those. */
static void fill(s64 *value)
{
	memset(value, 0, BLOCKS * SPARSE_BLOCK * sizeof(*value));
	for (u32 block = 0; block < BLOCKS; block++) {
		int part = block > 64 && block < 200 ? 0 : (int)(random() % 5);

		for (u32 i = 0; part && i < SPARSE_BLOCK; i++)
			if (random() % 4 < part)
				value[block * SPARSE_BLOCK + i] = any_number();
	}
	value[0] = INT64_MIN;
	value[1] = INT64_MAX;
	value[BLOCKS * SPARSE_BLOCK - 1] = -1;
}

static void write(struct sparse_writer *w, const s64 *value)
{
	sparse_writer_reset(w);
	for (u32 block = 0; block < BLOCKS; block++, value += SPARSE_BLOCK)
		sparse_put(w, block, sparse_mask(value), value);
	assert_false(sparse_writer_failed(w));
}

static void what_is_written_is_read(void **state)
{
	static s64 value[BLOCKS * SPARSE_BLOCK];
	struct sparse_writer w = { 0 };

	(void)state;
	srandom(1);
	for (int round = 0; round < 20; round++) {
		struct sparse v;
		void *memory;

		fill(value);
		write(&w, value);
		memory = malloc(sparse_size(&w));
		sparse_store(&w, memory, &v);
		for (u32 i = 0; i < BLOCKS * SPARSE_BLOCK; i++)
			assert_int_equal(sparse_get(&v, i), value[i]);
		for (u32 block = 0; block < BLOCKS; block++) {
			s64 twice[SPARSE_BLOCK] = { 0 };
			u64 mask = sparse_mask(&value[block * SPARSE_BLOCK]);

			assert_int_equal(sparse_block_add(&v, block, twice), mask);
			assert_int_equal(sparse_block_add(&v, block, twice), mask);
			for (u32 i = 0; i < SPARSE_BLOCK; i++)
				assert_int_equal(twice[i],
						 2 * (u64)value[block * SPARSE_BLOCK + i]);
		}
		assert_int_equal(sparse_get(&v, BLOCKS * SPARSE_BLOCK + 5), 0);
		free(memory);
	}
	sparse_writer_release(&w);
}

static void nothing_takes_no_room(void **state)
{
	s64 value[SPARSE_BLOCK] = { 0 };
	struct sparse_writer w = { 0 };
	u64 memory[8];
	struct sparse v;

	(void)state;
	sparse_put(&w, 7, sparse_mask(value), value);
	assert_true(sparse_size(&w) <= sizeof(memory));
	sparse_store(&w, memory, &v);
	assert_int_equal(v.group_cnt, 0);
	assert_int_equal(sparse_get(&v, 7 * SPARSE_BLOCK), 0);
	sparse_writer_release(&w);
}

/* Small numbers, as most are, take a byte each and a bit each. */
static void small_numbers_are_small(void **state)
{
	s64 value[SPARSE_BLOCK];
	struct sparse_writer w = { 0 };

	(void)state;
	for (u32 i = 0; i < SPARSE_BLOCK; i++)
		value[i] = (s64)i - 32;
	for (u32 block = 0; block < 64; block++)
		sparse_put(&w, block, ~0ULL, value);
	assert_true(sparse_size(&w) < 64 * (64 + 16 + 12) + 64);
	sparse_writer_release(&w);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_written_is_read),
	cmocka_unit_test(nothing_takes_no_room),
	cmocka_unit_test(small_numbers_are_small),
};

int main(void)
{
	return cmocka_run_group_tests_name("sparse", tests, NULL, NULL);
}
