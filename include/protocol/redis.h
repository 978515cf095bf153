/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Redis: a sequence of values, some of which contain others. */
#ifndef SEISMO_PROTOCOL_REDIS_H
#define SEISMO_PROTOCOL_REDIS_H

#include "protocol/flow.h"

/* What the next word of a command, or of a push, is. */
enum redis_word { REDIS_ANY, REDIS_NAME, REDIS_REPLCONF, REDIS_CLIENT, REDIS_REPLY, REDIS_PUSH };

/* CLIENT REPLY OFF; CLIENT REPLY SKIP, for the next command. */
enum redis_silence { REDIS_SPEAKS, REDIS_OFF, REDIS_SKIP };

/* BLPOP, BRPOP, BLMOVE, BZPOPMIN and so on; XREAD and XREADGROUP, which usually block; WAIT and WAITAOF. */
static inline u32 redis_is_blocking(u32 first, u32 second, u32 len)
{
	if (first == 'b')
		return second == 'l' || second == 'r' || second == 'z';
	if (first == 'w')
		return second == 'a' && (len == 4 || len == 7);
	return first == 'x' && second == 'r' && (len == 5 || len == 10);
}

/* A command is known; whether it has a response. */
static inline void redis_command(struct flow *f, u32 kind, struct found *ret)
{
	f->named = REDIS_ANY;
	if (!f->no_reply)
		ret->kind = kind;
	if (f->no_reply == REDIS_SKIP)
		f->no_reply = REDIS_SPEAKS;
}

enum redis_known {
	REDIS_OTHER,
	REDIS_IS_REPLCONF,
	REDIS_IS_CLIENT,
	REDIS_IS_SYNC,
	REDIS_IS_ACK,
	REDIS_IS_REPLY,
	REDIS_IS_OFF,
	REDIS_IS_SKIP
};

/* Which word it is, without a branch. */
static inline u32 redis_known(u64 word)
{
	return (u32)(SCRIPT_EQUAL(word, SCRIPT_WORD('r', 'e', 'p', 'l', 'c', 'o', 'n', 'f')) *
			     REDIS_IS_REPLCONF +
		     SCRIPT_EQUAL(word, SCRIPT_WORD('c', 'l', 'i', 'e', 'n', 't', 0, 0)) *
			     REDIS_IS_CLIENT +
		     SCRIPT_EQUAL(word, SCRIPT_SHORT('s', 'y', 'n', 'c')) * REDIS_IS_SYNC +
		     SCRIPT_EQUAL(word, SCRIPT_WORD('p', 's', 'y', 'n', 'c', 0, 0, 0)) *
			     REDIS_IS_SYNC +
		     SCRIPT_EQUAL(word, SCRIPT_SHORT('a', 'c', 'k', 0)) * REDIS_IS_ACK +
		     SCRIPT_EQUAL(word, SCRIPT_WORD('r', 'e', 'p', 'l', 'y', 0, 0, 0)) *
			     REDIS_IS_REPLY +
		     SCRIPT_EQUAL(word, SCRIPT_SHORT('o', 'f', 'f', 0)) * REDIS_IS_OFF +
		     SCRIPT_EQUAL(word, SCRIPT_SHORT('s', 'k', 'i', 'p')) * REDIS_IS_SKIP);
}

/* CLIENT REPLY OFF|SKIP, which have no response. */
static inline void redis_silence(struct flow *f, u32 known)
{
	f->named = REDIS_ANY;
	f->no_reply = known == REDIS_IS_OFF ? REDIS_OFF : REDIS_SKIP;
}

/*
 * The next word of a command, of `len` bytes, in small letters if it is not longer than eight. The stream of a
 * replication link has no requests; what replicas acknowledge has no response.
 */
static inline void redis_word(struct flow *f, u64 word, u32 len, struct found *ret)
{
	u32 known = forget(ret, redis_known(word)), kind = FOUND_REQUEST;

	switch (f->named) {
	case REDIS_NAME:
		if (known == REDIS_IS_SYNC) {
			ret->protocol = PROTOCOL_OPAQUE;
			ret->kind = FOUND_PROTOCOL;
			return;
		}
		if (f->rest && (known == REDIS_IS_REPLCONF || known == REDIS_IS_CLIENT)) {
			f->named = known == REDIS_IS_CLIENT ? REDIS_CLIENT : REDIS_REPLCONF;
			return;
		}
		if (redis_is_blocking(word & 0xff, word >> 8 & 0xff, len))
			kind = FOUND_BLOCKING;
		break;
	case REDIS_REPLCONF:
		if (known == REDIS_IS_ACK) {
			f->named = REDIS_ANY;
			return;
		}
		break;
	case REDIS_CLIENT:
		if (f->rest && known == REDIS_IS_REPLY) {
			f->named = REDIS_REPLY;
			return;
		}
		break;
	case REDIS_REPLY:
		if (known == REDIS_IS_OFF || known == REDIS_IS_SKIP) {
			redis_silence(f, known);
			return;
		}
		f->no_reply = REDIS_SPEAKS;
	}
	redis_command(f, kind, ret);
}

/* The bytes of a word that are looked at, behind its length, which takes `at` bytes. */
static inline u32 redis_word_end(u32 at, u32 len)
{
	return at + (len < 8 ? len : 8);
}

/*
 * Words in `f->named`, behind their length. RESP3 confirms subscriptions by pushes, which are responses; others, of
 * invalidated keys and of messages, are not.
 */
static inline void redis_named(struct flow *f, const u8 *head, u32 at, u32 len, struct found *ret)
{
	u64 word = word_at(head + (at & 15)) | BYTES(0x20); /* a length has ten digits at most */

	if (f->named == REDIS_PUSH) {
		f->named = REDIS_ANY;
		if (len >= 9 && len <= 12 && (word & 0xff) != 'i') {
			ret->kind = FOUND_RESPONSE;
			ret->status = STATUS_OK;
		}
		return;
	}
	if (len != 8)
		word &= len < 8 ? (1ULL << 8 * len) - 1 : 0xffff;
	redis_word(f, word & ~0ULL >> 1, len, ret);
}

/* The type has a length or a number of elements. */
static inline u32 redis_is_counted(u32 type)
{
	return type == '$' || type == '=' || type == '!' || type == '*' || type == '~' ||
	       type == '>' || type == '%' || type == '|';
}

/* A value without a length. */
static inline u32 redis_line(struct flow *f, u32 type, u32 is_request, struct found *ret)
{
	u32 top = !f->rest;

	f->rest -= !top;
	f->line = 1;
	if (f->named && is_request) {
		redis_command(f, FOUND_REQUEST, ret);
	} else if (top && !is_request) {
		ret->kind = FOUND_RESPONSE;
		ret->status = type == '-' ? STATUS_ERROR : STATUS_OK;
	}
	f->named = REDIS_ANY;
	return 1;
}

/* A value with a length, or of several elements, that is not inside another. */
static inline void redis_begin(struct flow *f, u32 type, u32 number, u32 is_request,
			       struct found *ret)
{
	f->named = !number			? REDIS_ANY
		   : is_request && type == '*'	? REDIS_NAME
		   : !is_request && type == '>' ? REDIS_PUSH
						: REDIS_ANY;
	if (f->named || type == '>' || type == '|' || (is_request && !number))
		return;
	ret->kind = is_request ? FOUND_REQUEST : FOUND_RESPONSE;
	ret->status = type == '!' ? STATUS_ERROR : STATUS_OK;
}

/* An inline command: a line as people type it. */
static inline u32 redis_inline(struct flow *f, u32 type, struct found *ret)
{
	f->line = type != '\n';
	if (type != '\r' && type != '\n')
		redis_command(f, FOUND_REQUEST, ret);
	return 1;
}

/* A command with lengths, of its words and of the first of them; or PING as people type it. */
static inline u32 redis_is_first(const u8 *head, u32 avail, u32 total)
{
	u32 end = byte_find(head, avail, '\n');

	if (le32_at(head) == PROTOCOL_WORD('P', 'I', 'N', 'G'))
		return avail < 5 ? total <= 6 : head[4] == '\r' || head[4] == '\n';
	if (head[0] != '*' || head[1] < '1' || head[1] > '9')
		return 0;
	if (end >= avail)
		return avail < PROTOCOL_CARRY / 2;
	return end > 2 && number_at(head + 1, end - 2) != NUMBER_NONE &&
	       head[within_window(end - 1)] == '\r' &&
	       (end + 1 >= avail || head[within_window(end + 1)] == '$');
}

#define REDIS_FILLS 11 /* so many of the words fill a server: their lines may be long */

/* A command, in small letters, in a line that ends in view, and with nothing behind it. */
static inline u32 redis_opens(u64 word, u32 is_whole, u32 alone)
{
	static const u64 words[] = {
		SCRIPT_SHORT('s', 'e', 't', 0),
		SCRIPT_WORD('s', 'e', 't', 'e', 'x', 0, 0, 0),
		SCRIPT_SHORT('m', 's', 'e', 't'),
		SCRIPT_SHORT('h', 's', 'e', 't'),
		SCRIPT_WORD('l', 'p', 'u', 's', 'h', 0, 0, 0),
		SCRIPT_WORD('r', 'p', 'u', 's', 'h', 0, 0, 0),
		SCRIPT_SHORT('s', 'a', 'd', 'd'),
		SCRIPT_SHORT('z', 'a', 'd', 'd'),
		SCRIPT_SHORT('d', 'e', 'l', 0),
		SCRIPT_SHORT('e', 'v', 'a', 'l'),
		SCRIPT_SHORT('a', 'u', 't', 'h'),
		SCRIPT_SHORT('i', 'n', 'f', 'o'),
		SCRIPT_SHORT('r', 'o', 'l', 'e'),
		SCRIPT_SHORT('k', 'e', 'y', 's'),
		SCRIPT_SHORT('g', 'e', 't', 0),
		SCRIPT_SHORT('m', 'g', 'e', 't'),
		SCRIPT_SHORT('h', 'g', 'e', 't'),
		SCRIPT_SHORT('i', 'n', 'c', 'r'),
		SCRIPT_SHORT('d', 'e', 'c', 'r'),
		SCRIPT_WORD('h', 'g', 'e', 't', 'a', 'l', 'l', 0),
		SCRIPT_WORD('e', 'x', 'i', 's', 't', 's', 0, 0),
		SCRIPT_WORD('e', 'x', 'p', 'i', 'r', 'e', 0, 0),
		SCRIPT_WORD('l', 'r', 'a', 'n', 'g', 'e', 0, 0),
		SCRIPT_WORD('c', 'o', 'n', 'f', 'i', 'g', 0, 0),
		SCRIPT_WORD('d', 'b', 's', 'i', 'z', 'e', 0, 0),
		SCRIPT_WORD('p', 'u', 'b', 'l', 'i', 's', 'h', 0),
		SCRIPT_WORD('f', 'l', 'u', 's', 'h', 'd', 'b', 0),
		SCRIPT_WORD('f', 'l', 'u', 's', 'h', 'a', 'l', 'l'),
		SCRIPT_WORD('s', 'e', 'n', 't', 'i', 'n', 'e', 'l'),
	};
	u32 fills = 0, others = (u32)SCRIPT_EQUAL(word, SCRIPT_SHORT('p', 'i', 'n', 'g')) & alone;

	UNROLL
	for (u32 i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (i < REDIS_FILLS)
			fills |= (u32)SCRIPT_EQUAL(word, words[i]);
		else
			others |= (u32)SCRIPT_EQUAL(word, words[i]);
	}
	return fills | (others & is_whole);
}

/*
 * A command as people type it, and as health checks and what is piped into a server begin: one of those above. The answer decides whether it was Redis.
 */
static inline u32 redis_is_inline(const u8 *head, u32 avail)
{
	u32 line = byte_find(head, avail, '\n'), blank = byte_find(head, avail, ' ');
	u32 is_whole = line < avail, len;

	if (!is_whole && avail < PARSE_WINDOW)
		return 0;
	len = line - (head[within_window(line - 1)] == '\r');
	len = blank < len ? blank : len;
	if (len < 3 || len > 8)
		return 0;
	return redis_opens((word_at(head) | BYTES(0x20)) & ~0ULL >> (64 - 8 * len), is_whole,
			   line < blank);
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
		return redis_line(f, type, is_request, ret);
	}
	if (!redis_is_counted(type))
		return is_request && top ? redis_inline(f, type, ret) : found(ret, FOUND_DESYNC, 0);
	type = forget(ret, type);
	len = forget(ret, line_end(head, avail < PROTOCOL_CARRY ? avail : PROTOCOL_CARRY));
	if (!len)
		return avail < PROTOCOL_CARRY ? 0 : found(ret, FOUND_DESYNC, 0);
	number = forget(ret, len > 3 ? number_at(head + 1, len - 3) : NUMBER_NONE);
	if (f->named && type == '$' && avail < redis_word_end(len, number) &&
	    redis_word_end(len, number) <= PROTOCOL_CARRY)
		return 0;
	f->rest -= !top && type != '|'; /* an attribute is not a value of its own */
	if (number != NUMBER_NONE && type == '$' && f->named)
		redis_named(f, head, len, number, ret);
	else if (f->named && is_request)
		redis_command(f, FOUND_REQUEST, ret);
	if (ret->kind == FOUND_PROTOCOL)
		return 0;
	if (number == NUMBER_NONE) /* null */
		number = 0;
	else if (type == '$' || type == '=' || type == '!')
		f->skip = number + 2;
	if (type == '*' || type == '~' || type == '>')
		f->rest += number;
	else if (type == '%' || type == '|')
		f->rest += 2 * number;
	if (top)
		redis_begin(f, type, number, is_request, ret);
	return len;
}

#endif
