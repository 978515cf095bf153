// SPDX-License-Identifier: BSD-3-Clause
/* Connections over TLS, with a client of the same library: nothing is lost either way, and one that does not go on ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/listen.h"
#include "http/secure.h"
#include "http/server.h"
#include "http/turns.h"

#define BIG_BYTES   (5u << 20)
#define PATIENCE_S  30
#define CONNECTIONS 32

static struct http_server *server;
static struct loop *loop;
static struct watch *told;
static int tell_pipe[2];
static sem_t heard; /* what was told is done */
static pthread_t thread;
static unsigned port;
static char *cert, *key;

static void serve_hello(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx, (void)request;
	buf_str(&reply->body, "hello\n");
}

static void serve_big(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx, (void)request;
	for (uint64_t i = 0; reply->body.len < BIG_BYTES; i++)
		buf_printf(&reply->body, "%llu\n", (unsigned long long)i);
}

static const struct http_route routes[] = {
	{ "/hello", serve_hello },
	{ "/big", serve_big },
	{ "/post", serve_hello, .post = true },
	{ NULL, NULL },
};

/* --- a certificate, made here */

static char *text_of(const gnutls_datum_t *pem)
{
	char *text = strndup((const char *)pem->data, pem->size);

	gnutls_free(pem->data);
	return text;
}

static void certificate_make(void)
{
	gnutls_x509_privkey_t k;
	gnutls_x509_crt_t c;
	gnutls_datum_t pem;
	time_t now = time(NULL);

	assert_false(gnutls_x509_privkey_init(&k) || gnutls_x509_crt_init(&c));
	assert_false(gnutls_x509_privkey_generate(k, GNUTLS_PK_ECDSA,
						  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
						  0));
	assert_false(gnutls_x509_crt_set_version(c, 3) || gnutls_x509_crt_set_serial(c, "1", 1) ||
		     gnutls_x509_crt_set_activation_time(c, now - 60) ||
		     gnutls_x509_crt_set_expiration_time(c, now + 3600) ||
		     gnutls_x509_crt_set_dn(c, "CN=x", NULL) || gnutls_x509_crt_set_key(c, k) ||
		     gnutls_x509_crt_sign2(c, c, k, GNUTLS_DIG_SHA256, 0));
	assert_false(gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &pem));
	cert = text_of(&pem);
	assert_false(gnutls_x509_privkey_export2(k, GNUTLS_X509_FMT_PEM, &pem));
	key = text_of(&pem);
	gnutls_x509_crt_deinit(c);
	gnutls_x509_privkey_deinit(k);
}

/* With clients' certificates or without. */
static struct secure *secure_make(bool clients)
{
	struct web *web = calloc(1, sizeof(*web));
	struct secure *secure = NULL;
	struct buf error = { 0 };

	web->tls.cert = strdup(cert);
	web->tls.key = strdup(key);
	web->tls.min_version = WEB_TLS12;
	web->tls.max_version = WEB_TLS13;
	if (clients) {
		web->tls.client_auth = WEB_CLIENT_REQUIRE_AND_VERIFY;
		web->tls.client_ca = strdup(cert);
	}
	assert_int_equal(secure_new(&secure, web, &error), 0);
	return secure;
}

/* --- the server, in a thread */

/* 's': another configuration comes into effect; 'c': one that wants clients' certificates; otherwise the end. */
static void told_ready(void *ctx, unsigned events)
{
	char what = 0;

	(void)ctx, (void)events;
	if (read(tell_pipe[0], &what, 1) == 1 && (what == 's' || what == 'c'))
		http_server_secure(server, secure_make(what == 'c'));
	else
		loop_end(loop, 0);
	sem_post(&heard);
}

static void tell(char what)
{
	assert_int_equal(write(tell_pipe[1], &what, 1), 1);
	while (sem_wait(&heard))
		;
}

static void *serve(void *arg)
{
	loop_run(loop);
	return arg;
}

static int setup(void **state)
{
	int fd = listen_open("127.0.0.1:0");

	(void)state;
	port = listen_port(fd);
	loop = loop_new();
	if (fd < 0 || !loop || pipe(tell_pipe) ||
	    http_server_new(&server, loop, routes, NULL, CONNECTIONS, 2) ||
	    http_server_secure(server, secure_make(false)) || sem_init(&heard, 0, 0) ||
	    http_server_listen(server, fd, false))
		return -1;
	told = loop_watch(loop, tell_pipe[0], LOOP_READ, told_ready, NULL);
	return told ? pthread_create(&thread, NULL, serve, NULL) : -1;
}

static int teardown(void **state)
{
	(void)state;
	tell('e');
	pthread_join(thread, NULL);
	http_server_free(server);
	loop_free(loop);
	close(tell_pipe[0]);
	close(tell_pipe[1]);
	return 0;
}

/* --- its client */

struct tls {
	int fd;
	gnutls_session_t session;
};

static gnutls_certificate_credentials_t credentials;

static int tcp_from(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static int tcp(void)
{
	return tcp_from("127.0.0.1");
}

/* Each byte is a packet of its own. */
static ssize_t send_bytewise(gnutls_transport_ptr_t ctx, const void *data, size_t len)
{
	const int *fd = ctx;

	for (size_t i = 0; i < len; i++)
		if (send(*fd, (const char *)data + i, 1, MSG_NOSIGNAL) != 1)
			return -1;
	return (ssize_t)len;
}

static ssize_t receive(gnutls_transport_ptr_t ctx, void *data, size_t len)
{
	const int *fd = ctx;

	return recv(*fd, data, len, 0);
}

static void tls_connect(struct tls *t, bool bytewise)
{
	int err;

	t->fd = tcp();
	assert_false(gnutls_init(&t->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) ||
		     gnutls_set_default_priority(t->session) ||
		     gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, credentials));
	gnutls_transport_set_int(t->session, t->fd);
	if (bytewise) {
		gnutls_transport_set_ptr(t->session, &t->fd);
		gnutls_transport_set_pull_function(t->session, receive);
		gnutls_transport_set_push_function(t->session, send_bytewise);
	}
	do
		err = gnutls_handshake(t->session);
	while (err && !gnutls_error_is_fatal(err));
	assert_int_equal(err, 0);
}

static void tls_send(struct tls *t, const char *data, size_t len)
{
	while (len) {
		ssize_t n = gnutls_record_send(t->session, data, len);

		assert_true(n > 0);
		data += n;
		len -= (size_t)n;
	}
}

static void tls_get(struct tls *t, const char *path)
{
	char request[128];
	int len = snprintf(request, sizeof(request),
			   "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);

	tls_send(t, request, (size_t)len);
}

/* A reply that is as short as this. */
static void tls_read_hello(struct tls *t)
{
	struct buf answer = { 0 };

	while (!strstr(buf_cstr(&answer), "\r\n\r\nhello\n")) {
		char some[512];
		ssize_t n = gnutls_record_recv(t->session, some, sizeof(some));

		assert_true(n > 0);
		buf_add(&answer, some, (size_t)n);
	}
	assert_null(strstr(answer.data, "Connection: close"));
	buf_release(&answer);
}

/* To its end, which has to be said. */
static void tls_read(struct tls *t, struct buf *to, unsigned pause_us)
{
	ssize_t n = 1;

	while (n > 0) {
		assert_true(buf_reserve(to, 16384));
		n = gnutls_record_recv(t->session, to->data + to->len, 16383);
		to->len += n > 0 ? (size_t)n : 0;
		usleep(pause_us);
	}
	assert_int_equal(n, 0);
	buf_cstr(to);
}

static void tls_close(struct tls *t)
{
	gnutls_deinit(t->session);
	close(t->fd);
}

static void is_hello(const struct buf *answer)
{
	assert_non_null(strstr(answer->data, " 200 "));
	assert_non_null(strstr(answer->data, "\r\n\r\nhello\n"));
}

static void hello_comes(bool bytewise)
{
	struct buf answer = { 0 };
	struct tls t;

	tls_connect(&t, bytewise);
	tls_get(&t, "/hello");
	tls_read(&t, &answer, 0);
	is_hello(&answer);
	buf_release(&answer);
	tls_close(&t);
}

/* --- */

static void bytes_may_come_one_by_one(void **state)
{
	(void)state;
	hello_comes(true);
}

/* The client reads less than there is room for on its way. */
static void a_big_body_comes_whole(void **state)
{
	struct buf answer = { 0 }, expected = { 0 };
	struct http_reply reply = { 0 };
	struct tls t;

	(void)state;
	tls_connect(&t, false);
	tls_get(&t, "/big");
	tls_read(&t, &answer, 200);
	serve_big(NULL, NULL, &reply);
	expected = reply.body;
	assert_non_null(strstr(answer.data, "\r\n\r\n"));
	assert_string_equal(strstr(answer.data, "\r\n\r\n") + 4, buf_cstr(&expected));
	buf_release(&answer);
	buf_release(&expected);
	tls_close(&t);
}

static void a_big_request_is_read(void **state)
{
	static const char head[] = "POST /post HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
				   "Content-Length: 5242880\r\n\r\n";
	char *body = calloc(1, BIG_BYTES);
	struct buf answer = { 0 };
	struct tls t;

	(void)state;
	tls_connect(&t, false);
	tls_send(&t, head, sizeof(head) - 1);
	tls_send(&t, body, BIG_BYTES);
	tls_read(&t, &answer, 0);
	is_hello(&answer);
	buf_release(&answer);
	free(body);
	tls_close(&t);
}

#define KEPT_ALIVE "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

/* Each gets a reply on a connection that was there before, used or not, and is told that it is the last one. */
static void what_changes_drops_no_reply(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct buf answer = { 0 };
		struct tls t;

		tls_connect(&t, false);
		for (int before = 0; before < i % 3; before++) {
			tls_send(&t, KEPT_ALIVE, strlen(KEPT_ALIVE));
			tls_read_hello(&t);
		}
		tell('s');
		tls_send(&t, KEPT_ALIVE, strlen(KEPT_ALIVE));
		tls_read(&t, &answer, 0);
		is_hello(&answer);
		assert_non_null(strstr(answer.data, "\r\nConnection: close\r\n"));
		buf_release(&answer);
		tls_close(&t);
	}
}

/* It may come while the reply is on its way, or before. */
static void what_changes_meanwhile_drops_no_reply(void **state)
{
	struct buf answer = { 0 };
	struct tls t;

	(void)state;
	for (int i = 0; i < 20; i++) {
		tls_connect(&t, false);
		tls_get(&t, "/hello");
		tell('s');
		tls_read(&t, &answer, 0);
		is_hello(&answer);
		buf_release(&answer);
		tls_close(&t);
	}
}

/* Not even if nothing was asked on the connection: it is from a time when anybody could have one. */
static void who_is_not_trusted_any_more_is_not_answered(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		char some[512];
		struct tls t;

		tell('s');
		tls_connect(&t, false);
		if (i) {
			tls_send(&t, KEPT_ALIVE, strlen(KEPT_ALIVE));
			tls_read_hello(&t);
		}
		tell('c');
		tls_send(&t, KEPT_ALIVE, strlen(KEPT_ALIVE));
		assert_int_equal(gnutls_record_recv(t.session, some, sizeof(some)), 0);
		tls_close(&t);
	}
}

/* --- whose handshake is next */

#define FLOOD 20 /* fewer than there may be connections */
#define ORDER 8

static atomic_bool held;       /* handshakes of the server wait */
static atomic_uint waiting;    /* how many have waited for their turn */
static atomic_uint begun;      /* how many handshakes */
static in_addr_t order[ORDER]; /* whose they were; the server's until it has ended */

void __real_turns_add(struct turns *all, struct turn *t);
void __wrap_turns_add(struct turns *all, struct turn *t);
int __real_gnutls_handshake(gnutls_session_t session);
int __wrap_gnutls_handshake(gnutls_session_t session);

void __wrap_turns_add(struct turns *all, struct turn *t)
{
	__real_turns_add(all, t);
	waiting++;
}

int __wrap_gnutls_handshake(gnutls_session_t session)
{
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);

	if (!gnutls_session_get_ptr(session)) /* it is the client's */
		return __real_gnutls_handshake(session);
	while (held)
		usleep(1000);
	getpeername(gnutls_transport_get_int(session), (struct sockaddr *)&from, &len);
	if (begun < ORDER)
		order[begun] = ntohl(from.sin_addr.s_addr);
	begun++;
	return __real_gnutls_handshake(session);
}

static void begins(int *fd, const char *from, unsigned cnt)
{
	*fd = tcp_from(from);
	assert_int_equal(send(*fd, "no handshake", 12, MSG_NOSIGNAL), 12);
	while (waiting < cnt)
		usleep(1000);
}

static void who_comes_often_keeps_nobody_waiting(void **state)
{
	int fds[FLOOD + 1];
	unsigned at = 0;

	(void)state;
	waiting = begun = 0;
	held = true;
	for (unsigned i = 0; i < FLOOD; i++)
		begins(&fds[i], "127.0.0.1", i + 1);
	begins(&fds[FLOOD], "127.0.0.2", FLOOD + 1);
	held = false;
	while (begun < ORDER)
		usleep(1000);
	while (at < ORDER && order[at] != INADDR_LOOPBACK + 1)
		at++;
	/* behind what the thread has, and one of its own round */
	assert_int_equal(at, 3);
	for (unsigned i = 0; i <= FLOOD; i++)
		close(fds[i]);
	hello_comes(false);
}

/* More than there may be: who came first has to go, and whoever comes is served. */
static void half_a_handshake_keeps_nobody_out(void **state)
{
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
	int fds[2 * CONNECTIONS];

	(void)state;
	for (int i = 0; i < 2 * CONNECTIONS; i++) {
		fds[i] = tcp();
		assert_int_equal(send(fds[i], hello, sizeof(hello) - 1, MSG_NOSIGNAL),
				 sizeof(hello) - 1);
	}
	hello_comes(false);
	for (int i = 0; i < 2 * CONNECTIONS; i++)
		close(fds[i]);
	hello_comes(false);
}

static void what_is_no_tls_ends(void **state)
{
	char c[64];
	int fd = tcp();

	(void)state;
	assert_int_equal(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
	while (recv(fd, c, sizeof(c), 0) > 0)
		;
	assert_int_not_equal(errno, EAGAIN);
	close(fd);
	hello_comes(false);
}

/* Teardown ends what is under way. */
static void the_server_may_end(void **state)
{
	static struct tls idle;

	(void)state;
	tls_connect(&idle, false);
	tls_send(&idle, "GET /big HTTP/1.1\r\n", 19);
	assert_int_equal(send(tcp(), "\x16\x03\x01", 3, MSG_NOSIGNAL), 3);
	gnutls_deinit(idle.session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_may_come_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_big_body_comes_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_big_request_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(what_changes_drops_no_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(what_changes_meanwhile_drops_no_reply, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_is_not_trusted_any_more_is_not_answered, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_comes_often_keeps_nobody_waiting, setup,
						teardown),
		cmocka_unit_test_setup_teardown(half_a_handshake_keeps_nobody_out, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_tls_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(the_server_may_end, setup, teardown),
	};
	int failed;

	alarm(250);
	certificate_make();
	gnutls_certificate_allocate_credentials(&credentials);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	gnutls_certificate_free_credentials(credentials);
	free(cert);
	free(key);
	return failed;
}
