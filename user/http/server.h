/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The endpoint: one table of routes, served on any number of listening sockets in the event loop. Those that
 * come in on a control socket may use all of them.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/request.h"
#include "lib/buf.h"
#include "lib/loop.h"

struct http_server;
struct http_shared;

/* Starts as 200, text/plain and an empty body; the server compresses, sends and frees the body. */
struct http_reply {
	unsigned status;
	const char *content_type;
	struct buf body;
	uint64_t
		same_until_ns; /* clock_now_ns(): until then the same request would get the same, as far as is known */
	/* Private to http_reply_share() and the server. */
	const char *allow;
	struct http_shared **shared;
	uint64_t version;
	/* Who answers for another process: does that have this version of what the slot is for? NULL: it is for us. */
	bool (*held)(void *ctx, struct http_shared **slot, uint64_t version);
	void *held_ctx;
};

#define HTTP_TEXT "text/plain; charset=utf-8"

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
/* From now on all replies are made by this function, whatever the route's handler; it is passed the server's ctx. */
void http_server_forward(struct http_server *s,
			 void (*make)(void *ctx, const struct http_route *route,
				      const struct http_request *request,
				      struct http_reply *reply));
/* Serves this listening socket (http/listen.h), and closes it in any case. 0 or negative errno. */
int http_server_listen(struct http_server *s, int fd, bool control);
void http_server_free(struct http_server *s);

/* A header's or a query parameter's value, NULL when it was not sent. Valid while the handler runs. */
const char *http_request_header(const struct http_request *request, const char *name);
const char *http_request_query(const struct http_request *request, const char *name);
/* May who asks have what is for these? */
bool http_request_may(const struct http_request *request, enum http_access access);

/* Replaces what the reply was to be by a message, as plain text. */
void http_reply_fail(struct http_reply *r, unsigned status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The reply is given later: what the handler has written of it is dropped. Whoever asks for it has to send it before the server is freed,
 * whether the client is still there or not. NULL: no memory.
 */
struct http_later *http_reply_later(const struct http_request *request);
/* Takes the reply, which starts as those of handlers do; by http_reply_init() where there is none yet. */
void http_later_send(struct http_later *l, const struct http_reply *reply);
void http_reply_init(struct http_reply *r);

/*
 * Replies whose bytes are the same are made and compressed once, and kept in *slot, NULL at first, until
 * another version is asked for; type and status have to be the same as well. True: the slot has this version,
 * and nothing is left to do; otherwise the handler writes the body as ever.
 */
bool http_reply_share(struct http_reply *r, struct http_shared **slot, uint64_t version);
/* Empties the slot; those to whom it is being sent still get it. */
void http_shared_drop(struct http_shared **slot);

#endif
