// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

static void bytes_are_appended(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_string_equal(buf_cstr(&b), "");
	buf_str(&b, "one");
	buf_char(&b, ' ');
	buf_add(&b, "two\0three", 9);
	buf_add(&b, NULL, 0);
	assert_int_equal(b.len, 13);
	assert_memory_equal(b.data, "one two\0three", 13);
	buf_reset(&b);
	assert_string_equal(buf_cstr(&b), "");
	assert_int_equal(b.len, 0);
	buf_release(&b);
	assert_null(b.data);
}

static void it_grows(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_char(&b, (char)('a' + i % 26));
	assert_int_equal(b.len, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	assert_false(b.failed);
	buf_release(&b);
}

static void expect(struct buf *b, const char *s)
{
	assert_string_equal(buf_cstr(b), s);
	buf_reset(b);
}

static void integers_are_written(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_u64(&b, 0);
	expect(&b, "0");
	buf_u64(&b, UINT64_MAX);
	expect(&b, "18446744073709551615");
	buf_i64(&b, -1);
	expect(&b, "-1");
	buf_i64(&b, INT64_MIN);
	expect(&b, "-9223372036854775808");
	buf_i64(&b, INT64_MAX);
	expect(&b, "9223372036854775807");
	buf_release(&b);
}

static void seconds_are_exact(void **state)
{
	static const struct {
		uint64_t ns;
		const char *seconds;
	} c[] = {
		{ 0, "0" },
		{ 1, "0.000000001" },
		{ 100, "0.0000001" },
		{ 1500000000, "1.5" },
		{ 2000000000, "2" },
		{ 10000000000, "10" },
		{ 999999999, "0.999999999" },
		{ UINT64_MAX, "18446744073.709551615" },
	};
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		buf_seconds(&b, c[i].ns);
		expect(&b, c[i].seconds);
	}
	buf_release(&b);
}

static void printf_fits_itself(void **state)
{
	struct buf b = { 0 };
	char zeros[1001];

	(void)state;
	memset(zeros, '0', 1000);
	zeros[1000] = '\0';
	buf_printf(&b, "%s=%d", "x", 1);
	expect(&b, "x=1");
	buf_printf(&b, "%01000d", 0);
	expect(&b, zeros);
	buf_release(&b);
}

/* Sanitizer builds are to fail an allocation as the C library does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* More than the address space holds. */
static void failure_sticks_and_drops(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_str(&b, "kept");
	assert_false(buf_reserve(&b, (size_t)1 << 60));
	assert_true(b.failed);
	buf_str(&b, "dropped");
	buf_printf(&b, "dropped");
	assert_int_equal(b.len, 4);
	assert_string_equal(buf_cstr(&b), "");
	buf_reset(&b);
	buf_str(&b, "again");
	expect(&b, "again");
	buf_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(bytes_are_appended),	cmocka_unit_test(it_grows),
	cmocka_unit_test(integers_are_written), cmocka_unit_test(seconds_are_exact),
	cmocka_unit_test(printf_fits_itself),	cmocka_unit_test(failure_sticks_and_drops),
};

int main(void)
{
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
