// SPDX-License-Identifier: BSD-3-Clause
/* What a web configuration asks of clients, as bytes it is the same, and files which change are taken only when they are whole and ask for no less. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/web.h"
#include "conf/conf.h"
#include "conf/web_pack.h"
#include "http/secure.h"
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

/* --- as bytes */

static void is_same(const struct web *a, const struct web *b)
{
	struct buf x = { 0 }, y = { 0 };

	web_pack(a, &x);
	web_pack(b, &y);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.data, y.data, x.len);
	buf_release(&x);
	buf_release(&y);
}

#define EVERYTHING                                                                                     \
	"tls_server_config: { cert: C, key: K, client_ca: A, client_auth_type: RequireAnyClientCert, " \
	"client_allowed_sans: [ a, b ], min_version: TLS13, prefer_server_cipher_suites: false, "      \
	"cipher_suites: [ TLS_AES_128_GCM_SHA256 ], curve_preferences: [ X25519 ] }\n"                 \
	"http_server_config: { headers: { Strict-Transport-Security: s, X-Content-Type-Options: "      \
	"nosniff, X-Frame-Options: deny, X-XSS-Protection: x, Content-Security-Policy: c } }\n" USERS  \
	"auth_excluded_paths: [ /metrics ]\nrate_limit: { interval: 1s, burst: 7 }\n"

/* All that the file says, and nothing but that, is in them. */
static void bytes_are_the_same_configuration(void **state)
{
	struct web *w = web_of(EVERYTHING), *back = NULL, *empty = web_of("");
	struct buf packed = { 0 };

	(void)state;
	web_pack(w, &packed);
	assert_int_equal(web_unpack(&back, packed.data, packed.len), 0);
	is_same(w, back);
	assert_string_equal(back->tls.cert, "C");
	assert_string_equal(back->tls.key, "K");
	assert_string_equal(back->tls.client_ca, "A");
	assert_int_equal(back->tls.client_auth, WEB_CLIENT_REQUIRE_ANY);
	assert_string_equal(back->tls.client_allowed_sans[1], "b");
	assert_null(back->tls.client_allowed_sans[2]);
	assert_string_equal(back->tls.cipher_suites[0], "TLS_AES_128_GCM_SHA256");
	assert_string_equal(back->tls.curve_preferences[0], "X25519");
	assert_int_equal(back->tls.min_version, WEB_TLS13);
	assert_int_equal(back->tls.prefer_server_cipher_suites, 0);
	for (const struct web_header *h = web_headers; h->name; h++)
		assert_non_null(*(char **)((char *)back + h->offset));
	assert_string_equal(back->users[0].name, "a");
	assert_string_equal(back->users[0].hash, w->users[0].hash);
	assert_string_equal(back->excluded[0], "/metrics");
	assert_int_equal(back->rate.burst, 7);
	assert_null(back->files.paths[0]);
	assert_int_equal(web_demands(back), web_demands(w));
	web_free(back);
	buf_reset(&packed);
	web_pack(empty, &packed);
	assert_int_equal(web_unpack(&back, packed.data, packed.len), 0);
	is_same(empty, back);
	assert_false(web_has_tls(back));
	web_free(back);
	web_free(empty);
	web_free(w);
	buf_release(&packed);
}

static void other_bytes_are_none(void **state)
{
	struct web *w = web_of(EVERYTHING), *back = NULL;
	struct buf packed = { 0 };

	(void)state;
	web_pack(w, &packed);
	for (size_t len = 0; len < packed.len; len++)
		assert_int_equal(web_unpack(&back, packed.data, len), -EINVAL);
	buf_char(&packed, '\0');
	assert_int_equal(web_unpack(&back, packed.data, packed.len), -EINVAL);
	assert_null(back);
	web_free(w);
	buf_release(&packed);
}

/* --- files that change */

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
	watch.worker = worker_new(loop, 4);
	watch.loop = loop;
	conf.web = web_of(HEADERS);
	assert_int_equal(web_renew(&watch, &conf), 0);
	assert_int_equal(web_begin(&watch), 0);
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
}

/* One of which a letter is missing. It is read again every second for as long as it stays so. */
static void a_certificate_that_is_wrong_costs_no_memory(void **state)
{
	size_t before = 0;

	(void)state;
	write_file("tls_server_config: { cert: \"-----BEGIN CERTIFICATE-----\\n"
		   "MIIBfTCCASOgAwIBAgIUeiCQrXN0fRWMjhX8oZ1f73g4E3gwCgYIKoZIzj0EAwIw\\n"
		   "FDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2MTEyNzA0MzIzMVoXDTI2MTEyOTA0\\n"
		   "MzIzMVowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D\\n"
		   "AQcDQgAE6bdhz9nv0z9Hr95fNJeBJaOBwWJj/+9ZiiEcG4ATyGry4W0JskOW7zbn\\n"
		   "JU0WqDYqtoxwjtTJk0kQMcShgKDF1aNTMFEwHQYDVR0OBBYEFGWlt1RNeRQrixfU\\n"
		   "ksn+tdLnjA2SMB8GA1UdIwQYMBaAFGWlt1RNeRQrixfUksn+tdLnjA2SMA8GA1UE\\n"
		   "wEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgIs9L6DSbqrr14V5MF+fFYyT7L\\n"
		   "fTpTMC7cAtM7gFO+iwCIQDvsYCGY6AzyKqVKt0aIfC1h4B0Q/DVKLS0sIgRVJfoa\\n"
		   "g==\\n"
		   "-----END CERTIFICATE-----\\n\", key: \""
		   "-----BEGIN PRIVATE KEY-----\\n"
		   "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGHQOHwVImmK4OHNk\\n"
		   "i87JT7ZWMAYESz3jD6eVKVUQAVahRANCAATpt2HP2e/TP0ev3l80l4Elo4HBYmP/\\n"
		   "71mKIRwbgBPIavLhbQmyQ5bvNuclTRaoNiq2jHCO1MmTSRAxxKGAoMXV\\n"
		   "-----END PRIVATE KEY-----\\n"
		   "\" }\n");
	for (int i = 0; i < 200; i++) {
		struct buf error = { 0 };
		struct web *w = NULL;

		assert_int_equal(secure_load(&w, path, &error), -EINVAL);
		assert_non_null(strstr(buf_cstr(&error), "'cert_file'"));
		buf_release(&error);
		if (i == 100) /* the library keeps what it has made for all */
			before = mallinfo2().uordblks;
	}
	assert_in_range(mallinfo2().uordblks, 0, before + 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_clients_must_have),
		cmocka_unit_test(bytes_are_the_same_configuration),
		cmocka_unit_test(other_bytes_are_none),
		cmocka_unit_test(a_change_asks_for_no_less),
		cmocka_unit_test(a_certificate_that_is_wrong_costs_no_memory),
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
