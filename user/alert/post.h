/* SPDX-License-Identifier: BSD-3-Clause */
/* Posting JSON to another machine: for the threads of targets. */
#ifndef ALERT_POST_H
#define ALERT_POST_H

#include "alert/target.h"
#include "conf/target.h"

struct post;

/* To the target's URL with this path behind it. Copies what it needs. NULL: no memory. */
struct post *post_new(const struct http_target *conf, const char *path);
void post_free(struct post *p);
/* Accepted is what is answered with 2xx; redirects are not followed. */
enum send_result post_send(struct post *p, const struct buf *json, struct sending *s);

/* The argument of the program that makes it the process that posts a message, and its life. */
#define POST_COMMAND "post"
int post_main(void);

/* Appends what is readable of the first line of an answer, which may be any bytes. */
void post_excerpt(struct buf *out, const char *answer, size_t len);

#endif
