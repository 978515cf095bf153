/* SPDX-License-Identifier: BSD-3-Clause */
/* What the process is told that posts a message (post_main.c), and what it says of it. The daemon trusts nothing in that. */
#ifndef ALERT_POST_MESSAGE_H
#define ALERT_POST_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

/* The texts that follow, of these lengths, in this order. */
enum post_part {
	POST_URL,
	POST_USER,
	POST_PASSWORD,
	POST_CA, /* PEM */
	POST_CERT,
	POST_KEY,
	POST_BODY,
	POST_PARTS,
};

struct post_request {
	uint64_t len[POST_PARTS]; /* 0: there is none */
	uint32_t insecure;	  /* whoever answers is trusted */
};

#define POST_EXCERPT_BYTES 512
#define POST_ERROR_BYTES   128

struct post_result {
	uint32_t status; /* of HTTP; 0: there is no answer, for this reason: */
	char error[POST_ERROR_BYTES];
	uint32_t len;
	char answer[POST_EXCERPT_BYTES]; /* its beginning */
};

#endif
