/* SPDX-License-Identifier: BSD-3-Clause */
/* What the handler of a route may ask of a request, whatever it has come by. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>

struct http_request;
struct http_reply;
struct http_later;

enum http_access {
	HTTP_OPEN,    /* everybody who gets to the endpoint */
	HTTP_TRUSTED, /* control sockets, and those who have shown who they are */
	HTTP_CONTROL, /* control sockets: it names a file that this process reads with its own rights */
};

/* Where a request has come from: a connection, or another process. */
struct http_request_ops {
	const char *(*header)(const struct http_request *request, const char *name);
	const char *(*query)(const struct http_request *request, const char *name);
	struct http_later *(*later)(const struct http_request *request);
};

struct http_request {
	const struct http_request_ops *ops;
	void *owner, *from;	 /* theirs */
	enum http_access access; /* of who asks */
};

/* A reply that is given later; what it is the beginning of is whose request it was. */
struct http_later {
	void (*send)(struct http_later *l, const struct http_reply *reply);
};

/* A header's or a query parameter's value, NULL when it was not sent. Valid while the handler runs. */
static inline const char *http_request_header(const struct http_request *request, const char *name)
{
	return request->ops->header(request, name);
}

static inline const char *http_request_query(const struct http_request *request, const char *name)
{
	return request->ops->query(request, name);
}

/* May who asks have what is for these? */
static inline bool http_request_may(const struct http_request *request, enum http_access access)
{
	return access <= request->access;
}

#endif
