/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The HTTP endpoint: GET and HEAD on a table of paths. It has no thread of its own: wait until
 * http_server_fd() is readable or http_server_timeout_ms() has passed, then call http_server_run().
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "lib/buf.h"

struct http_server;
struct http_request;

/* Starts as 200, text/plain and an empty body; the server compresses, sends and frees the body. */
struct http_reply {
	unsigned status;
	const char *content_type;
	struct buf body;
};

struct http_route {
	const char *path;
	void (*handler)(void *ctx, const struct http_request *request, struct http_reply *reply);
};

/*
 * listen as in http/listen.h, with its errors; port 0 takes any. The routes end with one without path
 * and outlive the server.
 */
int http_server_new(struct http_server **ret, const char *listen, const struct http_route *routes,
		    void *ctx);
void http_server_free(struct http_server *s);
int http_server_fd(const struct http_server *s);
/* How long to wait at most, -1 for ever. */
int http_server_timeout_ms(const struct http_server *s);
void http_server_run(struct http_server *s);
unsigned http_server_port(const struct http_server *s);

/* A header's value, NULL when it was not sent. Valid while the handler runs. */
const char *http_request_header(const struct http_request *request, const char *name);

#endif
