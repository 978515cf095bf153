// SPDX-License-Identifier: BSD-3-Clause
#include "lib/proc_stat.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

/* A process gives itself any name; what follows is found all the same. */
static void any_name(void **state)
{
	static const char *const names[] = {
		"plain", "a) S 1 (b", "two\nlines", ")", "", "\n) R 7"
	};
	char text[PROC_STAT_SIZE], *fields;
	int parent;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(prctl(PR_SET_NAME, names[i]), 0);
		fields = proc_stat_read(getpid(), text);
		assert_non_null(fields);
		assert_int_equal(sscanf(fields, "R %d", &parent), 1);
		assert_int_equal(parent, getppid());
		fields[-2] = '\0';
		assert_string_equal(strchr(text, '(') + 1, names[i]);
	}
}

static void none(void **state)
{
	char text[PROC_STAT_SIZE];

	(void)state;
	assert_null(proc_stat_read(0x7fffffff, text));
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_name),
		cmocka_unit_test(none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
