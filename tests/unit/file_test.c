// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"

static char dir[] = "/tmp/seismo-file.XXXXXX";
static char path[64];

static int setup(void **state)
{
	FILE *f;

	(void)state;
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/file", dir);
	f = fopen(path, "w");
	return !f || fputs("text", f) < 0 || fclose(f);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path) || rmdir(dir);
}

static void a_file_is_opened_and_read(void **state)
{
	int fd = regular_open(path, 4);
	char text[8];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	close(fd);
}

static void a_file_that_is_too_large_is_not(void **state)
{
	(void)state;
	assert_int_equal(regular_open(path, 3), -EINVAL);
}

static void what_is_no_file_is_not(void **state)
{
	char name[80];

	(void)state;
	assert_int_equal(regular_open(dir, 100), -EINVAL);
	assert_int_equal(regular_open("/dev/zero", 100), -EINVAL);
	assert_int_equal(regular_open("/nonexistent/file", 100), -ENOENT);
	snprintf(name, sizeof(name), "%s/link", dir);
	assert_int_equal(symlink("/dev/zero", name), 0);
	assert_int_equal(regular_open(name, 100), -EINVAL);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(mkfifo(name, 0600), 0);
	assert_int_equal(regular_open(name, 100), -EINVAL);
	assert_int_equal(unlink(name), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_opened_and_read),
		cmocka_unit_test(a_file_that_is_too_large_is_not),
		cmocka_unit_test(what_is_no_file_is_not),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
