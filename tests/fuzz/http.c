// SPDX-License-Identifier: BSD-3-Clause
/*
 * The bytes of a connection: whatever comes, the server answers in HTTP or not at all, a handler sees
 * only its own path, and the next client is served. The same bytes as an address to listen on.
 */
#include <netinet/in.h>
#include <poll.h>
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

static void serve_metrics(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	reply->content_type = accept_format(http_request_header(request, "Accept"))->content_type;
	buf_str(&reply->body, "metrics");
}

static const struct http_route routes[] = { { "/metrics", serve_metrics }, { NULL, NULL } };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	REQUIRE(!http_server_new(&server, "127.0.0.1:0", routes, NULL));
	return 0;
}

/* Sends, ends, and collects what comes back until the server closes. */
static size_t converse(const void *data, size_t size, char *reply, size_t reply_size)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)http_server_port(server)),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t n = -1;

	REQUIRE(!connect(fd, (struct sockaddr *)&to, sizeof(to)));
	send(fd, data, size, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 1000 && n; i++) {
		struct pollfd p = { http_server_fd(server), POLLIN, 0 };

		poll(&p, 1, 0);
		http_server_run(server);
		n = recv(fd, reply + len, reply_size - len, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
	}
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(fd);
	return len;
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

	len = converse(data, size, reply, sizeof(reply));
	REQUIRE(!len || (len > 12 && !memcmp(reply, "HTTP/1.", 7)));
	if (len && !memmem(data, size, "metrics", 7) && !memchr(data, '%', size))
		REQUIRE(memcmp(reply + 8, " 200", 4));
	len = converse(PROBE, strlen(PROBE), reply, sizeof(reply));
	REQUIRE(len > 12 && !memcmp(reply + 8, " 200", 4));
	return 0;
}
