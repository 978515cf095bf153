// SPDX-License-Identifier: BSD-3-Clause
/* Work beside the loop: its result, what it sees, how it ends, and that the loop goes on. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/aside.h"

#define BIG_BYTES (3u << 20)
#define LIMIT_NS  (60 * 1000 * NS_PER_MS)

static struct loop *loop;
static struct aside *aside;
static struct buf result;
static bool is_done, is_good;
static uint64_t cpu_ns, limit_ns, begun_ns;
static int value, turns;

/* The memory of the loop, as long as there is some. */
static size_t room = SIZE_MAX;

void *__real_realloc(void *at, size_t bytes);
void *__wrap_realloc(void *at, size_t bytes);
void *__wrap_realloc(void *at, size_t bytes)
{
	return bytes > room ? NULL : __real_realloc(at, bytes);
}

static int setup(void **state)
{
	(void)state;
	loop = loop_new();
	is_done = is_good = false;
	turns = 0;
	limit_ns = LIMIT_NS;
	room = SIZE_MAX;
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&result);
	loop_free(loop);
	return 0;
}

static void done(void *ctx, struct buf *out, uint64_t cpu)
{
	(void)ctx;
	is_done = true;
	is_good = out;
	cpu_ns = cpu;
	if (out)
		result = *out;
	loop_end(loop, 0);
}

static void begin(void (*work)(void *ctx, struct buf *out))
{
	const struct aside_work w = { work, done, NULL, limit_ns };

	begun_ns = clock_now_ns();
	aside = aside_start(loop, &w);
	assert_non_null(aside);
}

static void finish(void)
{
	assert_int_equal(loop_run(loop), 0);
	assert_true(is_done);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static uint64_t own_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 * NS_PER_MS + (uint64_t)t.tv_nsec;
}

static void compute(void *ctx, struct buf *out)
{
	(void)ctx;
	while (own_cpu_ns() < 100 * NS_PER_MS)
		;
	buf_printf(out, "%d", value);
}

static void turn(void *ctx, uint64_t now_ns)
{
	(void)ctx, (void)now_ns;
	turns++;
	value = 2;
}

static void the_loop_goes_on(void **state)
{
	struct timer *t = loop_timer(loop, turn, NULL);

	(void)state;
	value = 1;
	timer_set_every(t, NS_PER_MS);
	begin(compute);
	finish();
	assert_true(is_good);
	assert_string_equal(buf_cstr(&result), "1"); /* as it was at the start */
	assert_int_equal(value, 2);
	assert_true(turns > 5);
	assert_true(cpu_ns >= 100 * NS_PER_MS);
	timer_remove(t);
}

static void write_much(void *ctx, struct buf *out)
{
	(void)ctx;
	for (unsigned i = 0; i < BIG_BYTES / 4; i++)
		buf_add(out, &i, 4);
}

static void a_big_result_is_whole(void **state)
{
	(void)state;
	begin(write_much);
	finish();
	assert_true(is_good);
	assert_int_equal(result.len, BIG_BYTES);
	for (unsigned i = 0; i < BIG_BYTES / 4; i++)
		assert_memory_equal(result.data + (size_t)4 * i, &i, 4);
}

static void list_descriptors(void *ctx, struct buf *out)
{
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *e;
	char target[256];
	ssize_t len;

	(void)ctx;
	while (d && (e = readdir(d))) {
		len = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
		if (len < 0 || atoi(e->d_name) <= STDERR_FILENO || atoi(e->d_name) == dirfd(d))
			continue;
		target[len] = '\0';
		buf_printf(out, "%.*s ", (int)strcspn(target, ":"), target);
	}
}

static void it_has_no_descriptors(void **state)
{
	int low = dup(STDERR_FILENO), high = dup2(low, 200);

	(void)state;
	assert_int_equal(high, 200);
	begin(list_descriptors);
	finish();
	close(low);
	close(high);
	assert_string_equal(buf_cstr(&result), "pipe ");
}

static void write_and_crash(void *ctx, struct buf *out)
{
	(void)ctx;
	buf_str(out, "half");
	raise(SIGKILL);
}

static void a_crash_is_no_result(void **state)
{
	(void)state;
	begin(write_and_crash);
	finish();
	assert_false(is_good);
}

static void have_no_memory(void *ctx, struct buf *out)
{
	(void)ctx;
	out->failed = true;
}

static void no_memory_is_no_result(void **state)
{
	(void)state;
	begin(have_no_memory);
	finish();
	assert_false(is_good);
}

/* The loop has none: the child, which has, waits until it is read from. */
static void no_memory_in_the_loop_is_no_result(void **state)
{
	(void)state;
	begin(write_much);
	room = BIG_BYTES / 2;
	finish();
	assert_false(is_good);
	assert_true(clock_now_ns() - begun_ns < limit_ns);
}

static void sleep_long(void *ctx, struct buf *out)
{
	(void)ctx, (void)out;
	sleep(60);
}

static void what_does_not_end_is_killed(void **state)
{
	(void)state;
	limit_ns = 20 * NS_PER_MS;
	begin(sleep_long);
	finish();
	assert_false(is_good);
}

static void cancelled_it_is_gone(void **state)
{
	(void)state;
	begin(sleep_long);
	aside_cancel(aside);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_false(is_done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_loop_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_big_result_is_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(it_has_no_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(a_crash_is_no_result, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory_is_no_result, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory_in_the_loop_is_no_result, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_does_not_end_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled_it_is_gone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
