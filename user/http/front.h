/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front: the process that speaks to the network, in a sandbox (lib/sandbox.h). It asks the daemon for the reply of a route that
 * its clients may use, and can ask for nothing else. When it ends it is started again, and who has connected meanwhile waits.
 */
#ifndef HTTP_FRONT_H
#define HTTP_FRONT_H

#include "http/server.h"
#include "lib/log.h"

#define FRONT_LISTENERS_MAX   64 /* a message can carry 253 */
#define FRONT_DESCRIPTORS_MAX (FRONT_LISTENERS_MAX + 1)

struct front;
struct web;

struct front_options {
	struct loop *loop;
	const struct http_route *routes; /* as of http_server_new() */
	void *ctx;
	const int *listeners; /* the front closes them in any case */
	unsigned listener_cnt;
	unsigned connections; /* at a time */
	enum log_format log_format;
};

/* 0 or negative errno. */
int front_new(struct front **ret, const struct front_options *options);
/* Starts the process. 0 or negative errno. */
int front_start(struct front *f);
/*
 * The web configuration (conf/web.h) that is in effect from now on, NULL: none. It also says what clients may have at most. What comes
 * after this call is served by it. 0, or negative errno, and it stays as it was.
 */
int front_secure(struct front *f, const struct web *web);
/* How it logs from now on: at the level that is in effect here, and in this format. */
void front_log(struct front *f, enum log_format format);
/* Ends the process. */
void front_free(struct front *f);

/* The argument of the program that makes it this process. */
#define FRONT_COMMAND "front"
/* Its life; the routes are those that the daemon has. */
int front_main(const struct http_route *routes);

#endif
