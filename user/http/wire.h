/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the front, which speaks to the network, and the daemon, which knows the answers, say to each other: a message a request,
 * one for its reply, over a socket of packets. The daemon trusts nothing in a request. The first message is a struct wire_setup with the
 * listening sockets; later ones tell of what has changed.
 */
#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_TEXT_MAX (20 * 1024) /* all headers of a request are 16 KiB at most */
#define WIRE_TYPE_MAX 128
#define WIRE_BODY_MAX 4096
#define WIRE_SLOTS    8 /* kinds of replies that are the same for many clients */

enum wire_web {
	WIRE_WEB_KEPT, /* at first: there is none */
	WIRE_WEB_NONE,
	WIRE_WEB_FILE, /* the last descriptor of the message: conf/web_pack.h */
};

struct wire_setup {
	uint64_t number;		/* 0: it is no reply */
	uint32_t connections;		/* at a time; of the first one */
	uint32_t log_level, log_format; /* as the daemon's */
	uint32_t web;			/* the web configuration: enum wire_web */
};

struct wire_request {
	uint64_t number; /* from 1 on; the reply has the same */
	uint32_t access; /* enum http_access, of the client; the daemon believes it to a limit */
	uint32_t post;
	/* Versions of shared replies that the front has already; 0: none. */
	uint64_t held[WIRE_SLOTS];
	/* Path, Accept, then name and value of each parameter, with a NUL behind each. */
	char text[WIRE_TEXT_MAX];
};

struct wire_reply {
	uint64_t number;
	uint64_t version;
	uint64_t same_until_ns; /* of a shared one: until then the front need not ask again */
	uint64_t body_bytes;
	uint32_t status;    /* 0: it comes later, of the same number */
	uint32_t slot;	    /* 1 to WIRE_SLOTS: others get the same; 0: no */
	uint32_t unchanged; /* the front has it: there is no body */
	char content_type[WIRE_TYPE_MAX];
	char body[WIRE_BODY_MAX]; /* one that is longer is a file that comes with the message */
};
#define WIRE_REPLY_MIN offsetof(struct wire_reply, body)

/* The texts of a message that has come. */
struct wire_texts {
	const char *path, *accept, *params;
	const char *end; /* of the parameters */
};

/* Appends a text; *len is that of the message. False: it is too long. */
bool wire_request_add(struct wire_request *r, size_t *len, const char *text);
#define WIRE_REQUEST_MIN offsetof(struct wire_request, text)
/* False: this is no request. */
bool wire_request_read(const struct wire_request *r, size_t len, struct wire_texts *texts);
/* NULL: there is no such parameter. */
const char *wire_query(const struct wire_texts *texts, const char *name);

#endif
