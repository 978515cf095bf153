/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies to requests: what handlers make of them, and what is sent. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "http/request.h"
#include "lib/buf.h"

struct client;
struct connection_later;
struct http_shared;
struct web;

#define HTTP_TEXT "text/plain; charset=utf-8"

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
	uint64_t version, gate_version;
	const struct web *web;
	/* Who answers for another process: does that have this version of what the slot is for? NULL: it is for us. */
	bool (*held)(void *ctx, struct http_shared **slot, uint64_t version);
	void *held_ctx;
};

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
/* What is in a slot, and can be sent, is of this version; 0: there is nothing. */
uint64_t http_shared_version(const struct http_shared *shared);

/* --- the server's */

/* For requests whose `owner` is the client, which is suspended until then. */
struct http_later *connection_suspend(const struct http_request *request);
/* Takes what was sent. */
void later_take(struct client *c, struct http_reply *r);
void later_free(struct connection_later *l);
/*
 * Sends it, and frees the body; `admit` is asked whether one more big body may be on its way. False: the connection has to be closed.
 */
bool reply_deliver(struct http_reply *r, struct client *c, bool gzip, bool (*admit)(void *ctx),
		   void *ctx);

#endif
