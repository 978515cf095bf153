// SPDX-License-Identifier: BSD-3-Clause
/* Standard error that nobody reads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

static char text[1 << 20];

static ssize_t text_read(int fd)
{
	ssize_t n, len = 0;

	while ((n = read(fd, text + len, sizeof(text) - 1 - (size_t)len)) > 0)
		len += n;
	text[len] = '\0';
	return len;
}

static void a_pipe_that_is_full_keeps_nobody_waiting(void **state)
{
	int fds[2], before = dup(2);
	static char much[100000];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(dup2(fds[1], 2), 2);
	log_drops = true;
	memset(much, 'x', sizeof(much) - 1);
	log_warn("a line");
	for (int i = 0; i < 100; i++)
		log_warn("%s", much);
	dup2(before, 2);
	assert_in_range(text_read(fds[0]), 4096, sizeof(much));
	assert_memory_equal(text, "seismo: warning: a line\n", 24);
	dup2(fds[1], 2);
	log_err(-ENOENT, "%d", 1);
	dup2(before, 2);
	text_read(fds[0]);
	assert_string_equal(text, "seismo: error: 1: No such file or directory\n");
	close(fds[0]);
	close(fds[1]);
	close(before);
}

static void names_rule_no_terminal(void **state)
{
	int fds[2], before = dup(2);

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(dup2(fds[1], 2), 2);
	log_warn("%s is not there", "\033[2J\xc2\x9b"
				    "1m\n\xc3\xa4");
	dup2(before, 2);
	text_read(fds[0]);
	assert_string_equal(text, "seismo: warning: ?[2J??1m\n\xc3\xa4 is not there\n");
	close(fds[0]);
	close(fds[1]);
	close(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_that_is_full_keeps_nobody_waiting),
		cmocka_unit_test(names_rule_no_terminal),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
