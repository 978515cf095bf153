// SPDX-License-Identifier: BSD-3-Clause
/* A server in a thread of this process, and clients on raw sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "http/control.h"
#include "http/listen.h"
#include "http/server.h"

#define BIG_BYTES (5u << 20)

static struct http_server *server;
static struct loop *loop;
static struct watch *stop;
static pthread_t thread;
static int stop_pipe[2];
static unsigned port;
static char directory[] = "/tmp/seismo-http-XXXXXX", socket_path[64];

static void serve_hello(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const char *accept = http_request_header(request, "accept");

	buf_printf(&reply->body, "hello %s %s\n", (const char *)ctx, accept ? accept : "-");
}

static void serve_json(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx, (void)request;
	reply->status = 503;
	reply->content_type = "application/json";
	buf_str(&reply->body, "{}");
}

static void serve_empty(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx, (void)request, (void)reply;
}

/* Numbers of no pattern, which do not compress to next to nothing. */
static void serve_big(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx, (void)request;
	for (uint64_t x = 1; reply->body.len < BIG_BYTES; x = x * 6364136223846793005u + 1)
		buf_u64(&reply->body, x);
}

static void serve_failed(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx, (void)request;
	buf_str(&reply->body, "half of it");
	reply->body.failed = true;
}

static struct http_shared *shared;
static unsigned version = 1, made_cnt;

static void serve_shared(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	if (http_reply_share(reply, &shared, version))
		return;
	made_cnt++;
	serve_big(ctx, request, reply);
	buf_printf(&reply->body, "version %u\n", version);
}

static void serve_query(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const char *a = http_request_query(request, "a"), *none = http_request_query(request, "b");

	(void)ctx;
	buf_printf(&reply->body, "a is %s, b is %s", a ? a : "-", none ? none : "-");
}

static void serve_heavy(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx, (void)request;
	for (uint64_t end_ns = clock_now_ns() + 10 * NS_PER_MS; clock_now_ns() < end_ns;)
		;
	buf_str(&reply->body, "made");
}

static unsigned changed_cnt;

static void serve_change(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx, (void)request, (void)reply;
	changed_cnt++;
}

static const struct http_route routes[] = {
	{ "/hello", serve_hello },
	{ "/json", serve_json },
	{ "/empty", serve_empty },
	{ "/big", serve_big },
	{ "/failed", serve_failed },
	{ "/shared", serve_shared },
	{ "/query", serve_query },
	{ "/heavy", serve_heavy, .heavy = true },
	{ "/secret", serve_hello, HTTP_CONTROL },
	{ "/change", serve_change, HTTP_CONTROL, .post = true },
	{ "/both", serve_hello },
	{ "/both", serve_change, HTTP_CONTROL, .post = true },
	{ NULL, NULL },
};

static void *serve(void *arg)
{
	loop_run(loop);
	return arg;
}

static void stop_ready(void *ctx, unsigned events)
{
	(void)events;
	loop_end(ctx, 0);
}

static int setup(void **state)
{
	int tcp = listen_open("127.0.0.1:0"), control;

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/api.sock", directory);
	control = listen_unix(socket_path);
	port = listen_port(tcp);
	loop = loop_new();
	if (tcp < 0 || control < 0 || !loop || pipe(stop_pipe) ||
	    http_server_new(&server, loop, routes, "you", 1024, 2) ||
	    http_server_listen(server, tcp, false) || http_server_listen(server, control, true))
		return -1;
	stop = loop_watch(loop, stop_pipe[0], LOOP_READ, stop_ready, loop);
	return stop ? pthread_create(&thread, NULL, serve, NULL) : -1;
}

static int teardown(void **state)
{
	(void)state;
	close(stop_pipe[1]);
	pthread_join(thread, NULL);
	close(stop_pipe[0]);
	http_server_free(server);
	http_shared_drop(&shared);
	loop_free(loop);
	unlink(socket_path);
	return rmdir(directory);
}

/* Reads end with an error after 5 s. */
static int client(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static int control_client(void)
{
	struct sockaddr_un to;
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(unix_address(socket_path, &to), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void tell(int fd, const char *s)
{
	assert_int_equal(send(fd, s, strlen(s), MSG_NOSIGNAL), (ssize_t)strlen(s));
}

/* Everything until the server closes. */
static void listen_to(int fd, struct buf *b)
{
	ssize_t n;

	for (;;) {
		assert_true(buf_reserve(b, 65536));
		n = recv(fd, b->data + b->len, 65535, 0);
		if (n <= 0)
			break;
		b->len += (size_t)n;
	}
	assert_true(n == 0 || errno == ECONNRESET);
	close(fd);
	buf_cstr(b);
}

static void ask_on(int fd, const char *request, struct buf *b)
{
	buf_reset(b);
	tell(fd, request);
	listen_to(fd, b);
}

static void ask(const char *request, struct buf *b)
{
	ask_on(client(), request, b);
}

#define GET(path, headers) \
	"GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" headers "\r\n"

static void has(const struct buf *b, const char *s)
{
	if (!strstr(b->data, s))
		fail_msg("'%s' is not in:\n%s", s, b->data);
}

static void has_not(const struct buf *b, const char *s)
{
	if (strstr(b->data, s))
		fail_msg("'%s' is in:\n%s", s, b->data);
}

static const char *body_of(const struct buf *b)
{
	const char *end = strstr(b->data, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static void is_served(void)
{
	struct buf b = { 0 };

	ask(GET("/hello", ""), &b);
	has(&b, "HTTP/1.1 200 OK\r\n");
	assert_string_equal(body_of(&b), "hello you -\n");
	buf_release(&b);
}

static void get_is_answered(void **state)
{
	struct buf b = { 0 };

	(void)state;
	is_served();
	ask(GET("/hello?a=b", "ACCEPT: text/x\r\n"), &b);
	has(&b, "Content-Type: text/plain; charset=utf-8\r\n");
	has(&b, "Vary: Accept, Accept-Encoding\r\n");
	has(&b, "Content-Length: 17\r\n");
	has_not(&b, "Content-Encoding");
	assert_string_equal(body_of(&b), "hello you text/x\n");
	ask(GET("/json", ""), &b);
	has(&b, "HTTP/1.1 503 ");
	has(&b, "Content-Type: application/json\r\n");
	has(&b, "Retry-After: 1\r\n");
	assert_string_equal(body_of(&b), "{}");
	ask(GET("/empty", "Accept-Encoding: gzip\r\n"), &b);
	has(&b, "HTTP/1.1 200 ");
	buf_release(&b);
}

static void failures_have_their_status(void **state)
{
	struct buf b = { 0 };

	(void)state;
	ask(GET("/nowhere", ""), &b);
	has(&b, "HTTP/1.1 404 ");
	has(&b, "\n/hello\n/json\n");
	ask("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc", &b);
	has(&b, "HTTP/1.1 405 ");
	has(&b, "Allow: GET, HEAD\r\n");
	ask("DELETE /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &b);
	has(&b, "HTTP/1.1 405 ");
	ask(GET("/failed", ""), &b);
	has(&b, "HTTP/1.1 503 ");
	has_not(&b, "half of it");
	buf_release(&b);
}

static void head_has_no_body(void **state)
{
	struct buf b = { 0 };

	(void)state;
	ask("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &b);
	has(&b, "HTTP/1.1 200 OK\r\n");
	has(&b, "Content-Length: 12\r\n");
	assert_string_equal(body_of(&b), "");
	buf_release(&b);
}

static void gunzip(const struct buf *in, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)body_of(in) };

	z.avail_in = (uInt)(in->data + in->len - body_of(in));
	assert_true(buf_reserve(out, 2 * BIG_BYTES));
	z.next_out = (Bytef *)out->data;
	z.avail_out = (uInt)out->cap;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	out->len = z.total_out;
	inflateEnd(&z);
}

static void gzip_is_the_same(void **state)
{
	struct buf plain = { 0 }, packed = { 0 }, unpacked = { 0 };

	(void)state;
	ask(GET("/big", ""), &plain);
	ask(GET("/big", "Accept-Encoding: br, gzip;q=0.5\r\n"), &packed);
	has_not(&plain, "Content-Encoding");
	has(&packed, "Content-Encoding: gzip\r\n");
	assert_true(packed.len < plain.len / 2 + 1000);
	gunzip(&packed, &unpacked);
	assert_true(unpacked.len >= BIG_BYTES);
	assert_int_equal(unpacked.len, plain.data + plain.len - body_of(&plain));
	assert_memory_equal(unpacked.data, body_of(&plain), unpacked.len);
	ask(GET("/big", "Accept-Encoding: gzip;q=0\r\n"), &packed);
	has_not(&packed, "Content-Encoding");
	buf_release(&plain);
	buf_release(&packed);
	buf_release(&unpacked);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct buf b = { 0 };
	const char *first, *second;

	(void)state;
	ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
	    "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" GET("/hello", "Accept: last\r\n"),
	    &b);
	first = strstr(b.data, "hello you -\n");
	assert_non_null(first);
	second = strstr(first, "HTTP/1.1 404 ");
	assert_non_null(second);
	assert_non_null(strstr(second, "hello you last\n"));
	buf_release(&b);
}

static void a_byte_at_a_time_will_do(void **state)
{
	static const char request[] = GET("/hello", "Accept: slow\r\n");
	struct buf b = { 0 };
	int fd = client();

	(void)state;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	for (size_t i = 0; request[i]; i++) {
		tell(fd, (char[]){ request[i], '\0' });
		usleep(500);
	}
	listen_to(fd, &b);
	assert_string_equal(body_of(&b), "hello you slow\n");
	buf_release(&b);
}

/* Whatever it is, there is an answer that is no success, and the next client is served. */
static void garbage_is_refused(void **state)
{
	static const char *const garbage[] = {
		"GET /hello HTTP/1.1\r\n\r\n", /* no Host */
		"GET /hello HTTP/9.9\r\nHost: x\r\n\r\n",
		"GET\r\n\r\n",
		"\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n",
		"GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"GET /hello HTTP/1.1\r\nno colon\r\n\r\n",
	};
	struct buf b = { 0 }, long_line = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++) {
		int fd = client();

		tell(fd, garbage[i]);
		shutdown(fd, SHUT_WR);
		buf_reset(&b);
		listen_to(fd, &b);
		has_not(&b, " 200 ");
	}
	buf_str(&long_line, "GET /");
	for (int i = 0; i < 100000; i++)
		buf_char(&long_line, 'a');
	buf_str(&long_line, " HTTP/1.1\r\nHost: x\r\n\r\n");
	ask(buf_cstr(&long_line), &b);
	has(&b, "HTTP/1.1 414 ");
	ask("GET /hello HTTP/1.1\r\n\r\n", &b);
	has(&b, "HTTP/1.1 400 ");
	is_served();
	buf_release(&b);
	buf_release(&long_line);
}

static void idle_connections_keep_nobody_out(void **state)
{
	enum { IDLE = 500 };
	int fd[IDLE];

	(void)state;
	for (int i = 0; i < IDLE; i++) {
		fd[i] = client();
		if (i % 2)
			tell(fd[i], "GET /hel");
	}
	is_served();
	for (int i = 0; i < IDLE; i++)
		close(fd[i]);
	is_served();
}

/* More connections than there may be: the oldest idle ones go, one that makes requests stays. */
static void the_longest_idle_have_to_go(void **state)
{
	enum { IDLE = 900 };
	struct rlimit files;
	struct buf b = { 0 };
	int fd[IDLE], busy = client();

	(void)state;
	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < 2500)
		skip();
	for (int i = 0; i < IDLE; i++) {
		fd[i] = client();
		if (i % 100 == 0) {
			char reply[512];

			tell(busy, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
			assert_true(recv(busy, reply, sizeof(reply), 0) > 100);
		}
	}
	is_served();
	assert_int_equal(recv(fd[0], &(char){ 0 }, 1, 0), 0);
	assert_int_equal(recv(fd[IDLE - 1], &(char){ 0 }, 1, MSG_DONTWAIT), -1);
	tell(busy, GET("/hello", ""));
	listen_to(busy, &b);
	has(&b, "hello you -\n");
	for (int i = 0; i < IDLE; i++)
		close(fd[i]);
	buf_release(&b);
}

static bool is_refused(void)
{
	struct buf b = { 0 };
	bool refused;

	ask(GET("/big", ""), &b);
	refused = !!strstr(b.data, "HTTP/1.1 503 ");
	if (refused)
		has(&b, "Retry-After: 1\r\n");
	buf_release(&b);
	return refused;
}

/* Slow readers of big replies: sixteen are let in, everybody else is told so and small replies go on. */
static void slow_readers_are_limited(void **state)
{
	enum { SLOW = 16 };
	uint64_t begin_ns = clock_now_ns();
	int fd[SLOW];
	char start[12];

	(void)state;
	for (int i = 0; i < SLOW; i++) {
		fd[i] = client();
		setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
		tell(fd[i], GET("/big", ""));
	}
	for (int i = 0; i < SLOW; i++) {
		assert_int_equal(recv(fd[i], start, sizeof(start), MSG_WAITALL), sizeof(start));
		assert_memory_equal(start, "HTTP/1.1 200", sizeof(start));
	}
	is_served();
	/* unless the machine is so slow that the first have had their time */
	assert_true(is_refused() || clock_now_ns() - begin_ns > 10 * 1000 * NS_PER_MS);
	for (int i = 0; i < SLOW; i++)
		close(fd[i]);
	for (int i = 0; i < 3000 && is_refused(); i++)
		usleep(10000);
	assert_false(is_refused());
}

/* One version is made once, and plain and compressed it is the same for everybody. */
static void shared_replies_are_made_once(void **state)
{
	enum { CLIENTS = 50 };
	struct buf first = { 0 }, b = { 0 }, unpacked = { 0 };
	int fd[CLIENTS];

	(void)state;
	ask(GET("/shared", ""), &first);
	has(&first, "version 1\n");
	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = client();
		tell(fd[i], GET("/shared", ""));
	}
	for (int i = 0; i < CLIENTS; i++) {
		buf_reset(&b);
		listen_to(fd[i], &b);
		assert_string_equal(body_of(&b), body_of(&first));
	}
	for (int i = 0; i < 2; i++) {
		ask(GET("/shared", "Accept-Encoding: gzip\r\n"), &b);
		has(&b, "Content-Encoding: gzip\r\n");
		buf_reset(&unpacked);
		gunzip(&b, &unpacked);
		assert_int_equal(unpacked.len, strlen(body_of(&first)));
		assert_memory_equal(unpacked.data, body_of(&first), unpacked.len);
	}
	assert_int_equal(made_cnt, 1);
	buf_release(&first);
	buf_release(&b);
	buf_release(&unpacked);
}

/* Who is slow still gets the version that was asked for, to its end. */
static void a_new_version_replaces_the_shared_one(void **state)
{
	struct buf b = { 0 };
	int slow = client();

	(void)state;
	tell(slow, GET("/shared", ""));
	assert_int_equal(recv(slow, &(char){ 0 }, 1, MSG_PEEK), 1);
	version = 2;
	ask(GET("/shared", ""), &b);
	has(&b, "version 2\n");
	ask(GET("/shared", ""), &b);
	assert_int_equal(made_cnt, 2);
	buf_reset(&b);
	listen_to(slow, &b);
	has(&b, "version 1\n");
	buf_release(&b);
}

/* Many who read slowly what is the same are no reason to refuse anybody. */
static void slow_readers_of_the_same_are_not_limited(void **state)
{
	enum { SLOW = 100 };
	struct buf b = { 0 };
	int fd[SLOW];

	(void)state;
	for (int i = 0; i < SLOW; i++) {
		fd[i] = client();
		setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
		tell(fd[i], GET("/shared", ""));
	}
	is_served();
	ask(GET("/shared", ""), &b);
	has(&b, "HTTP/1.1 200 ");
	assert_false(is_refused());
	for (int i = 0; i < SLOW; i++)
		close(fd[i]);
	buf_release(&b);
}

/* Whoever asks alone is answered; of many at once some are told to come back, and nobody else waits for them. */
static void heavy_replies_do_not_keep_others_waiting(void **state)
{
	enum { CLIENTS = 100 };
	struct buf b = { 0 };
	unsigned made = 0;
	int fd[CLIENTS];

	(void)state;
	for (int i = 0; i < 5; i++) {
		ask(GET("/heavy", ""), &b);
		assert_string_equal(body_of(&b), "made");
	}
	for (int i = 0; i < CLIENTS; i++)
		fd[i] = client();
	for (int i = 0; i < CLIENTS; i++)
		tell(fd[i], GET("/heavy", ""));
	ask_on(control_client(), GET("/heavy", ""), &b);
	assert_string_equal(body_of(&b), "made");
	is_served();
	for (int i = 0; i < CLIENTS; i++) {
		buf_reset(&b);
		listen_to(fd[i], &b);
		made += !strcmp(body_of(&b), "made");
		if (strcmp(body_of(&b), "made") != 0)
			has(&b, "HTTP/1.1 503 ");
	}
	assert_in_range(made, 1, CLIENTS - 1);
	buf_release(&b);
}

static void queries_are_parsed(void **state)
{
	struct buf b = { 0 };

	(void)state;
	ask(GET("/query?x=1&a=p%2099&c", ""), &b);
	assert_string_equal(body_of(&b), "a is p 99, b is -");
	ask(GET("/query", ""), &b);
	assert_string_equal(body_of(&b), "a is -, b is -");
	buf_release(&b);
}

#define POST(path, length, text)                                     \
	"POST " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" \
	"Content-Length: " length "\r\n\r\n" text

static void the_control_socket_may_do_more(void **state)
{
	struct buf b = { 0 };

	(void)state;
	ask_on(control_client(), GET("/hello", ""), &b);
	assert_string_equal(body_of(&b), "hello you -\n");
	ask_on(control_client(), GET("/secret", ""), &b);
	has(&b, "HTTP/1.1 200 ");
	ask(GET("/secret", ""), &b);
	has(&b, "HTTP/1.1 403 ");
	has_not(&b, "hello");
	ask(POST("/change", "0", ""), &b);
	has(&b, "HTTP/1.1 403 ");
	assert_int_equal(changed_cnt, 0);
	ask_on(control_client(), POST("/change", "3", "a=b"), &b);
	has(&b, "HTTP/1.1 200 ");
	assert_int_equal(changed_cnt, 1);
	ask_on(control_client(), GET("/change", ""), &b);
	has(&b, "HTTP/1.1 405 ");
	has(&b, "Allow: POST\r\n");
	assert_int_equal(changed_cnt, 1);
	ask_on(control_client(), GET("/both", ""), &b);
	assert_string_equal(body_of(&b), "hello you -\n");
	assert_int_equal(changed_cnt, 1);
	ask_on(control_client(), POST("/both", "0", ""), &b);
	has(&b, "HTTP/1.1 200 ");
	assert_int_equal(changed_cnt, 2);
	ask(POST("/both", "0", ""), &b);
	has(&b, "HTTP/1.1 403 ");
	ask_on(control_client(), "PUT /both HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &b);
	has(&b, "HTTP/1.1 405 ");
	has(&b, "Allow: GET, HEAD, POST\r\n");
	assert_int_equal(changed_cnt, 2);
	buf_release(&b);
}

static void the_client_gets_what_is_answered(void **state)
{
	char long_path[200], *end = memset(long_path, 'x', sizeof(long_path));
	unsigned status = 0;
	struct buf b = { 0 };

	(void)state;
	end[sizeof(long_path) - 1] = '\0';
	assert_int_equal(control_get(socket_path, "/hello", &status, &b), 0);
	assert_int_equal(status, 200);
	assert_string_equal(buf_cstr(&b), "hello you -\n");
	assert_int_equal(control_get(socket_path, "/big", &status, &b), 0);
	assert_true(b.len >= BIG_BYTES);
	assert_int_equal(control_get(socket_path, "/nowhere", &status, &b), 0);
	assert_int_equal(status, 404);
	assert_int_equal(control_get(socket_path, "/change", &status, &b), 0);
	assert_int_equal(status, 405);
	assert_int_equal(control_post(socket_path, "/change", &status, &b), 0);
	assert_int_equal(status, 200);
	assert_int_equal(control_get("/nonexistent/api.sock", "/", &status, &b), -ENOENT);
	assert_int_equal(control_get("/dev/null", "/", &status, &b), -ENOENT);
	assert_int_equal(control_get(long_path, "/", &status, &b), -ENAMETOOLONG);
	buf_release(&b);
}

/* What was left by the dead is replaced; what is in use, or is no socket, is not touched. */
static void unix_sockets_are_opened_for_the_owner_only(void **state)
{
	char path[96], file[96];
	struct stat st;
	int fd, second;

	(void)state;
	snprintf(path, sizeof(path), "%s/other.sock", directory);
	snprintf(file, sizeof(file), "%s/file", directory);
	fd = listen_unix(path);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(listen_unix(path), -EADDRINUSE);
	close(fd);
	second = listen_unix(path);
	assert_true(second >= 0);
	close(second);
	assert_int_equal(unlink(path), 0);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(listen_unix(file), -EEXIST);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(listen_unix("/nonexistent/x"), -ENOENT);
}

static void a_taken_address_is_told(void **state)
{
	char address[32];

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	assert_int_equal(listen_open(address), -EADDRINUSE);
	assert_int_equal(listen_open("192.0.2.1:0"), -EADDRNOTAVAIL);
	assert_int_equal(listen_open("nonsense"), -EINVAL);
	http_server_free(NULL);
	http_shared_drop(&(struct http_shared *){ NULL });
}

static const struct {
	const char *listen;
	int family; /* 0: refused */
	const char *host;
	unsigned port;
} address[] = {
	{ "127.0.0.1:9469", AF_INET, "127.0.0.1", 9469 },
	{ "localhost:80", AF_INET, "127.0.0.1", 80 },
	{ "0.0.0.0:65535", AF_INET, "0.0.0.0", 65535 },
	{ "[::1]:0", AF_INET6, "::1", 0 },
	{ ":9469", AF_INET6, "::", 9469 },
	{ "", 0, NULL, 0 },
	{ ":", 0, NULL, 0 },
	{ "127.0.0.1", 0, NULL, 0 },
	{ "127.0.0.1:", 0, NULL, 0 },
	{ "127.0.0.1:65536", 0, NULL, 0 },
	{ "127.0.0.1:000000080", 0, NULL, 0 },
	{ "127.0.0.1:+80", 0, NULL, 0 },
	{ "127.0.0.1:80 ", 0, NULL, 0 },
	{ "::1:80", 0, NULL, 0 },
	{ "[::1]", 0, NULL, 0 },
	{ "[]:80", 0, NULL, 0 },
	{ "[:80", 0, NULL, 0 },
	{ "[127.0.0.1]:80", 0, NULL, 0 },
	{ "host.example:80", 0, NULL, 0 },
	{ "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1", 0, NULL, 0 },
};

static void addresses_are_parsed(void **state)
{
	struct sockaddr_storage addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
	char host[INET6_ADDRSTRLEN];
	socklen_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(address) / sizeof(*address); i++) {
		int err = listen_parse(address[i].listen, &addr, &len);

		if (err != (address[i].family ? 0 : -EINVAL))
			fail_msg("'%s': %d", address[i].listen, err);
		if (err)
			continue;
		assert_int_equal(addr.ss_family, address[i].family);
		inet_ntop(addr.ss_family,
			  addr.ss_family == AF_INET ? (void *)&in->sin_addr : &in6->sin6_addr, host,
			  sizeof(host));
		assert_string_equal(host, address[i].host);
		assert_int_equal(ntohs(in->sin_port), address[i].port);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(get_is_answered),
	cmocka_unit_test(failures_have_their_status),
	cmocka_unit_test(head_has_no_body),
	cmocka_unit_test(gzip_is_the_same),
	cmocka_unit_test(pipelined_requests_are_answered_in_order),
	cmocka_unit_test(a_byte_at_a_time_will_do),
	cmocka_unit_test(garbage_is_refused),
	cmocka_unit_test(idle_connections_keep_nobody_out),
	cmocka_unit_test(the_longest_idle_have_to_go),
	cmocka_unit_test(slow_readers_are_limited),
	cmocka_unit_test(shared_replies_are_made_once),
	cmocka_unit_test(a_new_version_replaces_the_shared_one),
	cmocka_unit_test(slow_readers_of_the_same_are_not_limited),
	cmocka_unit_test(heavy_replies_do_not_keep_others_waiting),
	cmocka_unit_test(queries_are_parsed),
	cmocka_unit_test(the_control_socket_may_do_more),
	cmocka_unit_test(the_client_gets_what_is_answered),
	cmocka_unit_test(unix_sockets_are_opened_for_the_owner_only),
	cmocka_unit_test(a_taken_address_is_told),
	cmocka_unit_test(addresses_are_parsed),
};

int main(void)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return cmocka_run_group_tests_name("http", tests, setup, teardown);
}
