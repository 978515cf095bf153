/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is connected, by the socket that they came in on. Nobody can keep others out by holding connections, idle
 * or trickling: when a socket has as many as it may have, the one that has not made a request for the longest
 * time has to go.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#include "http/login.h"

struct MHD_Connection;
struct http_server;
struct body;
struct connection_later;
struct secure;
struct tunnel;

struct client {
	struct client *prev, *next;
	struct client_list *list;
	struct tunnel *tunnel; /* that it has come by; NULL: none */
	int fd;		       /* the connection's */
	struct sockaddr_storage address;
	time_t last_request;
	struct body *body;		/* that it is being sent */
	struct connection_later *later; /* its reply, which is given later; the server's */
	bool evicted;			/* shut down and out of the list */
	/* The server's, and that of who may come in (gate.h). */
	struct MHD_Connection *connection; /* NULL: its handshake is under way */
	struct timer *wake;		   /* of the library */
	struct secure *secure;		   /* NULL: no TLS */
	bool verified;			   /* its certificate was */
	struct login_wait wait;
	uint64_t version; /* of what was in effect when the request was made to wait */
	bool last;	  /* the reply that it gets is */
	bool refused;	  /* the request that waited for it */
	bool trusted;	  /* has shown who it is */
};

struct client_list {
	struct client *first; /* the one whose last request is longest ago */
	unsigned cnt, max;
	struct http_server *server;
	unsigned *big_cnt; /* how many big bodies are on their way, to whomever */
	bool control;	   /* they may do everything */
	bool tcp;	   /* over TLS, where there is TLS */
};

/* NULL: no memory. */
struct client *client_new(struct client_list *list, const struct sockaddr_storage *address);
void client_free(struct client *c);
/* It makes a request now. */
void client_touch(struct client *c);
/* It is being sent this body, NULL: none. */
void client_set_body(struct client *c, struct body *body);
/* Shuts its connection down; one that has not come to its handshake's end is freed. */
void client_evict(struct client *c);
/* Evicts until there is room for one more. */
void client_list_make_room(struct client_list *list);
/* A big body that has been on its way for this long, NULL: there is none. */
const struct body *client_list_slow(const struct client_list *list, time_t seconds);
/* Evicts all to whom it is being sent. */
void client_list_evict(struct client_list *list, const struct body *body);

#endif
