/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front: the process that speaks to the network, in a sandbox (lib/sandbox.h). It asks the daemon for the reply of a route that
 * its clients may use, and can ask for nothing else. When it ends it is started again, and who has connected meanwhile waits.
 */
#ifndef HTTP_FRONT_H
#define HTTP_FRONT_H

#include "http/server.h"
#include "lib/log.h"

#define FRONT_LISTENERS_MAX 64 /* a message can carry 253 */

struct front;

struct front_options {
	struct loop *loop;
	const struct http_route *routes; /* as of http_server_new() */
	void *ctx;
	const int *listeners; /* the front closes them in any case */
	unsigned listener_cnt;
	unsigned connections;	 /* at a time */
	enum http_access access; /* the most that clients of these sockets may ever have */
	enum log_format log_format;
};

/* Starts the process. 0 or negative errno. */
int front_new(struct front **ret, const struct front_options *options);
/* Ends the process. */
void front_free(struct front *f);

/* The argument of the program that makes it this process. */
#define FRONT_COMMAND "front"
/* Its life; the routes are those that the daemon has. */
int front_main(const struct http_route *routes);

#endif
