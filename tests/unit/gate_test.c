// SPDX-License-Identifier: BSD-3-Clause
/*
 * Many clients begin TLS at the same time: a few in each turn of the loop, and all of them in the end. Users change while one of them
 * logs in.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <crypt.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/listen.h"
#include "http/secure.h"
#include "http/server.h"

#define CLIENTS 120
/* Three times in a turn the library may be run: for new connections, for those that are there, for what is due. */
#define TURN_MAX  (3 * 8)
#define TURNS_MAX 20000

static struct client {
	int fd;
	gnutls_session_t session;
	bool answered, done;
} clients[CLIENTS];
static struct loop *loop;
static struct timer *timer;
static unsigned turns, most;

static char *text_of(gnutls_datum_t *d)
{
	char *text = strndup((const char *)d->data, d->size);

	gnutls_free(d->data);
	return text;
}

static struct secure *secure_make(void)
{
	struct web *web = calloc(1, sizeof(*web));
	struct buf error = { 0 };
	struct secure *secure = NULL;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t cert;
	gnutls_datum_t pem;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
				     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crt_init(&cert);
	gnutls_x509_crt_set_version(cert, 3);
	gnutls_x509_crt_set_serial(cert, "\1", 1);
	gnutls_x509_crt_set_dn(cert, "CN=localhost", NULL);
	gnutls_x509_crt_set_activation_time(cert, time(NULL) - 60);
	gnutls_x509_crt_set_expiration_time(cert, time(NULL) + 3600);
	gnutls_x509_crt_set_key(cert, key);
	assert_int_equal(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0), 0);
	gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem);
	web->tls.cert = text_of(&pem);
	gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
	web->tls.key = text_of(&pem);
	web->tls.min_version = WEB_TLS12;
	web->tls.max_version = WEB_TLS13;
	gnutls_x509_crt_deinit(cert);
	gnutls_x509_privkey_deinit(key);
	if (secure_new(&secure, web, &error))
		fail_msg("%s", buf_cstr(&error));
	return secure;
}

static void client_begin(struct client *c, unsigned port, gnutls_certificate_credentials_t trust)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
	gnutls_set_default_priority(c->session);
	gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, trust);
	gnutls_transport_set_int(c->session, c->fd);
}

static void client_end(struct client *c)
{
	gnutls_deinit(c->session);
	close(c->fd);
}

static void idle_turn(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	if (++turns == CLIENTS)
		loop_end(loop, 0);
	timer_set(timer, now_ns);
}

static void turn(void *ctx, uint64_t now_ns)
{
	unsigned answered = 0, done = 0;

	(void)ctx;
	for (struct client *c = clients; c < clients + CLIENTS; c++) {
		struct pollfd p = { c->fd, POLLIN, 0 };

		if (!c->answered && poll(&p, 1, 0) == 1) {
			c->answered = true;
			answered++;
		}
		if (c->answered && !c->done)
			c->done = !gnutls_handshake(c->session);
		done += c->done;
	}
	if (answered > most)
		most = answered;
	if (done == CLIENTS || ++turns == TURNS_MAX)
		loop_end(loop, done == CLIENTS ? 0 : 1);
	timer_set(timer, now_ns);
}

static int turns_run(void (*each)(void *ctx, uint64_t now_ns))
{
	int ret;

	turns = 0;
	timer = loop_timer(loop, each, NULL);
	timer_set(timer, clock_now_ns());
	ret = loop_run(loop);
	timer_remove(timer);
	return ret;
}

/* The port of a server with TLS. */
static unsigned server_open(struct http_server **server)
{
	static const struct http_route routes[] = { { NULL, NULL } };
	int fd = listen_open("127.0.0.1:0");

	loop = loop_new();
	assert_int_equal(http_server_new(server, loop, routes, NULL, 2 * CLIENTS, 1), 0);
	assert_int_equal(http_server_secure(*server, secure_make()), 0);
	assert_int_equal(http_server_listen(*server, fd, false), 0);
	return listen_port(fd);
}

static void a_few_in_each_turn(void **state)
{
	gnutls_certificate_credentials_t trust;
	struct http_server *server;
	unsigned port = server_open(&server);

	(void)state;
	gnutls_certificate_allocate_credentials(&trust);
	for (struct client *c = clients; c < clients + CLIENTS; c++)
		client_begin(c, port, trust);
	turns_run(idle_turn); /* all were accepted, and nobody has said a word */
	for (struct client *c = clients; c < clients + CLIENTS; c++)
		assert_int_equal(gnutls_handshake(c->session), GNUTLS_E_AGAIN);
	assert_int_equal(turns_run(turn), 0);
	assert_in_range(most, 1, TURN_MAX);
	for (struct client *c = clients; c < clients + CLIENTS; c++)
		client_end(c);
	http_server_free(server);
	gnutls_certificate_free_credentials(trust);
	loop_free(loop);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 * NS_PER_MS + (uint64_t)t.tv_nsec;
}

static void is_over(void *ctx, uint64_t now_ns)
{
	(void)ctx, (void)now_ns;
	loop_end(loop, 0);
}

#define HALF_NS (500 * NS_PER_MS)

static void who_says_half_of_it_costs_nothing(void **state)
{
	gnutls_certificate_credentials_t trust;
	struct http_server *server;
	unsigned port = server_open(&server);
	struct client c = { 0 };
	uint64_t start_ns;

	(void)state;
	gnutls_certificate_allocate_credentials(&trust);
	client_begin(&c, port, trust);
	assert_int_equal(send(c.fd, "\x16\x03\x01\x02\x00\x01", 6, 0), 6);
	timer = loop_timer(loop, is_over, NULL);
	timer_set(timer, clock_now_ns() + HALF_NS);
	start_ns = cpu_ns();
	loop_run(loop);
	assert_in_range(cpu_ns() - start_ns, 0, HALF_NS / 4);
	timer_remove(timer);
	client_end(&c);
	http_server_free(server);
	gnutls_certificate_free_credentials(trust);
	loop_free(loop);
}

/* --- logins */

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
		cmocka_unit_test(a_few_in_each_turn),
		cmocka_unit_test(who_says_half_of_it_costs_nothing),
		cmocka_unit_test(who_is_no_user_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
