// SPDX-License-Identifier: BSD-3-Clause
/* Logins: hashes that others have made, what is remembered, who has to wait. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/login.h"
#include "lib/buf.h"

/* Known answers of crypt_blowfish for U*U and U*U*, of the lowest cost; the prefixes mean the same for them. */
static struct web_user users[] = {
	{ (char *)"a", (char *)"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
	{ (char *)"b", (char *)"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
	{ (char *)"y", (char *)"$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK" },
};
static const struct web web = { .users = users, .user_cnt = 3 };
static const struct web *asked = &web;

struct waiter {
	struct login_wait wait;
	bool done, right;
};

static struct loop *loop;
static unsigned pending;

static void waited(struct login_wait *wait, bool right)
{
	struct waiter *w = (struct waiter *)wait;

	w->done = true;
	w->right = right;
	if (!--pending)
		loop_end(loop, 0);
}

static void basic(char *to, const char *name, const char *password)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char plain[64] = { 0 };
	size_t len = (size_t)snprintf((char *)plain, sizeof(plain), "%s:%s", name, password);

	to += sprintf(to, "Basic ");
	for (size_t i = 0; i < len; i += 3) {
		uint32_t word =
			(uint32_t)plain[i] << 16 | (uint32_t)plain[i + 1] << 8 | plain[i + 2];

		for (int c = 0; c < 4; c++)
			*to++ = i + (size_t)c > len ? '=' : digits[word >> (18 - 6 * c) & 63];
	}
	*to = '\0';
}

static enum login try(struct logins *l, const char *name, const char *password, const char *address,
		      struct waiter *w)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	enum login login;
	char header[128];

	memcpy(&from.sin_addr, address, 4);
	basic(header, name, password);
	*w = (struct waiter){ .wait = { .done = waited } };
	login = logins_check(l, asked, header, (struct sockaddr *)&from, &w->wait);
	pending += login == LOGIN_PENDING;
	return login;
}

/* Until it is known. */
static enum login settle(struct logins *l, const char *name, const char *password,
			 const char *address)
{
	struct waiter w;
	enum login login = try(l, name, password, address, &w);

	if (login != LOGIN_PENDING)
		return login;
	loop_run(loop);
	assert_true(w.done);
	return w.right ? LOGIN_RIGHT : LOGIN_WRONG;
}

static void passwords_of_each_kind(void **state)
{
	struct logins *l = logins_new(loop);
	struct waiter w;

	(void)state;
	assert_int_equal(settle(l, "a", "U*U", "addr"), LOGIN_RIGHT);
	assert_int_equal(settle(l, "b", "U*U", "addr"), LOGIN_RIGHT);
	assert_int_equal(settle(l, "y", "U*U*", "addr"), LOGIN_RIGHT);
	assert_int_equal(settle(l, "y", "U*U", "addr"), LOGIN_WRONG);
	assert_int_equal(settle(l, "x", "U*U", "addr"), LOGIN_WRONG);
	/* at once, now */
	assert_int_equal(try(l, "a", "U*U", "addr", &w), LOGIN_RIGHT);
	assert_int_equal(try(l, "y", "U*U", "addr", &w), LOGIN_WRONG);
	logins_free(l);
}

static void what_is_no_login(void **state)
{
	static const char *const headers[] = { NULL,
					       "",
					       "Basic",
					       "Basic ",
					       "Bearer",
					       "Basic =",
					       "Basic YQ==", /* a */
					       "Basic YQA6VSpV" /* with a NUL */ };
	struct logins *l = logins_new(loop);

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		assert_int_equal(logins_check(l, &web, headers[i], NULL, NULL), LOGIN_WRONG);
	logins_free(l);
}

static void who_is_wrong_has_to_wait(void **state)
{
	struct logins *l = logins_new(loop);
	unsigned later = 0;
	char guess[8];

	(void)state;
	assert_int_equal(settle(l, "a", "U*U", "addr"), LOGIN_RIGHT);
	for (int i = 0; i < 30; i++) {
		snprintf(guess, sizeof(guess), "%d", i);
		later += settle(l, "a", guess, "addr") == LOGIN_LATER;
	}
	assert_in_range(later, 15, 20);
	assert_int_equal(settle(l, "a", "U*U", "addr"), LOGIN_RIGHT);
	assert_int_equal(settle(l, "b", "U*U", "addr"), LOGIN_LATER);
	assert_int_equal(settle(l, "b", "U*U", "else"), LOGIN_RIGHT);
	logins_free(l);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 * NS_PER_MS + (uint64_t)t.tv_nsec;
}

/* Names that are nobody's take the time of one user or the other, not all that of the first. */
static void time_tells_no_name(void **state)
{
	static struct web_user mixed[] = {
		{ (char *)"fast",
		  (char *)"$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
		{ (char *)"slow",
		  (char *)"$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
	};
	static const struct web of_both = { .users = mixed, .user_cnt = 2 };
	struct logins *l = logins_new(loop);
	unsigned slow = 0;
	char name[8];

	(void)state;
	asked = &of_both;
	for (int i = 0; i < 20; i++) {
		uint64_t start_ns = cpu_ns();

		snprintf(name, sizeof(name), "x%03d", i);
		assert_int_equal(settle(l, name, "no", name), LOGIN_WRONG);
		slow += cpu_ns() - start_ns > 10 * NS_PER_MS;
	}
	asked = &web;
	logins_free(l);
	assert_in_range(slow, 1, 19);
}

/* One hash for all who say the same; what is dropped at the end is wrong. */
static void many_at_once(void **state)
{
	struct logins *l = logins_new(loop);
	struct waiter same[50], others[50];
	unsigned waiting = 0;
	char guess[8];

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_int_equal(try(l, "a", "U*U", "addr", &same[i]), LOGIN_PENDING);
	loop_run(loop);
	for (int i = 0; i < 50; i++)
		assert_true(same[i].done && same[i].right);
	for (int i = 0; i < 50; i++) {
		snprintf(guess, sizeof(guess), "a%03d", i); /* each from elsewhere */
		waiting += try(l, "a", "no", guess, &others[i]) == LOGIN_PENDING;
	}
	assert_int_equal(waiting, 50); /* they say the same */
	for (int i = 0; i < 20; i++) {
		snprintf(guess, sizeof(guess), "b%03d", i);
		waiting += try(l, "a", guess, guess, &same[i]) == LOGIN_PENDING;
	}
	assert_int_equal(waiting, 50 + 15);
	logins_free(l);
	assert_int_equal(pending, 0);
	for (int i = 0; i < 50; i++)
		assert_true(others[i].done && !others[i].right);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_of_each_kind),
		cmocka_unit_test(what_is_no_login),
		cmocka_unit_test(who_is_wrong_has_to_wait),
		cmocka_unit_test(time_tells_no_name),
		cmocka_unit_test(many_at_once),
	};

	loop = loop_new();
	return loop ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
