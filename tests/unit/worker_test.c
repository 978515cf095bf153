// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "lib/worker.h"

static struct loop *loop;
static sem_t gate, begun; /* for jobs that wait */

struct task {
	struct job job;
	int number, result;
	pthread_t worker;
	int *order; /* where the next done one writes its number */
	int *left;  /* the loop ends when it becomes 0 */
};

static void square(struct job *job)
{
	struct task *t = (struct task *)job;

	t->result = t->number * t->number;
	t->worker = pthread_self();
}

static void wait_at_gate(struct job *job)
{
	square(job);
	sem_post(&begun);
	sem_wait(&gate);
}

static int *done_next;

static void task_done(struct job *job)
{
	struct task *t = (struct task *)job;

	*done_next++ = t->number;
	if (t->left && !--*t->left)
		loop_end(loop, 0);
}

static int setup(void **state)
{
	(void)state;
	sem_init(&gate, 0, 0);
	sem_init(&begun, 0, 0);
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void jobs_are_done_in_order_beside_the_loop(void **state)
{
	enum { JOBS = 1000 };
	static struct task tasks[JOBS];
	static int order[JOBS];
	int left = JOBS;
	struct worker *w = worker_new(loop, JOBS);

	(void)state;
	assert_non_null(w);
	done_next = order;
	for (int i = 0; i < JOBS; i++) {
		tasks[i] = (struct task){ { square, task_done }, .number = i, .left = &left };
		assert_int_equal(worker_add(w, &tasks[i].job), 0);
	}
	assert_int_equal(loop_run(loop), 0);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(order[i], i);
		assert_int_equal(tasks[i].result, i * i);
		assert_false(tasks[i].job.dropped);
		assert_false(pthread_equal(tasks[i].worker, pthread_self()));
	}
	worker_free(w);
}

static void the_queue_is_bounded(void **state)
{
	struct task tasks[4];
	int order[4], left = 3;
	struct worker *w = worker_new(loop, 3);

	(void)state;
	done_next = order;
	for (int i = 0; i < 4; i++)
		tasks[i] = (struct task){ { wait_at_gate, task_done }, .number = i, .left = &left };
	for (int i = 0; i < 3; i++)
		assert_int_equal(worker_add(w, &tasks[i].job), 0);
	assert_int_equal(worker_add(w, &tasks[3].job), -EAGAIN);
	for (int i = 0; i < 3; i++)
		sem_post(&gate);
	assert_int_equal(loop_run(loop), 0);
	left = 1;
	sem_post(&gate);
	assert_int_equal(worker_add(w, &tasks[3].job), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(order[3], 3);
	worker_free(w);
}

static void what_has_not_begun_may_be_cancelled(void **state)
{
	struct task tasks[3];
	int order[3] = { -1, -1, -1 }, left = 2;
	struct worker *w = worker_new(loop, 2);

	(void)state;
	done_next = order;
	for (int i = 0; i < 3; i++)
		tasks[i] = (struct task){ { wait_at_gate, task_done }, .number = i, .left = &left };
	assert_int_equal(worker_add(w, &tasks[0].job), 0);
	sem_wait(&begun);
	assert_int_equal(worker_add(w, &tasks[1].job), 0);
	assert_true(worker_cancel(w, &tasks[1].job));
	assert_false(worker_cancel(w, &tasks[1].job));
	assert_false(worker_cancel(w, &tasks[0].job));
	/* its place is free */
	assert_int_equal(worker_add(w, &tasks[2].job), 0);
	sem_post(&gate);
	sem_post(&gate);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 2);
	assert_int_equal(order[2], -1);
	worker_free(w);
}

static struct worker *ending;
static int added;

static void done_and_again(struct job *job)
{
	task_done(job);
	added = worker_add(ending, job);
}

/* The one under way comes to its end, those behind it are handed back undone. */
static void who_still_waits_at_the_end_is_dropped(void **state)
{
	struct task tasks[3] = {
		{ { wait_at_gate, task_done }, .number = 3 },
		{ { square, done_and_again }, .number = 4, .result = -1 },
		{ { square, task_done }, .number = 5, .result = -1 },
	};
	int order[3] = { 0 };

	(void)state;
	ending = worker_new(loop, 3);
	done_next = order;
	for (int i = 0; i < 3; i++)
		assert_int_equal(worker_add(ending, &tasks[i].job), 0);
	sem_wait(&begun);
	sem_post(&gate);
	worker_free(ending);
	assert_ptr_equal(done_next, order + 3);
	assert_int_equal(tasks[0].result, 9);
	assert_false(tasks[0].job.dropped);
	for (int i = 1; i < 3; i++)
		assert_true(tasks[i].job.dropped == (tasks[i].result == -1));
	assert_true(tasks[2].job.dropped || !tasks[1].job.dropped);
	assert_int_equal(added, -ECANCELED);
	worker_free(NULL);
}

static void a_job_that_hangs_is_told(void **state)
{
	struct task task = { { wait_at_gate, task_done }, .number = 3 };
	struct worker *w = worker_new(loop, 1);
	int order[1];

	(void)state;
	done_next = order;
	assert_int_equal(worker_add(w, &task.job), 0);
	sem_wait(&begun);
	assert_false(worker_end(w, 1000 * 1000));
	sem_post(&gate);
	assert_true(worker_end(w, UINT64_C(60000000000)));
	assert_true(worker_end(w, 0));
	worker_free(w);
	assert_int_equal(order[0], 3);
	assert_true(worker_end(NULL, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(jobs_are_done_in_order_beside_the_loop),
		TEST(the_queue_is_bounded),
		TEST(what_has_not_begun_may_be_cancelled),
		TEST(who_still_waits_at_the_end_is_dropped),
		TEST(a_job_that_hangs_is_told),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
