// SPDX-License-Identifier: BSD-3-Clause
/* Users change while one of them logs in. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/listen.h"
#include "http/secure.h"
#include "http/server.h"

#define TURNS_MAX 20000

static struct loop *loop;
static struct timer *timer;
static unsigned turns;

#define SALT "$2b$12$CCCCCCCCCCCCCCCCCCCCC." /* some tenths of a second */

static struct secure *user_make(const char *name, const char *hash)
{
	struct web *web = calloc(1, sizeof(*web));
	struct buf error = { 0 };
	struct secure *secure = NULL;

	web->users = calloc(1, sizeof(*web->users));
	web->users->name = strdup(name);
	web->users->hash = strdup(hash);
	web->user_cnt = 1;
	assert_int_equal(secure_new(&secure, web, &error), 0);
	return secure;
}

struct login_try {
	struct http_server *server;
	struct secure *next; /* NULL: is in effect */
	int fd;
	char reply[512];
};

static void login_turn(void *ctx, uint64_t now_ns)
{
	struct login_try *t = ctx;

	if (recv(t->fd, t->reply, sizeof(t->reply) - 1, MSG_DONTWAIT) > 0 || ++turns == TURNS_MAX)
		loop_end(loop, 0);
	else if (turns == 20 && t->next) {
		assert_int_equal(http_server_secure(t->server, t->next), 0);
		t->next = NULL;
	}
	timer_set(timer, now_ns + NS_PER_MS);
}

/* The status of a login as a:b, while this comes into effect. 0: it was there too soon. */
static int login_status(struct login_try *t, int listener)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\n\r\n";
	bool changes = t->next;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)listen_port(listener)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	memset(t->reply, 0, sizeof(t->reply));
	t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(t->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(t->fd, get, sizeof(get) - 1, 0), sizeof(get) - 1);
	turns = 0;
	timer = loop_timer(loop, login_turn, t);
	timer_set(timer, clock_now_ns());
	loop_run(loop);
	timer_remove(timer);
	close(t->fd);
	if (changes && t->next) {
		secure_free(t->next);
		return 0;
	}
	return atoi(t->reply + strlen("HTTP/1.1 "));
}

/* Of a user who is one no longer when his password has been looked at. */
static int old_login(const char *hash, bool changes)
{
	static const struct http_route routes[] = { { NULL, NULL } };
	int fd = listen_open("127.0.0.1:0"), status;
	struct login_try t = { .next = changes ? user_make("other", hash) : NULL };

	loop = loop_new();
	assert_int_equal(http_server_new(&t.server, loop, routes, NULL, 32, 1), 0);
	assert_int_equal(http_server_secure(t.server, user_make("a", hash)), 0);
	assert_int_equal(http_server_listen(t.server, fd, false), 0);
	status = login_status(&t, fd);
	http_server_free(t.server);
	loop_free(loop);
	return status;
}

static void who_is_no_user_any_more(void **state)
{
	struct crypt_data data = { 0 };
	const char *hash = crypt_r("b", SALT, &data);
	int status = 0;

	(void)state;
	assert_int_equal(old_login(hash, false), 404);
	for (int i = 0; i < 10 && !status; i++)
		status = old_login(hash, true);
	assert_int_equal(status, 401);
}

int main(void)
{
	const struct CMUnitTest tests[] = {

		cmocka_unit_test(who_is_no_user_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
