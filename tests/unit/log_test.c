// SPDX-License-Identifier: BSD-3-Clause
/* Messages: standard error that nobody reads, forms of the log, how much of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* What is said between begin and end arrives in `text`. */
static int fds[2], stderr_before;

static void begin(enum log_format format)
{
	stderr_before = dup(2);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(dup2(fds[1], 2), 2);
	log_begin(format);
}

static void end(void)
{
	dup2(stderr_before, 2);
	close(stderr_before);
	text_read(fds[0]);
	close(fds[0]);
	close(fds[1]);
}

static unsigned lines(void)
{
	unsigned cnt = 0;

	for (const char *s = text; (s = strchr(s, '\n')); s++)
		cnt++;
	return cnt;
}

static void assert_time(const char *at)
{
	int year, month, day, hour, minute, second, ms, len = 0;

	assert_int_equal(sscanf(at, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour,
				&minute, &second, &ms, &len),
			 7);
	assert_int_equal(len, 24);
	assert_in_range(year, 2020, 2100);
}

static void a_log_has_times(void **state)
{
	(void)state;
	begin(SEISMO_LOG_TEXT);
	log_warn("no %s", "disk");
	end();
	assert_time(text);
	assert_string_equal(text + 24, " seismo: warning: no disk\n");
}

static void a_log_that_is_no_terminal_is_logfmt(void **state)
{
	(void)state;
	begin(SEISMO_LOG_AUTO);
	log_err(-EIO, "say \"%s\"\nor \\", "a=b");
	end();
	assert_memory_equal(text, "time=", 5);
	assert_time(text + 5);
	assert_string_equal(
		text + 29,
		" level=error msg=\"say \\\"a=b\\\"\\u000aor \\\\: Input/output error\"\n");
}

static void a_log_can_be_json(void **state)
{
	json_t *line;

	(void)state;
	begin(SEISMO_LOG_JSON);
	log_info("say \"%s\"\n", "\xff\x1b\xc3\xa4");
	end();
	line = json_loads(text, 0, NULL);
	assert_non_null(line);
	assert_int_equal(json_object_size(line), 3);
	assert_time(json_string_value(json_object_get(line, "time")));
	assert_string_equal(json_string_value(json_object_get(line, "level")), "info");
	assert_string_equal(json_string_value(json_object_get(line, "msg")),
			    "say \"??\xc3\xa4\"\n");
	json_decref(line);
}

static void journal_stream_set(void)
{
	char stream[64];
	struct stat st;

	fstat(2, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

static void the_journal_has_times_and_wants_priorities(void **state)
{
	(void)state;
	begin(SEISMO_LOG_AUTO);
	journal_stream_set();
	log_begin(SEISMO_LOG_AUTO);
	log_err(-EIO, "a");
	log_warn("b");
	log_info("c");
	log_begin(SEISMO_LOG_LOGFMT);
	log_info("d");
	log_begin(SEISMO_LOG_JSON);
	log_info("e");
	end();
	assert_string_equal(text, "<3>a: Input/output error\n<4>b\n<6>c\n<6>level=info msg=\"d\"\n"
				  "<6>{\"level\":\"info\",\"msg\":\"e\"}\n");
	/* of somebody else's: this is a file again */
	begin(SEISMO_LOG_AUTO);
	log_info("f");
	end();
	assert_memory_equal(text, "time=", 5);
	unsetenv("JOURNAL_STREAM");
}

static void a_flood_is_counted_and_not_written(void **state)
{
	(void)state;
	begin(SEISMO_LOG_LOGFMT);
	for (int i = 1; i <= 1000; i++)
		log_warn("flood %d", i);
	log_warn("another kind");
	log_settle();
	log_settle();
	end();
	/* a second may have begun meanwhile, in which one more passes */
	assert_in_range(lines(), 102, 105);
	assert_non_null(strstr(text, "flood 100\"\n"));
	assert_non_null(strstr(text, "another kind"));
	assert_non_null(
		strstr(text,
		       " messages were too many and are left out, the last of them: flood 1000\""));
	begin(SEISMO_LOG_LOGFMT);
	log_level = SEISMO_LOG_DEBUG;
	for (int i = 1; i <= 1000; i++)
		log_debug("flood %d", i);
	log_level = SEISMO_LOG_INFO;
	end();
	assert_int_equal(lines(), 1000);
}

static void levels_leave_out(void **state)
{
	(void)state;
	begin(SEISMO_LOG_LOGFMT);
	log_level = SEISMO_LOG_ERR;
	log_warn("a");
	log_info("b");
	log_printf(SEISMO_LOG_ERR, "c");
	log_level = SEISMO_LOG_INFO;
	log_debug("d");
	end();
	assert_int_equal(lines(), 1);
	assert_non_null(strstr(text, "level=error msg=\"c\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_that_is_full_keeps_nobody_waiting),
		cmocka_unit_test(names_rule_no_terminal),
		/* from here on it is a log */
		cmocka_unit_test(a_log_has_times),
		cmocka_unit_test(a_log_that_is_no_terminal_is_logfmt),
		cmocka_unit_test(a_log_can_be_json),
		cmocka_unit_test(the_journal_has_times_and_wants_priorities),
		cmocka_unit_test(a_flood_is_counted_and_not_written),
		cmocka_unit_test(levels_leave_out),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
