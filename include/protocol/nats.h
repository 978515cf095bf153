/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * NATS: lines, some of which say how many bytes follow. Who publishes with a subject for replies asks for something, and the first
 * message that comes on that subject is the answer; a ping is answered by a pong. All else is no request.
 */
#ifndef SEISMO_PROTOCOL_NATS_H
#define SEISMO_PROTOCOL_NATS_H

#include "protocol/flow.h"

enum nats_kind {
	NATS_LINE, /* nothing that matters */
	NATS_PUB,
	NATS_HPUB, /* with headers, whose length is said too */
	NATS_MSG,
	NATS_HMSG,
};

#define NATS_SIZE_MAX (64U << 20)
#define NATS_STATUS   12 /* bytes of headers up to the end of the status */
#define NATS_PIECE    16 /* bytes of a long word that are taken at a time */

/* Where in a line: the number of the word, or one of these. */
enum { NATS_HEADERS = 254, NATS_SKIPS = 255 };

static inline u32 nats_is_first(const u8 *head, u32 avail)
{
	return avail >= 9 && word_at(head) == SCRIPT_WORD('C', 'O', 'N', 'N', 'E', 'C', 'T', ' ') &&
	       head[8] == '{';
}

/* A client's line that ends in view: an answer to a ping, or what it publishes or subscribes to. */
static inline u32 nats_is_late(const u8 *head, u32 avail, u32 total)
{
	u32 word = le32_at(head), end = line_end(head, avail);

	if (end < 6 || head[within_window(end - 2)] != '\r')
		return 0;
	if (word == PROTOCOL_WORD('P', 'O', 'N', 'G'))
		return end == 6 && total == 6;
	return (word == PROTOCOL_WORD('P', 'U', 'B', ' ') &&
		(u32)head[within_window(end - 3)] - '0' < 10 && end < total) ||
	       (word == PROTOCOL_WORD('S', 'U', 'B', ' ') && head[4] > ' ');
}

/* What the server says first. */
static inline u32 nats_is_greeting(const u8 *head, u32 avail)
{
	return avail >= 7 &&
	       (word_at(head) & ~0ULL >> 8) == SCRIPT_WORD('I', 'N', 'F', 'O', ' ', '{', '"', 0);
}

/* Pings have numbers, in either direction: f->begun is the next one's. */
static inline u32 nats_ping(struct flow *f, u32 kind, struct found *ret)
{
	f->line = NATS_SKIPS;
	ret->kind = kind;
	ret->number = f->begun++;
	ret->status = STATUS_OK;
	return 4;
}

/* The first word of a line, which begins so, as long as it has to be. */
static inline u32 nats_line(struct flow *f, const u8 *head, u32 is_request, struct found *ret)
{
	u32 word = le32_at(head) & 0xdfdfdfdf;

	f->named = NATS_LINE;
	f->line = 1;
	f->no_reply = f->within = 0;
	f->rest = f->last = 0;
	switch (word) {
	case PROTOCOL_WORD('P', 'I', 'N', 'G'):
		if (is_request)
			return nats_ping(f, FOUND_NUMBERED_REQUEST, ret);
		break;
	case PROTOCOL_WORD('P', 'O', 'N', 'G'):
		if (!is_request)
			return nats_ping(f, FOUND_NUMBERED_RESPONSE, ret);
		break;
	case PROTOCOL_WORD('H', 'P', 'U', 'B'):
		f->named = NATS_HPUB;
		return is_request ? 4 : 0;
	case PROTOCOL_WORD('H', 'M', 'S', 'G'):
		f->named = NATS_HMSG;
		return is_request ? 0 : 4;
	case PROTOCOL_WORD('P', 'U', 'B', 0): /* the blank too */
		f->named = NATS_PUB;
		return is_request ? 4 : 0;
	case PROTOCOL_WORD('M', 'S', 'G', 0):
		f->named = NATS_MSG;
		return is_request ? 0 : 4;
	case PROTOCOL_WORD('C', 'O', 'N', 'N'):
	case PROTOCOL_WORD('S', 'U', 'B', 0):
	case PROTOCOL_WORD('U', 'N', 'S', 'U'):
		if (!is_request)
			return 0;
		break;
	case PROTOCOL_WORD('-' & 0xdf, 'E', 'R', 'R'):
		if (is_request)
			return 0;
		ret->kind = FOUND_NUMBERED_FAILURE;
		ret->number = f->begun;
		break;
	case PROTOCOL_WORD('+' & 0xdf, 'O', 'K', '\r' & 0xdf):
	case PROTOCOL_WORD('I', 'N', 'F', 'O'):
		if (is_request)
			return 0;
		break;
	default:
		return 0;
	}
	f->line = NATS_SKIPS;
	return 3;
}

static inline u32 nats_hash(u32 hash, u64 word)
{
	word = (word ^ hash) * 0x9e3779b97f4a7c15ULL;
	return (u32)(word >> 32);
}

/* Whoever pulls messages waits for them to come, under subjects of their own. */
static inline u32 nats_is_pull(const u8 *head)
{
	return word_at(head) == SCRIPT_WORD('$', 'J', 'S', '.', 'A', 'P', 'I', '.') &&
	       word_at(head + 8) == SCRIPT_WORD('C', 'O', 'N', 'S', 'U', 'M', 'E', 'R') &&
	       word_at(head + 16) == SCRIPT_WORD('.', 'M', 'S', 'G', '.', 'N', 'E', 'X');
}

/* The bytes of a word that are hashed are all those before `len`. */
static inline u32 nats_hash_end(u32 hash, const u8 *head, u32 len)
{
	u32 at = len & 24, rest = len & 7;

	if (at >= 8)
		hash = nats_hash(hash, word_at(head));
	if (at >= 16)
		hash = nats_hash(hash, word_at(head + 8));
	return rest ? nats_hash(hash, word_at(head + within_window(at)) & ((1ULL << 8 * rest) - 1))
		    : hash;
}

static inline u32 nats_is_asking(const struct flow *f)
{
	return !f->no_reply && f->line == (f->named == NATS_HPUB ? 5 : 4);
}

static inline void nats_line_end(struct flow *f, struct found *ret)
{
	u32 asks = nats_is_asking(f), kind = f->named;

	f->line = 0;
	if (f->rest > NATS_SIZE_MAX) {
		ret->kind = FOUND_DESYNC;
		return;
	}
	if (kind == NATS_HMSG) {
		f->line = NATS_HEADERS;
		return;
	}
	f->skip = f->rest + 2;
	ret->number = f->last;
	ret->status = STATUS_OK;
	if (kind == NATS_MSG)
		ret->kind = FOUND_NUMBERED_RESPONSE;
	else if (asks)
		ret->kind = FOUND_NUMBERED_REQUEST;
}

/* The decimal number of at most eight digits that a blank precedes, and its end; its begin; 0: there is none. */
static inline u32 nats_size(struct flow *f, const u8 *head, u32 end)
{
	u32 number = 0, scale = 1, digits = 0, done = 0;

	ROLLED
	for (u32 i = 1; i <= 8; i++, scale *= 10) {
		u32 digit = (u32)head[within_window(end - i)] - '0';

		done |= (u32)SCRIPT_LESS(9, digit) | (u32)SCRIPT_LESS(end, i);
		number += digit * scale * (1 ^ done);
		digits += 1 ^ done;
	}
	if (!digits || digits >= end || head[within_window(end - digits - 1)] != ' ')
		return 0;
	f->rest = number;
	return end - digits;
}

/*
 * The rest of a line that ends here, at once where that is possible: thousands of messages may come in a call. `blank`: behind the
 * next word; there is no subject for replies if that is the one before the size.
 */
static inline u32 nats_line_rest(struct flow *f, const u8 *head, u32 blank, u32 end,
				 struct found *ret)
{
	u32 is_first = f->line == 1, last = forget(ret, end - 1), size;

	if (!blank || f->within || f->named == NATS_HPUB || (f->named == NATS_PUB && !is_first) ||
	    head[within_window(last)] != '\r')
		return 0;
	size = nats_size(f, head, last);
	if (!size || (f->named == NATS_PUB && size != blank + 1))
		return 0;
	if (f->named != NATS_PUB && is_first)
		f->last = nats_hash_end(f->last, head, forget(ret, blank) & 31);
	f->line = 3;
	nats_line_end(f, ret);
	return end + 1;
}

/* A word, or some of a long one. f->last is the hash of the subject that counts, f->rest the last number. */
static inline u32 nats_word(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 blank = forget(ret, byte_find(head, avail, ' '));
	u32 end = forget(ret, byte_find(head, avail, '\n')), len = blank < end ? blank : end, at;
	u32 subject = f->named < NATS_MSG ? 3 : 2; /* of replies, or of the message */

	if (blank < end && end < avail) {
		at = nats_line_rest(f, head, blank, end, ret);
		if (at)
			return ret->kind == FOUND_DESYNC ? 0 : at;
	}
	if (len >= PROTOCOL_CARRY && avail >= PROTOCOL_CARRY) {
		if (!f->within && f->line == 1 && nats_is_pull(head))
			f->no_reply = 1;
		if (f->line + 1U == subject) {
			f->last = nats_hash(f->last, word_at(head));
			f->last = nats_hash(f->last, word_at(head + 8));
		}
		f->within = 1;
		return NATS_PIECE;
	}
	if (len >= avail)
		return 0;
	at = len;
	if (len == end && len && head[within_window(len - 1)] == '\r')
		len--;
	len = forget(ret, len);
	if (len || f->within) {
		if (f->line < NATS_HEADERS - 1)
			f->line++;
		if (f->line == subject)
			f->last = nats_hash_end(f->last, head, len & 31);
		f->rest = f->within ? NUMBER_NONE : number_at(head, len);
	}
	f->within = 0;
	if (at != end)
		return at + 1;
	nats_line_end(f, ret);
	return ret->kind == FOUND_DESYNC ? 0 : at + 1;
}

/* The headers of a message begin with a version, and with a status where there is no answer. */
static inline u32 nats_headers(struct flow *f, const u8 *head, u32 avail, struct found *ret)
{
	u32 code = number_at(head + 9, 3), size = f->rest < NATS_STATUS ? f->rest : NATS_STATUS;

	if (avail < size || !avail)
		return 0;
	ret->kind = FOUND_NUMBERED_RESPONSE;
	ret->number = f->last;
	ret->status = size == NATS_STATUS && head[8] == ' ' && code >= 400 && code < 1000
			      ? STATUS_ERROR
			      : STATUS_OK;
	f->line = 0;
	f->skip = f->rest + 2 - 1;
	return 1;
}

static inline u32 nats_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			    struct found *ret)
{
	u32 len;

	if (f->line == NATS_SKIPS) {
		len = forget(ret, line_end(head, avail));
		f->line = len ? 0 : NATS_SKIPS;
		return len ? len : avail;
	}
	if (f->line == NATS_HEADERS)
		return nats_headers(f, head, avail, ret);
	if (f->line)
		return nats_word(f, head, avail, ret);
	if (is_request && avail >= 2 && head[0] == 0x16 && head[1] == 3)
		return found(ret, FOUND_PROTOCOL, 0);
	if (avail < 4)
		return 0;
	if (head[0] == '\r' || head[0] == '\n')
		return 1;
	len = nats_line(f, head, is_request, ret);
	return len ? len : found(ret, FOUND_DESYNC, 0);
}

#endif
