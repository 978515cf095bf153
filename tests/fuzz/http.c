// SPDX-License-Identifier: BSD-3-Clause
/*
 * The bytes of a connection: whatever comes, the server answers in HTTP or not at all, a handler sees
 * only its own path, and the next client is served. The same bytes as an address to listen on.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expo/accept.h"
#include "http/listen.h"
#include "http/server.h"

#define REQUIRE(cond) ((cond) ? (void)0 : abort())
#define PROBE	      "GET /metrics HTTP/1.0\r\n\r\n"

static struct http_server *server;
static struct loop *loop;
static struct timer *limit;
static unsigned port;

static void serve_metrics(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	reply->content_type = accept_format(http_request_header(request, "Accept"))->content_type;
	buf_str(&reply->body, "metrics");
}

static const struct http_route routes[] = { { "/metrics", serve_metrics }, { .path = NULL } };

static void limit_reached(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	loop_end(ctx, 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd = listen_open("127.0.0.1:0");
	sigset_t all;

	(void)argc, (void)argv;
	REQUIRE(fd >= 0);
	port = listen_port(fd);
	loop = loop_new();
	REQUIRE(loop && !http_server_new(&server, loop, routes, NULL, 64, 1));
	REQUIRE(!http_server_listen(server, fd, false));
	limit = loop_timer(loop, limit_reached, loop);
	REQUIRE(limit);
	/* the fuzzer ends by them, not the loop */
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	return 0;
}

struct client {
	int fd;
	char *reply;
	size_t len, size;
};

static void client_ready(void *ctx, unsigned events)
{
	struct client *c = ctx;
	ssize_t n = recv(c->fd, c->reply + c->len, c->size - c->len, MSG_DONTWAIT);

	(void)events;
	c->len += n > 0 ? (size_t)n : 0;
	if (n <= 0)
		loop_end(loop, 0);
}

/* Sends, ends, and collects what comes back until the server closes, or waits for more than there is. */
static size_t converse(const void *data, size_t size, unsigned limit_ms, char *reply,
		       size_t reply_size)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	struct client c = { socket(AF_INET, SOCK_STREAM, 0), reply, 0, reply_size };
	struct watch *watch;

	REQUIRE(!connect(c.fd, (struct sockaddr *)&to, sizeof(to)));
	send(c.fd, data, size, MSG_NOSIGNAL);
	shutdown(c.fd, SHUT_WR);
	watch = loop_watch(loop, c.fd, LOOP_READ, client_ready, &c);
	REQUIRE(watch);
	timer_set(limit, clock_now_ns() + limit_ms * NS_PER_MS);
	loop_run(loop);
	timer_stop(limit);
	watch_remove(watch);
	setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(c.fd);
	return c.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char reply[1 << 20];
	char *text = strndup((const char *)data, size);
	struct sockaddr_storage addr;
	socklen_t addr_len;
	size_t len;

	if (!listen_parse(text, &addr, &addr_len))
		REQUIRE(strchr(text, ':') && addr_len <= sizeof(addr));
	free(text);

	len = converse(data, size, 1, reply, sizeof(reply));
	REQUIRE(!len || (len > 12 && !memcmp(reply, "HTTP/1.", 7)));
	if (len && !memmem(data, size, "metrics", 7) && !memchr(data, '%', size))
		REQUIRE(memcmp(reply + 8, " 200", 4));
	len = converse(PROBE, strlen(PROBE), 10000, reply, sizeof(reply));
	REQUIRE(len > 12 && !memcmp(reply + 8, " 200", 4));
	return 0;
}
