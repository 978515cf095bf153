// SPDX-License-Identifier: BSD-3-Clause
/* Whose turn it is, of addresses that come often and of those that come once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>

#include "http/turns.h"

#define MANY 1000

static struct turn many[MANY];

static struct turn *comes(struct turns *all, struct turn *t, const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	bool is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;

	assert_true(is_v4 || inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
	t->address = address_of(is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
	turns_add(all, t);
	return t;
}

static void nobody_waits(void **state)
{
	struct turns all = { 0 };

	(void)state;
	assert_null(turns_take(&all));
}

static void one_address_is_a_queue(void **state)
{
	struct turns all = { 0 };

	(void)state;
	for (int i = 0; i < MANY; i++)
		comes(&all, &many[i], "192.0.2.1");
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(turns_take(&all), &many[i]);
	assert_null(turns_take(&all));
}

static void who_comes_once_is_second(void **state)
{
	struct turns all = { 0 };
	struct turn one;

	(void)state;
	for (int i = 0; i < MANY; i++)
		comes(&all, &many[i], "192.0.2.1");
	comes(&all, &one, "192.0.2.2");
	assert_ptr_equal(turns_take(&all), &many[0]);
	assert_ptr_equal(turns_take(&all), &one);
	/* and again, when others have been taken meanwhile */
	for (int i = 1; i < MANY / 2; i++)
		assert_ptr_equal(turns_take(&all), &many[i]);
	comes(&all, &one, "192.0.2.2");
	assert_ptr_equal(turns_take(&all), &many[MANY / 2]);
	assert_ptr_equal(turns_take(&all), &one);
}

static void rounds_have_each_address_once(void **state)
{
	static const char *const addresses[] = { "192.0.2.1", "192.0.2.2", "2001:db8::1" };
	struct turns all = { 0 };
	struct turn turns[9];

	(void)state;
	for (int i = 0; i < 9; i++)
		comes(&all, &turns[i], addresses[i / 3]);
	for (int i = 0; i < 9; i++)
		assert_ptr_equal(turns_take(&all), &turns[i % 3 * 3 + i / 3]);
}

/* Who comes back as soon as it was taken is behind those who were there. */
static void who_comes_back_keeps_nobody_waiting(void **state)
{
	struct turns all = { 0 };
	struct turn back, others[3];

	(void)state;
	comes(&all, &back, "192.0.2.1");
	for (int i = 0; i < 3; i++)
		comes(&all, &others[i], "192.0.2.2");
	for (int taken = 0, in_a_row = 0; taken < 3;) {
		struct turn *t = turns_take(&all);

		if (t == &back) {
			assert_int_equal(in_a_row++, 0);
			comes(&all, &back, "192.0.2.1");
		} else {
			assert_ptr_equal(t, &others[taken++]);
			in_a_row = 0;
		}
	}
}

static void what_is_one_address(void **state)
{
	struct turns all = { 0 };
	struct turn turns[4];

	(void)state;
	/* a network of IPv6, and IPv4 as IPv6 has it */
	comes(&all, &turns[0], "2001:db8:0:1::1");
	comes(&all, &turns[2], "2001:db8:0:1:ffff::1");
	comes(&all, &turns[1], "192.0.2.1");
	comes(&all, &turns[3], "::ffff:192.0.2.1");
	for (int i = 0; i < 4; i++)
		assert_ptr_equal(turns_take(&all), &turns[i]);
}

static void who_has_left_has_no_turn(void **state)
{
	struct turns all = { 0 };
	struct turn a, b, c;

	(void)state;
	comes(&all, &a, "192.0.2.1");
	comes(&all, &b, "192.0.2.1");
	comes(&all, &c, "192.0.2.2");
	turns_remove(&all, &a);
	assert_ptr_equal(turns_take(&all), &c);
	assert_ptr_equal(turns_take(&all), &b);
	assert_null(turns_take(&all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_waits),
		cmocka_unit_test(one_address_is_a_queue),
		cmocka_unit_test(who_comes_once_is_second),
		cmocka_unit_test(rounds_have_each_address_once),
		cmocka_unit_test(who_comes_back_keeps_nobody_waiting),
		cmocka_unit_test(what_is_one_address),
		cmocka_unit_test(who_has_left_has_no_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
