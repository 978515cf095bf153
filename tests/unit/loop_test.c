// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/loop.h"

static struct loop *loop;

static int setup(void **state)
{
	(void)state;
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void end_expired(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	loop_end(ctx, 7);
}

/* Runs the loop for so long; 0: for one turn, in which what is ready is called. */
static void run_for(uint64_t ns)
{
	struct timer *t = loop_timer(loop, end_expired, loop);

	timer_set(t, clock_now_ns() + ns);
	assert_int_equal(loop_run(loop), 7);
	timer_remove(t);
}

/* --- descriptors */

struct end {
	int fd, other;
	struct watch *watch;
	unsigned calls, events;
	struct end *removes; /* its watch, when this one is called */
};

static void end_open(struct end *e, unsigned events, void (*ready)(void *ctx, unsigned events))
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	*e = (struct end){ .fd = fd[0], .other = fd[1] };
	e->watch = loop_watch(loop, e->fd, events, ready, e);
	assert_non_null(e->watch);
}

static void end_close(struct end *e)
{
	watch_remove(e->watch);
	close(e->fd);
	close(e->other);
}

static void tell(const struct end *e)
{
	assert_int_equal(write(e->other, "x", 1), 1);
}

static void end_ready(void *ctx, unsigned events)
{
	struct end *e = ctx;
	char bytes[16];

	e->calls++;
	e->events = events;
	while (read(e->fd, bytes, sizeof(bytes)) > 0)
		;
	if (e->removes) {
		watch_remove(e->removes->watch);
		e->removes->watch = NULL;
	}
}

static void hundreds_of_descriptors_are_watched(void **state)
{
	enum { ENDS = 300 };
	static struct end ends[ENDS];

	(void)state;
	for (int i = 0; i < ENDS; i++) {
		end_open(&ends[i], LOOP_READ, end_ready);
		if (i % 2)
			tell(&ends[i]);
	}
	for (int turn = 0; turn < 10; turn++)
		run_for(0);
	for (int i = 0; i < ENDS; i++) {
		assert_int_equal(ends[i].calls, i % 2);
		end_close(&ends[i]);
	}
}

static void readiness_to_write_is_told_when_asked_for(void **state)
{
	struct end e;

	(void)state;
	end_open(&e, LOOP_READ, end_ready);
	run_for(0);
	assert_int_equal(e.calls, 0);
	assert_int_equal(watch_set(e.watch, LOOP_READ | LOOP_WRITE), 0);
	run_for(0);
	assert_int_equal(e.calls, 1);
	assert_int_equal(e.events, LOOP_WRITE);
	tell(&e);
	run_for(0);
	assert_int_equal(e.events, LOOP_READ | LOOP_WRITE);
	end_close(&e);
}

static void a_watch_for_nothing_is_silent_even_at_the_end(void **state)
{
	struct end e;

	(void)state;
	end_open(&e, LOOP_READ, end_ready);
	assert_int_equal(watch_set(e.watch, 0), 0);
	assert_int_equal(watch_set(e.watch, 0), 0);
	tell(&e);
	shutdown(e.other, SHUT_RDWR);
	run_for(0);
	assert_int_equal(e.calls, 0);
	assert_int_equal(watch_set(e.watch, LOOP_READ), 0);
	run_for(0);
	assert_int_equal(e.calls, 1);
	assert_int_equal(watch_set(e.watch, 0), 0);
	end_close(&e);
}

/* Both are ready in the same turn, and whichever is called first removes the other one. */
static void who_was_removed_is_not_called_any_more(void **state)
{
	struct end a, b;

	(void)state;
	end_open(&a, LOOP_READ, end_ready);
	end_open(&b, LOOP_READ, end_ready);
	a.removes = &b;
	b.removes = &a;
	tell(&a);
	tell(&b);
	run_for(0);
	run_for(0);
	assert_int_equal(a.calls + b.calls, 1);
	end_close(&a);
	end_close(&b);
}

static void end_replace(void *ctx, unsigned events)
{
	struct end *e = ctx;
	int fd = e->removes->fd;

	(void)events;
	e->calls++;
	watch_remove(e->watch);
	e->watch = NULL;
	if (!e->removes->watch)
		return;
	watch_remove(e->removes->watch);
	e->removes->watch = NULL;
	/* another file under the same number, in which there is nothing to read */
	assert_int_equal(dup2(e->removes->other, fd), fd);
	e->removes->watch = loop_watch(loop, fd, LOOP_READ, end_ready, e->removes);
	assert_non_null(e->removes->watch);
}

static void an_event_of_before_is_not_for_who_comes_after(void **state)
{
	struct end a, b;

	(void)state;
	end_open(&a, LOOP_READ, end_replace);
	end_open(&b, LOOP_READ, end_replace);
	a.removes = &b;
	b.removes = &a;
	tell(&a);
	tell(&b);
	run_for(0);
	assert_int_equal(a.calls + b.calls, 1);
	end_close(&a);
	end_close(&b);
}

static void what_cannot_be_watched_is_told(void **state)
{
	int file = open("/proc/self/exe", O_RDONLY);

	(void)state;
	assert_null(loop_watch(loop, -1, LOOP_READ, end_ready, NULL));
	assert_null(loop_watch(loop, file, LOOP_READ, end_ready, NULL));
	close(file);
	watch_remove(NULL);
	timer_remove(NULL);
	loop_free(NULL);
}

/* --- timers */

struct beat {
	struct timer *timer;
	unsigned calls, last; /* it removes itself at the last call */
	uint64_t now_ns;
	uint64_t busy_ns;
};

static void beat_expired(void *ctx, uint64_t now_ns)
{
	struct beat *b = ctx;
	uint64_t end_ns = clock_now_ns() + b->busy_ns;

	b->calls++;
	b->now_ns = now_ns;
	while (clock_now_ns() < end_ns)
		;
	if (b->calls == b->last) {
		timer_remove(b->timer);
		b->timer = NULL;
	}
}

static void each_timer_has_its_period(void **state)
{
	struct beat quick = { 0 }, slow = { 0 }, removed = { .last = 2 }, never = { 0 };
	uint64_t start_ns = clock_now_ns(), elapsed_ms;

	(void)state;
	quick.timer = loop_timer(loop, beat_expired, &quick);
	slow.timer = loop_timer(loop, beat_expired, &slow);
	removed.timer = loop_timer(loop, beat_expired, &removed);
	never.timer = loop_timer(loop, beat_expired, &never);
	timer_set_every(quick.timer, 10 * NS_PER_MS);
	timer_set_every(slow.timer, 100 * NS_PER_MS);
	timer_set_every(removed.timer, 10 * NS_PER_MS);
	timer_set_every(never.timer, 10 * NS_PER_MS);
	timer_stop(never.timer);
	for (int i = 0; i < 100 && (quick.calls < 5 || slow.calls < 2); i++)
		run_for(350 * NS_PER_MS);
	elapsed_ms = (clock_now_ns() - start_ns) / NS_PER_MS;
	/* a busy machine may miss some, but none comes early */
	assert_in_range(quick.calls, 5, elapsed_ms / 10);
	assert_in_range(slow.calls, 2, elapsed_ms / 100);
	assert_true(slow.now_ns >= start_ns + 100 * NS_PER_MS);
	assert_int_equal(removed.calls, 2);
	assert_int_equal(never.calls, 0);
	timer_remove(quick.timer);
	timer_remove(slow.timer);
}

static void a_timer_that_is_set_once_is_called_once(void **state)
{
	struct beat b = { 0 };
	uint64_t due_ns = clock_now_ns() + 20 * NS_PER_MS;

	(void)state;
	b.timer = loop_timer(loop, beat_expired, &b);
	timer_set(b.timer, due_ns);
	run_for(10 * NS_PER_MS);
	assert_true(!b.calls || b.now_ns >= due_ns); /* a busy machine may be late */
	run_for(40 * NS_PER_MS);
	assert_int_equal(b.calls, 1);
	assert_true(b.now_ns >= due_ns);
	timer_set(b.timer, 0); /* long ago */
	run_for(0);
	run_for(10 * NS_PER_MS);
	assert_int_equal(b.calls, 2);
}

/* Being late is no reason to hurry. */
static void periods_that_were_missed_are_left_out(void **state)
{
	struct beat b = { .busy_ns = 50 * NS_PER_MS };

	(void)state;
	b.timer = loop_timer(loop, beat_expired, &b);
	timer_set_every(b.timer, 10 * NS_PER_MS);
	run_for(200 * NS_PER_MS);
	assert_in_range(b.calls, 1, 5);
	timer_remove(b.timer);
}

/* --- signals */

static unsigned raised_cnt[2];

static void raised(void *ctx, int signal)
{
	assert_int_equal(signal, SIGHUP);
	++*(unsigned *)ctx;
}

static void signals_are_calls(void **state)
{
	(void)state;
	assert_int_equal(loop_signal(loop, SIGHUP, raised, &raised_cnt[0]), 0);
	kill(getpid(), SIGHUP);
	run_for(0);
	assert_int_equal(raised_cnt[0], 1);
	assert_int_equal(loop_signal(loop, SIGHUP, raised, &raised_cnt[1]), 0);
	kill(getpid(), SIGHUP);
	run_for(0);
	kill(getpid(), SIGHUP);
	run_for(0);
	assert_int_equal(raised_cnt[0], 1);
	assert_int_equal(raised_cnt[1], 2);
}

static void two_signals_end_it(void **state)
{
	(void)state;
	kill(getpid(), SIGTERM);
	assert_int_equal(loop_run(loop), SIGTERM);
	kill(getpid(), SIGINT);
	assert_int_equal(loop_run(loop), SIGINT);
}

static void the_end_may_come_before_the_start(void **state)
{
	(void)state;
	loop_end(loop, 3);
	assert_int_equal(loop_run(loop), 3);
	run_for(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hundreds_of_descriptors_are_watched),
		TEST(readiness_to_write_is_told_when_asked_for),
		TEST(a_watch_for_nothing_is_silent_even_at_the_end),
		TEST(who_was_removed_is_not_called_any_more),
		TEST(an_event_of_before_is_not_for_who_comes_after),
		TEST(what_cannot_be_watched_is_told),
		TEST(each_timer_has_its_period),
		TEST(a_timer_that_is_set_once_is_called_once),
		TEST(periods_that_were_missed_are_left_out),
		TEST(signals_are_calls),
		TEST(two_signals_end_it),
		TEST(the_end_may_come_before_the_start),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
