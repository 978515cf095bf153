// SPDX-License-Identifier: BSD-3-Clause
/* The thread that writes the event log, on files of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/tail.h"
#include "event/writer.h"
#include "lib/buf.h"
#include "lib/loop.h"

#define SECOND (1000 * NS_PER_MS)

static char folder[64], file[96];

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/seismo-writer.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/log/events.jsonl", folder);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static struct writer *writer_start(u64 max_size, u64 keep)
{
	struct writer *w = writer_new(
		&(struct writer_options){ .file = file, .max_size = max_size, .keep = keep });

	assert_non_null(w);
	return w;
}

static void writer_stop(struct writer *w)
{
	assert_true(writer_end(w, 60 * SECOND));
	writer_free(w);
}

static bool put(struct writer *w, const char *text)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "\"kind\":\"%s\"}\n", text);

	return writer_put(w, line, (size_t)len, false);
}

/* A run of the daemon that writes these lines. */
static void run(const char *const texts[], u64 max_size, u64 keep)
{
	struct writer *w = writer_start(max_size, keep);

	for (; *texts; texts++)
		assert_true(put(w, *texts));
	writer_stop(w);
}

static char *file_read(const char *path)
{
	static char text[2 << 20];
	FILE *f = fopen(path, "re");
	size_t len = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[len] = '\0';
	return text;
}

static void file_write(const char *text)
{
	char log[96];
	FILE *f;

	snprintf(log, sizeof(log), "%s/log", folder);
	mkdir(log, 0750);
	f = fopen(file, "we");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) < 0, 0);
	fclose(f);
}

/* The lines with these numbers are there, each once, over all files. Returns how many. */
static unsigned lines_count(unsigned keep)
{
	u64 next = 0;
	unsigned cnt = 0;

	for (unsigned i = keep + 1; i-- > 0;) {
		char path[128], *line, *save = NULL;

		snprintf(path, sizeof(path), i ? "%s.%u" : "%s", file, i);
		for (line = strtok_r(file_read(path), "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			unsigned long long seq = 0;

			assert_int_equal(sscanf(line, "{\"seq\":%llu,", &seq), 1);
			assert_int_equal(line[strlen(line) - 1], '}');
			if (next)
				assert_int_equal(seq, next);
			next = seq + 1;
			cnt++;
		}
	}
	return cnt;
}

static void lines_are_numbered(void **state)
{
	struct stat st;

	(void)state;
	run((const char *[]){ "a", "b", "stop", NULL }, 1 << 20, 1);
	assert_string_equal(file_read(file), "{\"seq\":1,\"kind\":\"a\"}\n"
					     "{\"seq\":2,\"kind\":\"b\"}\n"
					     "{\"seq\":3,\"kind\":\"stop\"}\n");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

static void numbers_go_on(void **state)
{
	(void)state;
	run((const char *[]){ "a", "stop", NULL }, 1 << 20, 1);
	run((const char *[]){ "b", "stop", NULL }, 1 << 20, 1);
	assert_int_equal(lines_count(0), 4);
	assert_null(strstr(file_read(file), "lost"));
}

/* Killed: the last line is none that says that it ended. */
static void a_kill_is_told(void **state)
{
	(void)state;
	file_write("{\"seq\":7,\"time\":\"2026-01-02T03:04:05.000000006Z\",\"kind\":\"a\"}\n");
	run((const char *[]){ "b", NULL }, 1 << 20, 1);
	assert_int_equal(lines_count(0), 3);
	assert_non_null(strstr(file_read(file),
			       "\"where\":\"restart\",\"since\":\"2026-01-02T03:04:"
			       "05.000000006Z\"}\n{\"seq\":9,\"kind\":\"b\"}\n"));
}

/* ... and within a line, which stays as it is, since somebody may have read it. */
static void a_torn_line_is_ended(void **state)
{
	(void)state;
	file_write("{\"seq\":7,\"kind\":\"a\"}\n{\"seq\":8,\"ki");
	run((const char *[]){ "b", NULL }, 1 << 20, 1);
	assert_memory_equal(file_read(file),
			    "{\"seq\":7,\"kind\":\"a\"}\n{\"seq\":8,\"ki\n{\"seq\":9,", 43);
	assert_non_null(strstr(file_read(file), "\"where\":\"torn\",\"count\":1}\n"));
	assert_non_null(strstr(file_read(file), "{\"seq\":11,\"kind\":\"b\"}\n"));
}

static void a_tail_of_any_bytes(void **state)
{
	static const struct {
		const char *text;
		u64 seq;
		bool stopped, torn;
	} rows[] = {
		{ "", 0, false, false },
		{ "\n", 0, false, false },
		{ "{\"seq\":", 0, false, true },
		{ "{\"seq\":12", 0, false, true }, /* of how many digits? */
		{ "{\"seq\":12,", 12, false, true },
		{ "{\"seq\":99999999999999999999999,\n", 0, false, false },
		{ "nonsense\n{\"seq\":5,\"kind\":\"stop\"}\n", 5, true, false },
		{ "{\"seq\":5,\"kind\":\"stop\"}\n{", 5, false, true },
		{ "{\"seq\":5,\"kind\":\"stop\"}\n{\"seq\":6,\"kind\":\"suppressed\"}\n", 6, true,
		  false },
		{ "{\"seq\":5,\"kind\":\"stop\"}\n{\"seq\":6,\"kind\":\"lost\"}\n", 6, true,
		  false },
		{ "{\"seq\":5,\"kind\":\"stop\"}\n{\"seq\":6,\"kind\":\"start\"}\n", 6, false,
		  false },
		{ "{\"seq\":5,\"kind\":\"lost\"}\n", 5, false, false },
		{ "{\"seq\":9,}\n{\"seq\":5,}\n", 9, false, false },
		{ "{\"seq\":5,\"time\":\"<b>\"}\n", 5, false, false },
		{ "{\"seq\":5,\"time\":\n", 5, false, false },
	};
	struct tail tail;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tail_parse(rows[i].text, strlen(rows[i].text), true, &tail);
		assert_int_equal(tail.seq, rows[i].seq);
		assert_int_equal(tail.found, rows[i].seq != 0);
		assert_int_equal(tail.stopped, rows[i].stopped);
		assert_int_equal(tail.torn, rows[i].torn);
		assert_string_equal(tail.time, "");
	}
}

static void rotation_loses_no_line(void **state)
{
	enum { LINES = 20000 };
	struct writer *w = writer_start(100000, 20);
	char path[128];
	struct stat st;

	(void)state;
	for (int i = 0; i < LINES; i++) {
		assert_true(put(w, "0123456789012345678901234567890123456789"));
		if (i % 100 == 0)
			writer_wake(w);
	}
	writer_stop(w);
	assert_int_equal(lines_count(20), LINES);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), i ? "%s.%u" : "%s", file, i);
		assert_int_equal(stat(path, &st), 0);
		assert_in_range(st.st_size, 1, 100000);
	}
}

static void old_files_go(void **state)
{
	char path[128];

	(void)state;
	for (int i = 0; i < 10; i++)
		run((const char *[]){ "a", "b", "c", "d", "stop", NULL }, 80, 3);
	snprintf(path, sizeof(path), "%s.3", file);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s.4", file);
	assert_int_not_equal(access(path, F_OK), 0);
	run((const char *[]){ "a", "b", "c", "d", "stop", NULL }, 80, 1);
	snprintf(path, sizeof(path), "%s.2", file);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* A file that was just begun says nothing of the numbers. */
static void numbers_go_on_after_a_rotation(void **state)
{
	char path[128];

	(void)state;
	run((const char *[]){ "a", "stop", NULL }, 1 << 20, 3);
	snprintf(path, sizeof(path), "%s.1", file);
	assert_int_equal(rename(file, path), 0);
	run((const char *[]){ "b", NULL }, 1 << 20, 3);
	assert_int_equal(lines_count(1), 3);
}

/* Somebody else has moved the file, as logrotate does. */
static void a_file_that_is_moved_is_begun_anew(void **state)
{
	struct writer *w = writer_start(1 << 20, 3);
	struct writer_state s = { 0 };
	char path[128];

	(void)state;
	put(w, "a");
	writer_wake(w);
	while (!s.written)
		writer_state(w, &s);
	snprintf(path, sizeof(path), "%s.1", file);
	assert_int_equal(rename(file, path), 0);
	put(w, "b");
	writer_stop(w);
	assert_string_equal(file_read(path), "{\"seq\":1,\"kind\":\"a\"}\n");
	assert_string_equal(file_read(file), "{\"seq\":2,\"kind\":\"b\"}\n");
}

/* Waits for that state of the writer. */
static void state_wait(struct writer *w, int err)
{
	struct writer_state s;
	u64 until_ns = clock_now_ns() + 60 * SECOND;

	do {
		writer_wake(w);
		usleep(1000);
		writer_state(w, &s);
	} while (s.err != err && clock_now_ns() < until_ns);
	assert_int_equal(s.err, err);
}

/* A limit for the size of files stands for a disk that is full: the last write is cut off. */
static void what_fails_is_tried_again(void **state)
{
	struct rlimit limit, before;
	struct writer *w = writer_start(1 << 20, 20);
	unsigned cnt = 0, refused = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 1000;
	setrlimit(RLIMIT_FSIZE, &limit);
	while (!refused || cnt < 100) {
		if (put(w, "0123456789"))
			cnt++;
		else
			refused++;
	}
	state_wait(w, -EFBIG);
	assert_int_equal(strlen(file_read(file)), 1000);
	setrlimit(RLIMIT_FSIZE, &before);
	state_wait(w, 0);
	writer_stop(w);
	print_message("%u lines waited\n", cnt);
	assert_in_range(cnt, WRITER_QUEUE_MAX / 100, WRITER_QUEUE_MAX);
	assert_int_equal(lines_count(20), cnt);
}

static void another_writer_is_told(void **state)
{
	struct writer *w = writer_start(1 << 20, 3), *other;

	(void)state;
	put(w, "a");
	state_wait(w, 0);
	while (!strlen(file_read(file)))
		;
	other = writer_start(1 << 20, 3);
	put(other, "b");
	state_wait(other, -EBUSY);
	writer_stop(w);
	state_wait(other, 0);
	writer_stop(other);
	assert_non_null(strstr(file_read(file), "{\"seq\":3,\"kind\":\"b\"}\n"));
}

static void not_a_file(void **state)
{
	struct writer *w;

	(void)state;
	snprintf(file, sizeof(file), "%s/pipe", folder);
	assert_int_equal(mkfifo(file, 0600), 0);
	w = writer_start(1 << 20, 3);
	put(w, "a");
	state_wait(w, -EINVAL);
	assert_true(writer_end(w, 60 * SECOND));
	writer_free(w);
}

static void another_file_by_reload(void **state)
{
	char path[128], first[96];
	struct writer *w = writer_start(1 << 20, 3);

	(void)state;
	put(w, "a");
	state_wait(w, 0);
	while (!strlen(file_read(file)))
		;
	snprintf(first, sizeof(first), "%s", file);
	snprintf(path, sizeof(path), "%s/other", folder);
	assert_int_equal(writer_configure(w, &(struct writer_options){ .file = path,
								       .max_size = 1 << 20,
								       .keep = 1 }),
			 0);
	put(w, "b");
	writer_stop(w);
	assert_string_equal(file_read(first), "{\"seq\":1,\"kind\":\"a\"}\n");
	assert_string_equal(file_read(path), "{\"seq\":2,\"kind\":\"b\"}\n");
}

static void recent_take(void *ctx, const char *line, size_t len)
{
	buf_add(ctx, line, len);
}

static void the_last_lines_are_kept(void **state)
{
	struct writer *w = writer_start(1 << 20, 3);
	struct buf lines = { 0 };

	(void)state;
	for (int i = 0; i < 50000; i++)
		while (!put(w, "0123456789012345678901234567890123456789"))
			writer_wake(w);
	assert_true(writer_end(w, 60 * SECOND));
	writer_recent(w, recent_take, &lines);
	assert_in_range(lines.len, 256 << 10, 1 << 20);
	assert_non_null(strstr(buf_cstr(&lines), "{\"seq\":50000,"));
	buf_release(&lines);
	writer_free(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	TEST(lines_are_numbered),
	TEST(numbers_go_on),
	TEST(a_kill_is_told),
	TEST(a_torn_line_is_ended),
	TEST(a_tail_of_any_bytes),
	TEST(rotation_loses_no_line),
	TEST(old_files_go),
	TEST(numbers_go_on_after_a_rotation),
	TEST(a_file_that_is_moved_is_begun_anew),
	TEST(what_fails_is_tried_again),
	TEST(another_writer_is_told),
	TEST(not_a_file),
	TEST(another_file_by_reload),
	TEST(the_last_lines_are_kept),
};

int main(void)
{
	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
