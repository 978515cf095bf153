// SPDX-License-Identifier: BSD-3-Clause
#include "lib/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct row {
	const char *text;
	int err;
	u64 value;
};

static void rows_check(int (*parse)(const char *, u64 *), const struct row *row)
{
	for (; row->text; row++) {
		u64 value = 42;
		int err = parse(row->text, &value);

		if (err != row->err || value != (row->err ? 42 : row->value))
			fail_msg("'%s': %d, %lu", row->text, err, (unsigned long)value);
	}
}

static void duration_test(void **state)
{
	static const struct row rows[] = {
		{ "500us", 0, 500000 },
		{ "10ms", 0, 10000000 },
		{ "30s", 0, 30000000000 },
		{ "5m", 0, 300000000000 },
		{ "1h", 0, 3600000000000 },
		{ "0s", 0, 0 },
		{ "5124095h", 0, 18446742000000000000ULL },
		{ "5124096h", -ERANGE, 0 },
		{ "18446744073709551616us", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "5", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "-5s", -EINVAL, 0 },
		{ "+5s", -EINVAL, 0 },
		{ " 5s", -EINVAL, 0 },
		{ "5 s", -EINVAL, 0 },
		{ "5s ", -EINVAL, 0 },
		{ "1h30m", -EINVAL, 0 },
		{ "1.5s", -EINVAL, 0 },
		{ "5S", -EINVAL, 0 },
		{ "5min", -EINVAL, 0 },
		{ 0 },
	};

	(void)state;
	rows_check(parse_duration, rows);
}

static void size_test(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "64KiB", 0, 65536 },
		{ "1MiB", 0, 1048576 },
		{ "2GiB", 0, 2147483648 },
		{ "16777215TiB", 0, 18446742974197923840ULL },
		{ "16777216TiB", -ERANGE, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "MiB", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1MB", -EINVAL, 0 },
		{ "1M", -EINVAL, 0 },
		{ "1mib", -EINVAL, 0 },
		{ "1MiBx", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ 0 },
	};

	(void)state;
	rows_check(parse_size, rows);
}

static void u64_test(void **state)
{
	u64 value = 42;

	(void)state;
	assert_int_equal(parse_u64("0", 1, 10, &value), -ERANGE);
	assert_int_equal(parse_u64("11", 1, 10, &value), -ERANGE);
	assert_int_equal(parse_u64("10x", 1, 10, &value), -EINVAL);
	assert_int_equal(parse_u64("", 0, 10, &value), -EINVAL);
	assert_int_equal(value, 42);
	assert_int_equal(parse_u64("10", 1, 10, &value), 0);
	assert_int_equal(value, 10);
	assert_int_equal(parse_u64("007", 1, 10, &value), 0);
	assert_int_equal(value, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duration_test),
		cmocka_unit_test(size_test),
		cmocka_unit_test(u64_test),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
