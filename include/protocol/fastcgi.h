/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* FastCGI: records of requests, which have numbers. The first line of what a program says may be the status of HTTP. */
#ifndef SEISMO_PROTOCOL_FASTCGI_H
#define SEISMO_PROTOCOL_FASTCGI_H

#include "protocol/flow.h"

enum fastcgi_type {
	FASTCGI_BEGIN = 1,
	FASTCGI_END = 3,
	FASTCGI_OUT = 6,
	FASTCGI_ASK = 9, /* for the values of settings */
	FASTCGI_VALUES = 10,
	FASTCGI_TYPE_MAX = 11,
};

#define FASTCGI_HEAD   8
#define FASTCGI_STATUS 19 /* bytes up to the end of the status */
#define FASTCGI_MOVED  302

/* The first record begins a request, in one of three roles, or asks. */
static inline u32 fastcgi_is_first(const u8 *head, u32 avail)
{
	if (avail < FASTCGI_HEAD || head[0] != 1 || head[7])
		return 0;
	if (head[1] == FASTCGI_ASK)
		return !be16_at(head + 2) && be16_at(head + 4);
	return head[1] == FASTCGI_BEGIN && be16_at(head + 2) && be16_at(head + 4) == 8 &&
	       (avail < FASTCGI_HEAD + 3 ||
		(!head[8] && head[9] && head[9] <= 3 && head[10] <= 1)) &&
	       (avail < FASTCGI_HEAD + 8 || (!head[11] && !be32_at(head + 12)));
}

/* Without a line about it all is well, or the answer is elsewhere. */
static inline u32 fastcgi_status(const u8 *head, u32 len)
{
	u64 word = word_at(head + FASTCGI_HEAD);
	u32 code = number_at(head + 16, 3);

	if (len >= 8 && word == SCRIPT_WORD('L', 'o', 'c', 'a', 't', 'i', 'o', 'n'))
		return FASTCGI_MOVED;
	if (len < 11 || word != SCRIPT_WORD('S', 't', 'a', 't', 'u', 's', ':', ' '))
		return 200;
	return code >= 100 && code <= 999 ? code : STATUS_UNKNOWN;
}

/* f->rest is the status, once there was output. */
static inline u32 fastcgi_response(struct flow *f, const u8 *head, u32 avail, u32 len,
				   struct found *ret)
{
	u32 type = head[1];

	if (type == FASTCGI_OUT && len && !f->named) {
		if (avail < FASTCGI_STATUS && avail < FASTCGI_HEAD + len)
			return 0;
		f->named = 1;
		f->rest = fastcgi_status(head, len);
		ret->kind = FOUND_NUMBERED_BEGUN;
	} else if (type == FASTCGI_END) {
		if (avail < FASTCGI_HEAD + 5)
			return 0;
		ret->kind = FOUND_NUMBERED_RESPONSE;
		ret->status = head[12] || !f->named ? STATUS_ERROR : f->rest;
		f->named = 0;
		f->rest = 0;
	} else if (type == FASTCGI_VALUES) {
		ret->kind = FOUND_NUMBERED_RESPONSE;
		ret->status = STATUS_OK;
	}
	f->skip = len + head[6];
	return FASTCGI_HEAD;
}

static inline u32 fastcgi_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			       struct found *ret)
{
	u32 type = head[1], len = be16_at(head + 4);

	if (avail < FASTCGI_HEAD)
		return 0;
	if (head[0] != 1 || !type || type > FASTCGI_TYPE_MAX || (type == FASTCGI_END && len < 8))
		return found(ret, FOUND_DESYNC, 0);
	ret->number = be16_at(head + 2);
	if (!is_request)
		return fastcgi_response(f, head, avail, len, ret);
	if (type == FASTCGI_BEGIN || type == FASTCGI_ASK)
		ret->kind = FOUND_NUMBERED_REQUEST;
	f->skip = len + head[6];
	return FASTCGI_HEAD;
}

#endif
