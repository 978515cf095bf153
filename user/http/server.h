/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The endpoint: one table of routes, served on any number of listening sockets in the event loop. Those that
 * come in on a control socket may use all of them.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/reply.h"
#include "lib/loop.h"

struct http_server;
struct secure;

struct http_route {
	const char *path;
	void (*handler)(void *ctx, const struct http_request *request, struct http_reply *reply);
	enum http_access access;
	bool heavy; /* takes long to make: what there is no time for is refused, but to control clients */
	/* By POST, of which the body is dropped, instead of GET and HEAD: a path may have a route for either. */
	bool post;
	const char *about; /* for the page with links; NULL: it is not on it */
};

/*
 * The routes end with one without path and outlive the server, which holds so many connections at most, of so many listening
 * sockets, of which one is a control socket.
 * 0 or negative errno.
 */
int http_server_new(struct http_server **ret, struct loop *loop, const struct http_route *routes,
		    void *ctx, unsigned connections, unsigned listeners);
/*
 * From now on all replies are made by this function, whatever the route's handler; and another one is called before it is decided what
 * holds for a connection or a request that has come: it may call http_server_secure(). Both are passed the server's ctx.
 */
void http_server_forward(struct http_server *s,
			 void (*make)(void *ctx, const struct http_route *route,
				      const struct http_request *request, struct http_reply *reply),
			 void (*refresh)(void *ctx));
/* Serves this listening socket (http/listen.h), and closes it in any case. 0 or negative errno. */
int http_server_listen(struct http_server *s, int fd, bool control);
/*
 * Takes the web configuration (http/secure.h) that is in effect from now on, but on the control socket; NULL: none any more. TLS is
 * for TCP, the rest for Unix sockets, too. 0, or negative errno, and it was not taken.
 */
int http_server_secure(struct http_server *s, struct secure *secure);
void http_server_free(struct http_server *s);

#endif
