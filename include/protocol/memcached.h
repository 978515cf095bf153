/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* Memcached: lines, some of which say how many bytes follow; or heads of 24 bytes. */
#ifndef SEISMO_PROTOCOL_MEMCACHED_H
#define SEISMO_PROTOCOL_MEMCACHED_H

#include "protocol/flow.h"

/* The length of the command that begins so; 0: there is none. */
static inline u32 memcached_command_len(u32 word)
{
	switch (word) {
	case PROTOCOL_WORD('g', 'e', 't', ' '):
	case PROTOCOL_WORD('g', 'a', 't', ' '):
	case PROTOCOL_WORD('s', 'e', 't', ' '):
	case PROTOCOL_WORD('a', 'd', 'd', ' '):
	case PROTOCOL_WORD('c', 'a', 's', ' '):
		return 3;
	case PROTOCOL_WORD('g', 'e', 't', 's'):
	case PROTOCOL_WORD('g', 'a', 't', 's'):
	case PROTOCOL_WORD('i', 'n', 'c', 'r'):
	case PROTOCOL_WORD('d', 'e', 'c', 'r'):
		return 4;
	case PROTOCOL_WORD('t', 'o', 'u', 'c'):
	case PROTOCOL_WORD('s', 't', 'a', 't'):
		return 5;
	case PROTOCOL_WORD('a', 'p', 'p', 'e'):
	case PROTOCOL_WORD('d', 'e', 'l', 'e'):
		return 6;
	case PROTOCOL_WORD('r', 'e', 'p', 'l'):
	case PROTOCOL_WORD('p', 'r', 'e', 'p'):
	case PROTOCOL_WORD('v', 'e', 'r', 's'):
		return 7;
	case PROTOCOL_WORD('f', 'l', 'u', 's'):
	case PROTOCOL_WORD('v', 'e', 'r', 'b'):
		return 9;
	case PROTOCOL_WORD('m', 'g', ' ', 0):
	case PROTOCOL_WORD('m', 's', ' ', 0):
	case PROTOCOL_WORD('m', 'd', ' ', 0):
	case PROTOCOL_WORD('m', 'a', ' ', 0):
	case PROTOCOL_WORD('m', 'e', ' ', 0):
	case PROTOCOL_WORD('m', 'n', '\r', 0):
		return 2;
	}
	return 0;
}

/* A command, as long as it has to be. */
static inline u32 memcached_is_first(const u8 *head, u32 avail)
{
	u32 word = le32_at(head), len, end;

	len = memcached_command_len(head[2] == ' ' || head[2] == '\r' ? word & 0xffffff : word);
	end = head[within_window(len)];
	return len && (len >= avail || end == ' ' || end == '\r' || end == '\n');
}

/* From the first word: which word has the number of bytes that follow the line, and whether there is a response. */
static inline void memcached_command(struct flow *f, const u8 *head)
{
	u32 a = head[0], b = head[1];

	f->size_at = 0;
	f->no_reply = a == 'q' || (a == 's' && b == 'h'); /* quit, shutdown */
	/* the first word that may be "noreply" (before that it is a key); 0: none */
	f->status = a == 'g' ? 0 : a == 'f' ? 2 : 3;
	if (a == 'm')
		f->size_at = b == 's' ? 2 : 0;
	else if ((a == 's' && b == 'e') || a == 'a' || a == 'r' || a == 'p' ||
		 (a == 'c' && b == 'a'))
		f->size_at = 4;
}

/* The only small letters that a line of a server begins with: of a list of keys, or of its log, in either form. */
static inline u32 memcached_is_listed(u32 word)
{
	return word == PROTOCOL_WORD('k', 'e', 'y', '=') ||
	       (word & 0xffffff) == PROTOCOL_WORD('m', 'g', ' ', 0) ||
	       (word & 0xffffff) == PROTOCOL_WORD('t', 's', '=', 0);
}

/* A value, a number of many (STAT, ITEM, PREFIX) or a key of a list is not all of a response. */
static inline void memcached_reply(struct flow *f, const u8 *head)
{
	u32 a = head[0], b = head[1], c = head[2];

	f->size_at = a == 'V' && b == 'A' ? (c == 'L' ? 3 : 1) : 0;
	f->no_reply = f->size_at == 3 || (a == 'S' && b == 'T' && c == 'A') || a == 'I' ||
		      a == 'P' || a >= 'a';
	f->status = (a == 'E' && b == 'R') || (a == 'C' && b == 'L') || (a == 'S' && b == 'E')
			    ? STATUS_ERROR
			    : STATUS_OK;
}

static inline void memcached_word(struct flow *f, const u8 *head, u32 len, u32 is_request)
{
	u32 number;

	if (f->line == (u32)f->size_at + 1) {
		number = number_at(head, len);
		f->rest = number == NUMBER_NONE ? 0 : number;
	} else if (is_request && f->status && f->line >= f->status) {
		if ((head[0] == 'n' && len == 7) || (head[0] == 'q' && len == 1))
			f->no_reply = 1; /* noreply; usually also quiet */
	}
}

static inline void memcached_line_end(struct flow *f, u32 is_request, struct found *ret)
{
	if (f->size_at && f->line > f->size_at)
		f->skip = f->rest + 2;
	f->line = 0;
	if (!f->no_reply) {
		ret->kind = is_request ? FOUND_REQUEST : FOUND_RESPONSE;
		ret->status = is_request ? STATUS_UNKNOWN : f->status;
	}
}

/* So the answers of Redis begin, which has commands of the same names. */
static inline u32 memcached_is_redis(u32 type)
{
	return type == '+' || type == '-' || type == ':' || type == '$' || type == '*';
}

/* One word of a line. */
static inline u32 memcached_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
				 struct found *ret)
{
	u32 blank = forget(ret, byte_find(head, avail, ' '));
	u32 end = forget(ret, byte_find(head, avail, '\n')), len;

	if (!is_request && !f->line && memcached_is_redis(head[0])) {
		ret->protocol = PROTOCOL_REDIS;
		return found(ret, FOUND_PROTOCOL, 0);
	}
	if (blank >= avail && end >= avail && avail < PROTOCOL_CARRY)
		return 0;
	if (!f->line) {
		if (is_request ? head[0] < 'a' || head[0] > 'z'
			       : (head[0] < 'A' || head[0] > 'Z') &&
					 (head[0] < '0' || head[0] > '9') &&
					 !memcached_is_listed(le32_at(head)))
			return found(ret, FOUND_DESYNC, 0);
		if (is_request)
			memcached_command(f, head);
		else
			memcached_reply(f, head);
		f->line = 1;
		f->rest = 0;
		f->within = 0;
	}
	len = blank < end ? blank : end;
	if (!f->within)
		memcached_word(f, head, len == end && len ? len - 1 : len, is_request);
	f->within = len >= avail;
	if (f->within)
		return avail;
	if (len == end)
		memcached_line_end(f, is_request, ret);
	else if (f->line < 255)
		f->line++;
	return len + 1;
}

/* The value may be longer than one read. */
static inline u32 memcached_binary_is_first(const u8 *head, u32 avail)
{
	u32 key = be16_at(head + 2), extras = head[4], body = be32_at(head + 8);

	return avail >= 24 && head[0] == 0x80 && head[1] <= 0x40 && !head[5] && key <= 250 &&
	       extras <= 20 && key + extras <= body && body < 1U << 30;
}

/* Nobody waits for the response, if there is one: quiet commands, and quit, after which clients close. */
static inline u32 memcached_is_quiet(u32 opcode)
{
	return opcode == 0x07 || opcode == 0x09 || opcode == 0x0d ||
	       (opcode >= 0x11 && opcode <= 0x1a) || opcode == 0x1e || opcode == 0x24 ||
	       (opcode >= 0x32 && opcode <= 0x3c && !(opcode & 1));
}

static inline u32 memcached_binary_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
					struct found *ret)
{
	u32 status = be16_at(head + 6);

	if (avail < 24)
		return head[0] == (is_request ? 0x80 : 0x81) ? 0 : found(ret, FOUND_DESYNC, 0);
	if (head[0] != (is_request ? 0x80 : 0x81))
		return found(ret, FOUND_DESYNC, 0);
	f->skip = be32_at(head + 8);
	if (memcached_is_quiet(head[1]) || (!is_request && head[1] == 0x10 && be16_at(head + 2)))
		return 24;
	ret->kind = is_request ? FOUND_REQUEST : FOUND_RESPONSE;
	/* not found, exists, not stored: no errors */
	ret->status =
		!status || status == 1 || status == 2 || status == 5 ? STATUS_OK : STATUS_ERROR;
	return 24;
}

#endif
