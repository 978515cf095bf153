// SPDX-License-Identifier: BSD-3-Clause
/* The front itself, as the daemon starts it, with a client; the daemon is played here. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/web_pack.h"
#include "http/front.h"
#include "http/listen.h"
#include "http/wire.h"
#include "lib/part.h"

static int daemon_fd, log_fd;
static unsigned port;
static struct wire_request request;
static char response[4096];

static void not_called(void *ctx, const struct http_request *r, struct http_reply *to)
{
	(void)ctx, (void)r, (void)to;
}

static const struct http_route routes[] = { { "/shared", not_called }, { NULL, NULL } };

/* With a descriptor: the listening socket, or the file of a web configuration; -1: none. */
static void setup_send(enum wire_web web, enum log_level level, int fd)
{
	struct wire_setup setup = {
		.connections = 32,
		.log_level = level,
		.log_format = SEISMO_LOG_TEXT,
		.web = web,
	};
	struct iovec part = { &setup, sizeof(setup) };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = fd >= 0 ? &control : NULL,
				  .msg_controllen = fd >= 0 ? sizeof(control) : 0 };

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	assert_int_equal(sendmsg(daemon_fd, &message, 0), sizeof(setup));
}

/*
 * A client asks, and the daemon is asked; what it answers is what the client gets. Without a body it says that nothing has changed,
 * as it does in any case where the front has it. Returns the version that it has.
 */
static uint64_t answer_is(const char *body, const char *status, const char *expected)
{
	static const char get[] = "GET /shared HTTP/1.0\r\n\r\n";
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct wire_reply reply = { .version = 7, .slot = 1, .status = 200 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;
	ssize_t n = 1;

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, get, sizeof(get) - 1, 0), sizeof(get) - 1);
	assert_true(recv(daemon_fd, &request, sizeof(request), 0) > 0);
	if (request.held[0] == reply.version)
		body = "";
	reply.unchanged = !*body;
	reply.number = request.number;
	reply.body_bytes = strlen(body);
	strcpy(reply.content_type, "text/plain");
	memcpy(reply.body, body, strlen(body));
	assert_true(send(daemon_fd, &reply, WIRE_REPLY_MIN + strlen(body), 0) > 0);
	memset(response, 0, sizeof(response));
	for (; n > 0 && len < sizeof(response) - 1; len += (size_t)n)
		n = recv(fd, response + len, sizeof(response) - 1 - len, 0);
	close(fd);
	assert_non_null(strstr(response, status));
	assert_non_null(strstr(response, expected));
	return request.held[0];
}

static void what_it_has_not_got_is_not_empty(void **state)
{
	uint64_t held = 0;

	(void)state;
	assert_int_equal(answer_is("", " 503 ", "out of memory"), 0);
	assert_int_equal(answer_is("all of it", " 200 ", "\r\n\r\nall of it"), 0);
	/* it is kept for a moment */
	for (int i = 0; i < 10 && !held; i++)
		held = answer_is("all of it", " 200 ", "\r\n\r\nall of it");
	assert_int_equal(held, 7);
}

static bool has_header(void)
{
	answer_is("x", " 200 ", "\r\n");
	return strstr(response, "\r\nX-Frame-Options: deny\r\n");
}

/* Whoever comes after it was told is served by it. */
static void a_web_configuration_is_in_effect_at_once(void **state)
{
	struct web web = { .http.headers.frame_options = (char *)"deny" };
	struct buf packed = { 0 };
	int fd = memfd_create("web", MFD_CLOEXEC);

	(void)state;
	web_pack(&web, &packed);
	assert_int_equal(write(fd, packed.data, packed.len), packed.len);
	assert_false(has_header());
	for (int i = 0; i < 50; i++) {
		setup_send(WIRE_WEB_FILE, SEISMO_LOG_ERR, fd);
		assert_true(has_header());
		setup_send(WIRE_WEB_KEPT, SEISMO_LOG_ERR, -1);
		assert_true(has_header());
		setup_send(WIRE_WEB_NONE, SEISMO_LOG_ERR, -1);
		assert_false(has_header());
	}
	close(fd);
	buf_release(&packed);
}

static void it_logs_as_the_daemon_does(void **state)
{
	char said[256] = { 0 };

	(void)state;
	assert_int_equal(recv(log_fd, said, sizeof(said), MSG_DONTWAIT), -1);
	setup_send(WIRE_WEB_KEPT, SEISMO_LOG_DEBUG, -1);
	assert_true(recv(log_fd, said, sizeof(said) - 1, 0) > 0);
	assert_non_null(strstr(said, "debug"));
	setup_send(WIRE_WEB_KEPT, SEISMO_LOG_ERR, -1);
	has_header();
	assert_int_equal(recv(log_fd, said, sizeof(said), MSG_DONTWAIT), -1);
}

/* Its standard error is a socket that we read. */
static int process_start(pid_t *pid, int input)
{
	int ends[2], before = dup(STDERR_FILENO), err;

	if (before < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ||
	    dup2(ends[1], STDERR_FILENO) < 0)
		return -1;
	err = part_start(pid, FRONT_COMMAND, input, STDERR_FILENO);
	dup2(before, STDERR_FILENO);
	close(before);
	close(ends[1]);
	log_fd = ends[0];
	return err;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_has_not_got_is_not_empty),
		cmocka_unit_test(a_web_configuration_is_in_effect_at_once),
		cmocka_unit_test(it_logs_as_the_daemon_does),
	};
	int ends[2], listener, failed;
	pid_t pid;

	if (argc > 1 && !strcmp(argv[1], FRONT_COMMAND))
		return front_main(routes);
	alarm(60);
	listener = listen_open("127.0.0.1:0");
	if (listener < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) ||
	    process_start(&pid, ends[1]))
		return 1;
	port = listen_port(listener);
	close(ends[1]);
	daemon_fd = ends[0];
	setup_send(WIRE_WEB_KEPT, SEISMO_LOG_ERR, listener);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return failed;
}
