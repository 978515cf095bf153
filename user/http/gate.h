/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may come in: what the web configuration in effect says of clients and their requests. */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include <microhttpd.h>

#include "http/token_bucket.h"
#include "http/client.h"
#include "http/login.h"
#include "http/reply.h"
#include "http/secure.h"

struct gate {
	struct loop *loop;
	struct secure *secure; /* in effect; NULL: there is none, and everybody may come in */
	struct secure *before; /* those that connections still have */
	struct logins *logins; /* from the first users on */
	struct token_bucket rate;
	uint64_t version; /* grows with each that comes into effect */
};

enum gate_answer {
	GATE_OPEN,
	GATE_WAIT,   /* `done` of the client's wait will be called */
	GATE_REFUSE, /* the reply says why */
	GATE_CLOSE,  /* no reply: the connection is of a time when others were trusted */
};

/* Takes it; NULL: none any more. False: no memory, and nothing was taken. */
bool gate_set(struct gate *g, struct secure *secure);
bool gate_has_tls(const struct gate *g);
/* A connection begins, over TLS, and ends. */
void gate_begin(struct gate *g, struct client *c);
void gate_end(struct gate *g, struct client *c);
/* Frees what no connection has any more; not while one is being closed. */
void gate_sweep(struct gate *g);
/* Is the connection of a time before what is in effect, and its next reply the last? */
bool gate_is_stale(const struct gate *g, const struct client *c);

/* The headers of a request of somebody who is not on the control socket are there: sets what the client may have. */
enum gate_answer gate_enter(struct gate *g, struct client *c, struct MHD_Connection *connection,
			    const char *path, struct http_reply *reply);
/* The reply to a wrong name or password. */
void gate_refuse(struct http_reply *reply);

/* Before the connections end: those who wait go on. */
void gate_close(struct gate *g);
/* Afterwards. */
void gate_release(struct gate *g);

#endif
