// SPDX-License-Identifier: BSD-3-Clause
/* What a web configuration asks of clients, and that files which change are taken only when they are whole and ask for no less. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/web.h"
#include "conf/conf.h"
#include "http/server.h"
#include "lib/worker.h"

#define USERS \
	"basic_auth_users: { a: $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW }\n"
#define HEADERS "http_server_config: { headers: { X-Frame-Options: deny } }\n"

static char path[] = "/tmp/seismo-web-test.XXXXXX";
static struct loop *loop;

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static struct web *web_of(const char *text)
{
	struct buf error = { 0 };
	struct web *w = NULL;

	write_file(text);
	if (web_load(&w, path, &error))
		fail_msg("%s", buf_cstr(&error));
	buf_release(&error);
	return w;
}

static void demands_are(const char *text, unsigned expected)
{
	struct web *w = web_of(text);

	assert_int_equal(web_demands(w), expected);
	assert_int_equal(web_is_asking(w), (expected & ~WEB_DEMANDS_TLS) != 0);
	web_free(w);
}

static void what_clients_must_have(void **state)
{
	(void)state;
	demands_are("", 0);
	demands_are(HEADERS, 0);
	demands_are(USERS, WEB_DEMANDS_USER);
	demands_are("tls_server_config: { cert: x, key: y }", WEB_DEMANDS_TLS);
	demands_are(
		"tls_server_config: { cert: x, key: y, client_auth_type: VerifyClientCertIfGiven }",
		WEB_DEMANDS_TLS);
	demands_are(
		USERS
		"tls_server_config: { cert: x, key: y, client_auth_type: RequireAndVerifyClientCert }",
		WEB_DEMANDS_TLS | WEB_DEMANDS_USER | WEB_DEMANDS_CERTIFICATE);
}

/* --- files that change */

static const struct http_route routes[] = { { NULL, NULL } };
static struct conf conf;
static struct web_watch watch;
static uint64_t version;

static void is_over(void *ctx, uint64_t now_ns)
{
	(void)ctx, (void)now_ns;
	if (watch.version != version || watch.told)
		loop_end(loop, 0);
}

/* Whether it was taken, which takes two looks. */
static bool is_taken(const char *text)
{
	struct timer *t = loop_timer(loop, is_over, NULL);

	free(watch.told);
	watch.told = NULL;
	version = watch.version;
	write_file(text);
	timer_set_every(t, 20 * NS_PER_MS);
	loop_run(loop);
	timer_remove(t);
	return watch.version != version;
}

static void a_change_asks_for_no_less(void **state)
{
	(void)state;
	assert_int_equal(http_server_new(&watch.http, loop, routes, NULL, 32, 1), 0);
	watch.worker = worker_new(loop, 4);
	watch.loop = loop;
	conf.web = web_of(HEADERS);
	assert_int_equal(web_renew(&watch, &conf), 0);
	assert_true(is_taken(USERS));
	assert_false(is_taken(""));
	assert_false(is_taken(HEADERS));
	assert_non_null(strstr(watch.told, "basic_auth_users"));
	assert_true(is_taken(USERS HEADERS));
	/* but who asks for it has it */
	conf.web = web_of(HEADERS);
	assert_int_equal(web_renew(&watch, &conf), 0);
	assert_int_equal(watch.demands, 0);
	web_close(&watch);
	worker_free(watch.worker);
	http_server_free(watch.http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_clients_must_have),
		cmocka_unit_test(a_change_asks_for_no_less),
	};
	int fd = mkstemp(path), failed;

	loop = loop_new();
	if (fd < 0 || !loop)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	loop_free(loop);
	unlink(path);
	return failed;
}
