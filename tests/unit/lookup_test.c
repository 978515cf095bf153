// SPDX-License-Identifier: BSD-3-Clause
#include "service/lookup.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define ID     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER  "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SECOND 1000000000ULL

static char root[] = "/tmp/lookup_test.XXXXXX";
static char folder[128], file[160];
static struct loop *loop;
static const struct container_hint none;
static struct lookups lookups;
static sem_t gate;

/* A job that keeps the worker from those behind it, as a file that hangs would. */
static void gate_wait(struct job *job)
{
	(void)job;
	sem_wait(&gate);
}

static void gate_done(struct job *job)
{
	(void)job;
}

static struct job slow = { .work = gate_wait, .done = gate_done };

static void container_make(const char *name)
{
	FILE *f;

	snprintf(folder, sizeof(folder), "%s/var", root);
	mkdir(folder, 0700);
	strcat(folder, "/lib");
	mkdir(folder, 0700);
	strcat(folder, "/docker");
	mkdir(folder, 0700);
	strcat(folder, "/containers");
	mkdir(folder, 0700);
	strcat(folder, "/" ID);
	mkdir(folder, 0700);
	snprintf(file, sizeof(file), "%s/config.v2.json", folder);
	f = fopen(file, "w");
	assert_non_null(f);
	fprintf(f, "{\"Name\": \"/%s\"}", name);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root + strlen(root) - 6, "XXXXXX");
	sem_init(&gate, 0, 0);
	loop = loop_new();
	if (!loop || !mkdtemp(root))
		return -1;
	lookups = (struct lookups){ .root = root, .worker = worker_new(loop, 2), .now_ns = SECOND };
	return lookups.worker ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	worker_free(lookups.worker);
	lookups_release(&lookups);
	loop_free(loop);
	sem_destroy(&gate);
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void end(void *ctx, uint64_t now_ns)
{
	(void)ctx, (void)now_ns;
	loop_end(loop, 0);
}

/* Lets the loop take over what the worker has finished. */
static void loop_some(void)
{
	struct timer *t = loop_timer(loop, end, NULL);

	timer_set(t, clock_now_ns() + SECOND / 10);
	loop_run(loop);
	timer_remove(t);
}

static void an_answer_comes_later(void **state)
{
	struct container c;

	(void)state;
	container_make("web");
	assert_false(lookups_container(&lookups, ID, &none, &c));
	for (int i = 0; i < 50 && !lookups_container(&lookups, ID, &none, &c); i++)
		loop_some();
	assert_true(lookups_container(&lookups, ID, &none, &c));
	assert_string_equal(c.name, "web");
	unlink(file); /* and is kept */
	assert_true(lookups_container(&lookups, ID, &none, &c));
	assert_string_equal(c.name, "web");
}

static void nobody_waits_for_a_file_that_hangs(void **state)
{
	struct container c;

	(void)state;
	container_make("web");
	assert_int_equal(worker_add(lookups.worker, &slow), 0);
	assert_false(lookups_container(&lookups, ID, &none, &c));
	assert_false(lookups_container(&lookups, OTHER, &none, &c)); /* there is no place for it */
	lookups.now_ns += 4 * SECOND;
	assert_false(lookups_container(&lookups, ID, &none, &c));
	lookups.now_ns += 2 * SECOND;
	assert_true(lookups_container(&lookups, ID, &none, &c));
	assert_string_equal(c.name, "");
	assert_true(lookups_container(&lookups, OTHER, &none, &c));
	sem_post(&gate);
	for (int i = 0; i < 50 && !*c.name; i++) {
		loop_some();
		lookups_container(&lookups, ID, &none, &c);
	}
	assert_string_equal(c.name, "web");
}

/* However seldom is asked: at each time the worker takes some. */
static void each_gets_its_turn(void **state)
{
	char id[CONTAINER_ID_LEN + 1];
	struct container c;
	unsigned named = 0;

	(void)state;
	container_make("web");
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < 8; i++) {
			snprintf(id, sizeof(id), "%064x", i);
			lookups_container(&lookups, id, &none, &c);
		}
		if (lookups_container(&lookups, ID, &none, &c)) {
			assert_string_equal(c.name, "web");
			named++;
		}
		loop_some();
		lookups.now_ns += 5 * SECOND;
	}
	assert_int_not_equal(named, 0);
}

static void without_a_worker_the_answer_is_there(void **state)
{
	struct lookups direct = { .root = root };
	struct container c;

	(void)state;
	container_make("web");
	assert_true(lookups_container(&direct, ID, &none, &c));
	assert_string_equal(c.name, "web");
	lookups_release(&direct);
}

static void lookups_are_bounded(void **state)
{
	char id[CONTAINER_ID_LEN + 1];
	struct container c;
	unsigned known = 0;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(id, sizeof(id), "%064x", i);
		lookups_container(&lookups, id, &none, &c);
		if (i % 500 == 0)
			loop_some();
	}
	lookups.now_ns += 6 * SECOND;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(id, sizeof(id), "%064x", i + 4990);
		known += lookups_container(&lookups, id, &none, &c);
	}
	assert_int_equal(known, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_comes_later, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_waits_for_a_file_that_hangs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(each_gets_its_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_worker_the_answer_is_there, setup,
						teardown),
		cmocka_unit_test_setup_teardown(lookups_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests_name("lookup", tests, NULL, NULL);
}
