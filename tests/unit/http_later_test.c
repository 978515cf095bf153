// SPDX-License-Identifier: BSD-3-Clause
/* Replies that are given later: others are answered meanwhile, clients may go, and the server may end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/listen.h"
#include "http/server.h"

#define WAITING_MAX 8

static struct http_server *server;
static struct loop *loop;
static struct watch *told;
static pthread_t thread;
static int tell_pipe[2],
	taken_pipe[2]; /* to the server's thread; one byte for each request that waits */
static unsigned port, waiting_cnt;
static struct http_later *waiting[WAITING_MAX];

static void serve_hello(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx, (void)request;
	buf_str(&reply->body, "hello\n");
}

static void serve_later(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	buf_str(&reply->body, "not this\n");
	waiting[waiting_cnt] = http_reply_later(request);
	assert_non_null(waiting[waiting_cnt]);
	waiting_cnt++;
	assert_int_equal(write(taken_pipe[1], "+", 1), 1);
}

/* It could have been given as any other. */
static void serve_at_once(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	struct http_later *later = http_reply_later(request);

	(void)ctx;
	assert_non_null(later);
	http_reply_init(reply);
	reply->status = 202;
	buf_str(&reply->body, "at once\n");
	http_later_send(later, reply);
	reply->body = (struct buf){ 0 };
}

static const struct http_route routes[] = {
	{ "/at-once", serve_at_once },
	{ "/hello", serve_hello },
	{ "/later", serve_later },
	{ NULL, NULL },
};

static void send_all(void)
{
	for (; waiting_cnt; waiting_cnt--) {
		struct http_reply reply;

		http_reply_init(&reply);
		reply.status = 202;
		buf_str(&reply.body, "at last\n");
		http_later_send(waiting[waiting_cnt - 1], &reply);
	}
}

/* 's': send all replies; 'e': end with them, or without. */
static void told_ready(void *ctx, unsigned events)
{
	char what;

	(void)ctx, (void)events;
	if (read(tell_pipe[0], &what, 1) == 1 && what == 's')
		send_all();
	else
		loop_end(loop, 0);
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
	if (fd < 0 || !loop || pipe(tell_pipe) || pipe(taken_pipe) ||
	    http_server_new(&server, loop, routes, NULL, 64, 2) ||
	    http_server_listen(server, fd, false))
		return -1;
	told = loop_watch(loop, tell_pipe[0], LOOP_READ, told_ready, NULL);
	return told ? pthread_create(&thread, NULL, serve, NULL) : -1;
}

static void tell(char what)
{
	assert_int_equal(write(tell_pipe[1], &what, 1), 1);
}

static int teardown(void **state)
{
	(void)state;
	tell('e');
	pthread_join(thread, NULL);
	send_all();
	http_server_free(server);
	loop_free(loop);
	for (int i = 0; i < 2; i++) {
		close(tell_pipe[i]);
		close(taken_pipe[i]);
	}
	return 0;
}

/* A client that has asked; reads end with an error after 5 s. */
static int ask(const char *path)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_true(dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path) >
		    0);
	return fd;
}

static void is_answered(int fd, const char *status, const char *body)
{
	struct buf b = { 0 };
	ssize_t n = 1;

	while (n > 0) {
		assert_true(buf_reserve(&b, 4096));
		n = recv(fd, b.data + b.len, 4095, 0);
		b.len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	assert_int_equal(n, 0);
	assert_non_null(strstr(buf_cstr(&b), status));
	assert_non_null(strstr(b.data, "\r\n\r\n"));
	assert_string_equal(strstr(b.data, "\r\n\r\n") + 4, body);
	buf_release(&b);
}

static void wait_taken(void)
{
	char c;

	assert_int_equal(read(taken_pipe[0], &c, 1), 1);
}

static void others_are_answered_meanwhile(void **state)
{
	int first = ask("/later"), second;
	char c;

	(void)state;
	wait_taken();
	second = ask("/later");
	wait_taken();
	is_answered(ask("/hello"), " 200 ", "hello\n");
	assert_int_equal(recv(first, &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	tell('s');
	is_answered(first, " 202 ", "at last\n");
	is_answered(second, " 202 ", "at last\n");
}

static void clients_may_go(void **state)
{
	int fd = ask("/later");

	(void)state;
	wait_taken();
	close(fd);
	is_answered(ask("/hello"), " 200 ", "hello\n");
	tell('s');
	is_answered(ask("/hello"), " 200 ", "hello\n");
}

/* Nothing else happens then that would have the server look. */
static void it_may_be_sent_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		is_answered(ask("/at-once"), " 202 ", "at once\n");
}

/* Teardown sends it when nothing runs any more. */
static void the_server_may_end(void **state)
{
	int fd = ask("/later");

	(void)state;
	wait_taken();
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(others_are_answered_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(clients_may_go, setup, teardown),
		cmocka_unit_test_setup_teardown(it_may_be_sent_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_server_may_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
