/* SPDX-License-Identifier: BSD-3-Clause */
/* What is sent: bytes with their headers. One copy of them can be on its way to any number of clients. */
#ifndef HTTP_PAYLOAD_H
#define HTTP_PAYLOAD_H

#include <stdbool.h>

#include "lib/buf.h"

struct MHD_Response;
struct web;

struct body {
	struct buf text;
	unsigned refs;
	unsigned clients; /* to whom it is being sent */
};

struct payload {
	struct MHD_Response *response; /* NULL: there is none */
	struct body *body;	       /* as long as there is a response */
};

struct payload_head {
	unsigned status;
	const char *content_type;
	const char *allow;     /* methods, for who had the wrong one; NULL */
	const struct web *web; /* headers that everybody gets; NULL: none */
	bool last;	       /* the connection ends after it */
};

/* Takes the text, in any case. False: no memory. */
bool payload_make(struct payload *p, struct buf *text, const struct payload_head *head, bool gzip);
/* The same text with another head. False: no memory. */
bool payload_copy(struct payload *to, const struct payload *from, const struct payload_head *head,
		  bool gzip);
/* In its place. False: no memory, and it has the one of before. */
bool payload_renew(struct payload *p, const struct payload_head *head, bool gzip);
/* The same as gzip. False: no memory. */
bool payload_make_gzip(struct payload *p, const struct payload *plain,
		       const struct payload_head *head);
/* Lets go of it; those who send it still have it. */
void payload_release(struct payload *p);

/* Those above this size may take long to send and much memory meanwhile. */
#define BIG_BODY_BYTES ((size_t)64 * 1024)
static inline bool body_is_big(const struct body *b)
{
	return b->text.len > BIG_BODY_BYTES;
}

void body_unref(struct body *b);

#endif
