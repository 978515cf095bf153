/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Redis: a sequence of values, some of which contain others. */
#ifndef SEISMO_PROTOCOL_REDIS_H
#define SEISMO_PROTOCOL_REDIS_H

#include "protocol/flow.h"

/* BLPOP, BRPOP, BLMOVE, BZPOPMIN and so on; XREAD and XREADGROUP, which usually block. */
static inline u32 redis_is_blocking(u32 first, u32 second, u32 len)
{
	if (first == 'b')
		return second == 'l' || second == 'r' || second == 'z';
	return first == 'x' && second == 'r' && (len == 5 || len == 10);
}

/* Looks at the name of a command, which follows its length. 0: it has not arrived yet. */
static inline u32 redis_name(const u8 *head, u32 len, u32 avail, u32 size, struct found *ret)
{
	const u8 *name = head + (len & (PARSE_WINDOW - 1));

	if (len + 2 > PROTOCOL_CARRY)
		return 1;
	if (avail < len + 2)
		return 0;
	if (redis_is_blocking(name[0] | 0x20u, name[1] | 0x20u, size))
		ret->kind = FOUND_BLOCKING;
	return 1;
}

/* The type has a length or a number of elements. */
static inline u32 redis_is_counted(u32 type)
{
	return type == '$' || type == '=' || type == '!' || type == '*' || type == '~' ||
	       type == '>' || type == '%' || type == '|';
}

static inline u32 redis_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			     struct found *ret)
{
	u32 type = head[0], len, number, top = !f->rest;

	if (f->line) {
		len = forget(ret, line_end(head, avail));
		f->line = !len;
		return len ? len : avail;
	}
	switch (type) {
	case '+':
	case '-':
	case ':':
	case '_':
	case '#':
	case ',':
	case '(':
		f->rest -= !top;
		f->line = 1;
		if (top && !is_request) {
			ret->kind = FOUND_RESPONSE;
			ret->status = type == '-' ? STATUS_ERROR : STATUS_OK;
		}
		return 1;
	}
	if (!redis_is_counted(type)) {
		if (!is_request || !top)
			return found(ret, FOUND_DESYNC, 0);
		f->line = type != '\n'; /* an inline command */
		return found(ret, type == '\r' || type == '\n' ? FOUND_NOTHING : FOUND_REQUEST, 1);
	}
	len = forget(ret, line_end(head, avail < PROTOCOL_CARRY ? avail : PROTOCOL_CARRY));
	if (!len)
		return avail < PROTOCOL_CARRY ? 0 : found(ret, FOUND_DESYNC, 0);
	number = forget(ret, len > 3 ? number_at(head + 1, len - 3) : NUMBER_NONE);
	if (is_request && f->named && type == '$' && !redis_name(head, len, avail, number, ret))
		return 0;
	f->named = is_request && top && type == '*';
	f->rest -= !top && type != '|'; /* an attribute is not a value of its own */
	if (number == NUMBER_NONE)	/* null */
		number = 0;
	else if (type == '$' || type == '=' || type == '!')
		f->skip = number + 2;
	if (type == '*' || type == '~' || type == '>')
		f->rest += number;
	else if (type == '%' || type == '|')
		f->rest += 2 * number;
	if (top && type != '>' && type != '|' && (number || !is_request)) {
		ret->kind = is_request ? FOUND_REQUEST : FOUND_RESPONSE;
		ret->status = type == '!' ? STATUS_ERROR : STATUS_OK;
	}
	return len;
}

#endif
