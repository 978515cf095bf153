// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store.h"

#define WAIT_NS (10 * 1000 * NS_PER_MS)

static struct loop *loop;
static char folder[64], path[96];

/* What the hooks were told. */
static char *loaded;
static size_t loaded_len;
static int loaded_err, written_err;
static bool written;

static void on_loaded(void *ctx, const char *data, size_t len, int err)
{
	(void)ctx;
	loaded = data ? strndup(data, len) : NULL;
	loaded_len = len;
	loaded_err = err;
	loop_end(loop, 0);
}

static void on_written(void *ctx, int err)
{
	(void)ctx;
	written = true;
	written_err = err;
	loop_end(loop, 0);
}

static const struct store_hooks hooks = { on_loaded, on_written, NULL };

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/store_test.XXXXXX");
	loop = loop_new();
	if (!loop || !mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/new/state", folder);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* Opens it and waits for what the file had. */
static struct store *opened(size_t max)
{
	struct store *s = store_new(loop, path, max, &hooks);

	assert_non_null(s);
	free(loaded);
	loaded = NULL;
	assert_int_equal(loop_run(loop), 0);
	return s;
}

static void put(struct store *s, const char *text)
{
	struct buf b = { 0 };

	buf_str(&b, text);
	store_put(s, &b);
}

static void file_is(const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void the_last_text_is_there_again(void **state)
{
	struct store *s = opened(1000);
	struct stat st;

	(void)state;
	assert_null(loaded);
	assert_int_equal(loaded_err, 0);
	for (int i = 0; i < 100; i++)
		put(s, i % 2 ? "odd" : "even");
	assert_true(store_end(s, WAIT_NS));
	store_free(s);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	s = opened(1000);
	assert_string_equal(loaded, "odd");
	put(s, "");
	store_free(s);
	s = opened(1000);
	assert_non_null(loaded);
	assert_int_equal(loaded_len, 0);
	store_free(s);
}

static void what_is_not_whole_is_not_loaded(void **state)
{
	struct store *s = opened(1000);
	struct buf sealed = { 0 };

	(void)state;
	put(s, "text");
	assert_true(store_end(s, WAIT_NS));
	store_free(s);
	store_seal(&sealed, "text", 4);
	for (size_t len = 0; len < sealed.len; len++) {
		file_is(sealed.data, len);
		s = opened(1000);
		assert_null(loaded);
		assert_int_equal(loaded_err, -EBADMSG);
		store_free(s);
	}
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		file_is(sealed.data, sealed.len);
		sealed.data[i] ^= 1;
		s = opened(1000);
		assert_null(loaded);
		store_free(s);
	}
	file_is(sealed.data, sealed.len);
	s = opened(10);
	assert_null(loaded);
	assert_int_equal(loaded_err, -EINVAL); /* too large */
	store_free(s);
	buf_release(&sealed);
}

static void what_cannot_be_written_is_told_once_and_its_end(void **state)
{
	char in_the_way[128];
	struct store *s = opened(1000);

	(void)state;
	put(s, "a");
	assert_true(store_end(s, WAIT_NS));
	store_free(s);
	snprintf(in_the_way, sizeof(in_the_way), "%s.new", path);
	assert_int_equal(mkdir(in_the_way, 0755), 0);
	s = opened(1000);
	written = false;
	put(s, "b");
	assert_int_equal(loop_run(loop), 0);
	assert_true(written);
	assert_int_equal(written_err, -EEXIST);
	assert_int_equal(rmdir(in_the_way), 0);
	written = false;
	put(s, "c");
	assert_int_equal(loop_run(loop), 0);
	assert_true(written);
	assert_int_equal(written_err, 0);
	store_free(s);
	s = opened(1000);
	assert_string_equal(loaded, "c");
	store_free(s);
	free(loaded);
	loaded = NULL;
}

static void what_cannot_be_written_is_tried_again(void **state)
{
	char in_the_way[128];
	struct store *s = opened(1000);
	uint64_t begin_ns;

	(void)state;
	snprintf(in_the_way, sizeof(in_the_way), "%s/new", folder);
	assert_int_equal(mkdir(in_the_way, 0755), 0);
	snprintf(in_the_way, sizeof(in_the_way), "%s.new", path);
	assert_int_equal(mkdir(in_the_way, 0755), 0);
	put(s, "a");
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(written_err, -EEXIST);
	assert_int_equal(rmdir(in_the_way), 0);
	begin_ns = clock_now_ns();
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(written_err, 0);
	assert_in_range((clock_now_ns() - begin_ns) / NS_PER_MS, 5000, 20000);
	/* and at the end */
	assert_int_equal(mkdir(in_the_way, 0755), 0);
	put(s, "b");
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(written_err, -EEXIST);
	assert_int_equal(rmdir(in_the_way), 0);
	assert_true(store_end(s, WAIT_NS));
	store_free(s);
	s = opened(1000);
	assert_string_equal(loaded, "b");
	store_free(s);
	free(loaded);
	loaded = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_text_is_there_again),
		TEST(what_is_not_whole_is_not_loaded),
		TEST(what_cannot_be_written_is_told_once_and_its_end),
		TEST(what_cannot_be_written_is_tried_again),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
