// SPDX-License-Identifier: BSD-3-Clause
#include "lib/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define SECOND 1000000000ULL

static int manager; /* the socket that a service manager would read */

static int manager_start(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char name[32];

	(void)state;
	snprintf(name, sizeof(name), "@notify-test-%d", getpid());
	memcpy(addr.sun_path, name, strlen(name));
	addr.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return bind(manager, (struct sockaddr *)&addr,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)));
}

static int manager_stop(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return close(manager);
}

static void heard(const char *expected)
{
	char message[256];
	ssize_t len = recv(manager, message, sizeof(message) - 1, 0);

	assert_true(len >= 0);
	message[len] = '\0';
	assert_string_equal(message, expected);
}

static void heard_nothing(void)
{
	char byte;

	assert_int_equal(recv(manager, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void words_test(void **state)
{
	(void)state;
	notify_ready("100 % of it, %s");
	heard("READY=1\nSTATUS=100 % of it, %s");
	watchdog_feed();
	heard("WATCHDOG=1");
	notify_stopping();
	heard("STOPPING=1\nSTATUS=");
	heard_nothing();
}

static void nobody_test(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_ready("x");
	watchdog_feed();
	notify_stopping();
	heard_nothing();
}

static void due_test(void **state)
{
	const unsigned long long now = 100 * SECOND;
	struct watchdog w;

	(void)state;
	setenv("WATCHDOG_USEC", "2000000", 1);
	watchdog_init(&w);
	assert_true(watchdog_due(&w, now));
	assert_false(watchdog_due(&w, now));
	assert_false(watchdog_due(&w, now + SECOND / 2 - 1));
	assert_true(watchdog_due(&w, now + SECOND / 2));
	assert_false(watchdog_due(&w, now + SECOND / 2 + 1));
	/* late once is not late for ever */
	assert_true(watchdog_due(&w, now + 10 * SECOND));
	assert_false(watchdog_due(&w, now + 10 * SECOND + 1));
}

static void not_wanted_test(void **state)
{
	static const struct {
		const char *usec, *pid;
	} rows[] = { { NULL, NULL }, { "0", NULL }, { "soon", NULL }, { "2000000", "1" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct watchdog w;

		if (rows[i].usec)
			setenv("WATCHDOG_USEC", rows[i].usec, 1);
		if (rows[i].pid)
			setenv("WATCHDOG_PID", rows[i].pid, 1);
		watchdog_init(&w);
		assert_false(watchdog_due(&w, 100 * SECOND));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_test, manager_start, manager_stop),
		cmocka_unit_test_setup_teardown(nobody_test, manager_start, manager_stop),
		cmocka_unit_test_setup_teardown(due_test, manager_start, manager_stop),
		cmocka_unit_test_setup_teardown(not_wanted_test, manager_start, manager_stop),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
