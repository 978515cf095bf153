// SPDX-License-Identifier: BSD-3-Clause
/* Reading the event log while it is written, rotated, torn and removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/reader.h"
#include "event/tail.h"

static char folder[64], file[96];
static struct event_reader *r;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/seismo-reader.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/events.jsonl", folder);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	event_reader_free(r);
	r = NULL;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void append(unsigned i, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), i ? "%s.%u" : "%s", file, i);
	f = fopen(path, "ae");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void rotate(unsigned keep)
{
	char from[128], to[128];

	for (unsigned i = keep; i > 0; i--) {
		snprintf(from, sizeof(from), i > 1 ? "%s.%u" : "%s", file, i - 1);
		snprintf(to, sizeof(to), "%s.%u", file, i);
		rename(from, to);
	}
}

static void reader_open(void)
{
	r = event_reader_open(file);
	assert_non_null(r);
}

/* The lines that there are, with spaces between them. */
static const char *all(void)
{
	static char text[4096];
	const char *line;
	size_t len, at = 0;
	int err;

	*text = '\0';
	while ((err = event_reader_next(r, &line, &len)) > 0)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", at ? " " : "",
				       (int)len, line);
	assert_int_equal(err, 0);
	return text;
}

static void from_the_oldest_on(void **state)
{
	(void)state;
	append(2, "a\nb\n");
	append(1, "c\n");
	append(0, "d\ne\n");
	reader_open();
	assert_string_equal(all(), "a b c d e");
	assert_string_equal(all(), "");
	assert_int_equal(event_reader_skipped(r), 0);
}

static void what_comes_is_read(void **state)
{
	(void)state;
	append(0, "a\n");
	reader_open();
	assert_string_equal(all(), "a");
	append(0, "b\nc");
	assert_string_equal(all(), "b"); /* the other one has no end yet */
	append(0, "c\n");
	assert_string_equal(all(), "cc");
}

static void across_rotations(void **state)
{
	(void)state;
	append(0, "a\n");
	reader_open();
	assert_string_equal(all(), "a");
	append(0, "b\n");
	rotate(3);
	assert_string_equal(all(), "b"); /* the next file is not there yet */
	append(0, "c\n");
	assert_string_equal(all(), "c");
	append(0, "d\n");
	rotate(3);
	append(0, "e\n");
	rotate(3);
	append(0, "f\n");
	assert_string_equal(all(), "d e f");
	assert_int_equal(event_reader_skipped(r), 0);
}

/* So much has come that the file has gone which was read. */
static void behind_the_last_rotation(void **state)
{
	(void)state;
	append(0, "a\n");
	reader_open();
	assert_string_equal(all(), "a");
	for (char c = 'b'; c < 'f'; c++) {
		rotate(2);
		append(0, (char[]){ c, '\n', '\0' });
	}
	assert_string_equal(all(), "c d e");
}

static void a_torn_line_is_skipped(void **state)
{
	(void)state;
	append(1, "a\nb");
	append(0, "c\n");
	reader_open();
	assert_string_equal(all(), "a c");
	assert_int_equal(event_reader_skipped(r), 1);
}

static void a_file_is_emptied(void **state)
{
	(void)state;
	append(0, "a\nb\n");
	reader_open();
	assert_string_equal(all(), "a b");
	assert_int_equal(truncate(file, 0), 0);
	append(0, "c\n");
	assert_string_equal(all(), "c");
}

static void long_lines(void **state)
{
	const char *line;
	size_t len;

	(void)state;
	append(0, "a\n");
	for (unsigned i = 0; i < 4 * EVENT_LINE_MAX / 1024; i++) {
		char kib[1025];

		memset(kib, 'x', 1024);
		kib[1024] = '\0';
		append(0, kib);
		if (i == EVENT_LINE_MAX / 1024)
			append(0, "\n"); /* one that is long, and one that is too long */
	}
	append(0, "\nb\n");
	reader_open();
	assert_int_equal(event_reader_next(r, &line, &len), 1);
	assert_int_equal(len, 1);
	assert_int_equal(event_reader_next(r, &line, &len), 1);
	assert_int_equal(len, EVENT_LINE_MAX + 1024);
	assert_string_equal(all(), "b");
	assert_int_equal(event_reader_skipped(r), 1);
}

static void there_is_none(void **state)
{
	(void)state;
	assert_null(event_reader_open(file));
	assert_int_equal(errno, ENOENT);
	assert_null(event_reader_open(folder));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(from_the_oldest_on),
	TEST(what_comes_is_read),
	TEST(across_rotations),
	TEST(behind_the_last_rotation),
	TEST(a_torn_line_is_skipped),
	TEST(a_file_is_emptied),
	TEST(long_lines),
	TEST(there_is_none),
};

int main(void)
{
	return cmocka_run_group_tests_name("event_reader", tests, NULL, NULL);
}
