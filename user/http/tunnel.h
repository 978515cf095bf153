/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections over TLS. A thread computes the handshakes, so that nobody waits for them who has had one, in turns of their addresses
 * (turns.h); afterwards bytes go both ways between the client and one end of a pair of sockets, whose other end is a connection as any
 * other.
 */
#ifndef HTTP_TUNNEL_H
#define HTTP_TUNNEL_H

#include "http/secure.h"
#include "lib/loop.h"

struct sockaddr;
struct tunnel;
struct tunnels;

struct tunnels_options {
	struct loop *loop;
	unsigned max; /* at a time */
	/* The handshake is done: takes the socket of the plain connection. False: it is of no use. */
	bool (*opened)(void *owner, int fd, bool verified);
	/* The tunnel is gone, and with it the owner, unless there is a plain connection. */
	void (*ended)(void *owner);
};

/* NULL with errno. May be called in a sandbox. */
struct tunnels *tunnels_new(const struct tunnels_options *options);
/* Ends all of them. */
void tunnels_free(struct tunnels *all);

/* Takes the client's socket in any case, which is connected to `from`. NULL: there is no memory, or there are too many. */
struct tunnel *tunnel_new(struct tunnels *all, int fd, const struct sockaddr *from,
			  struct secure *secure, void *owner);
/* Ends it at once, or when its thread is done. */
void tunnel_end(struct tunnel *t);
/* The plain connection has ended, and so has its owner: the client gets what is on its way, if it takes it soon. */
void tunnel_leave(struct tunnel *t);

#endif
