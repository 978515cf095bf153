/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* MySQL: packets with a length and a sequence number: 0 in a command, 1 in the first packet of its response. */
#ifndef SEISMO_PROTOCOL_MYSQL_H
#define SEISMO_PROTOCOL_MYSQL_H

#include "protocol/proxy.h"

#define MYSQL_ERROR    0xff
#define MYSQL_CODE_MIN (1000 >> 8)
#define MYSQL_CODE_MAX (4999 >> 8)
#define MYSQL_PROGRESS \
	0xffff /* the code of an error that is none: MariaDB tells how far ALTER TABLE is */

/* The server's first packet: its version, as text, or an error. */
static inline u32 mysql_is_greeting(const u8 *head, u32 avail, u32 total)
{
	return avail >= 7 && (le32_at(head) & 0xffffff) + 4 == total && !head[3] &&
	       ((head[4] == 10 && (u32)head[5] - '0' < 10) ||
		(head[4] == MYSQL_ERROR && head[6] >= MYSQL_CODE_MIN && head[6] <= MYSQL_CODE_MAX));
}

static inline u32 mysql_is_command(const u8 *head, u32 avail, u32 total)
{
	u32 command = head[4];

	return avail >= 5 && (le32_at(head) & 0xffffff) + 4 == total && !head[3] &&
	       (command == 0x03 || command == 0x0e || command == 0x16 || command == 0x17 ||
		command == 0x02);
}

static inline u32 mysql_has_response(u32 command)
{
	return command != 0x01 /* quit */ && command != 0x18 /* long data */ &&
	       command != 0x19 /* close statement */ &&
	       command != 0xef /* a replica acknowledges */;
}

/*
 * Compressed packets have a head of seven bytes, with a number of their own and the length of what is inside, 0 if that is not
 * compressed. Where it is, a short text such as an error has the fixed code of RFC 1951, 3.2.6.
 */
#define MYSQL_COMPRESSED   7
#define MYSQL_INSIDE	   (MYSQL_COMPRESSED + 4) /* where the first byte of the packet inside is */
#define MYSQL_DEFLATED	   9			  /* where it is behind the head of zlib */
#define MYSQL_ERROR_MAX	   600			  /* no error is that long */
#define MYSQL_CAN_COMPRESS (0x20 | 0x04000000)	  /* of the client's abilities: zlib, zstd */
#define MYSQL_CAN_41	   0x200		  /* and the first packet is long */
#define MYSQL_FIRST_MIN	   32

static inline u32 bits_reversed(u32 byte)
{
	byte = (byte & 0x55) << 1 | (byte & 0xaa) >> 1;
	byte = (byte & 0x33) << 2 | (byte & 0xcc) >> 2;
	return (byte & 0x0f) << 4 | (byte & 0xf0) >> 4;
}

/* The fifth byte of a block with the fixed code; above 255: it is in another code, or repeats what was before. */
static inline u32 deflate_fifth(u64 bits)
{
	u32 other = (bits >> 1 & 3) != 1, byte = 0;

	bits >>= 3;
	ROLLED
	for (u32 i = 0; i < 5; i++) {
		u32 code = bits_reversed(bits & 0xff), nine = (u32)SCRIPT_LESS(0xc7, code);
		u32 wide = 144 - 0x190 + (code << 1 | (bits >> 8 & 1));

		other |= (u32)SCRIPT_LESS(code, 0x30) | ((u32)SCRIPT_LESS(0xbf, code) & (nine ^ 1));
		byte = nine * wide + (nine ^ 1) * (code - 0x30);
		bits >>= 8 + nine;
	}
	return other ? 256 : byte;
}

static inline u32 mysql_compressed_status(const u8 *head, u32 inside)
{
	u32 first = inside ? deflate_fifth(word_at(head + MYSQL_DEFLATED)) : head[MYSQL_INSIDE];

	if (first == MYSQL_ERROR)
		return STATUS_ERROR;
	return first < 256 || inside > MYSQL_ERROR_MAX ? STATUS_OK : STATUS_UNKNOWN;
}

/* The response has the number that follows on that of the last packet of the request (f->status there). */
static inline u32 mysql_compressed_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
					struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 len = le32_at(head) & 0xffffff, inside = le32_at(head + 4) & 0xffffff;

	if (avail < MYSQL_COMPRESSED + (len < 10 ? len : 10))
		return 0;
	if (!len || (inside && inside < len))
		return found(ret, FOUND_DESYNC, 0);
	f->skip = len;
	if (is_request) {
		f->status = head[3];
		if (!head[3] && (inside || mysql_has_response(head[MYSQL_INSIDE])))
			ret->kind = FOUND_REQUEST;
		return MYSQL_COMPRESSED;
	}
	if (head[3] == (u8)(s->flow[FLOW_REQUEST].status + 1) && !f->begun) {
		ret->kind = FOUND_RESPONSE;
		ret->status = mysql_compressed_status(head, inside);
	}
	f->begun = !head[3]; /* they have begun anew after 255 */
	return MYSQL_COMPRESSED;
}

#define MYSQL_CLASS \
	10 /* bytes of an error up to the class of its code, if that is there: "#42S02" */

static inline u32 mysql_class(const u8 *head, u32 len)
{
	return head[4] == MYSQL_ERROR && len >= 6 && head[7] == '#'
		       ? sqlstate_class(head[8], head[9])
		       : 0;
}

/* Before the first command: why there will be none, or all is well. */
static inline void mysql_setup(const u8 *head, u32 len, struct found *ret)
{
	if (head[4] == MYSQL_ERROR && len >= 3)
		ret->kind = FOUND_SETUP_FAILURE;
	else if (!head[4] && head[3] >= 2)
		ret->kind = FOUND_SETUP_DONE;
}

/* What the next packet of a response is, if that has begun and not ended; in flow.named. */
enum mysql_next {
	MYSQL_NOTHING,
	MYSQL_WAITS,  /* its first one: what came before does not count */
	MYSQL_RESULT, /* the first one of a further result */
	MYSQL_COLUMN, /* what a column is, or a row where nothing marks the end of the columns */
	MYSQL_ROW,
};

#define MYSQL_OK	 0
#define MYSQL_FILE	 0xfb /* the client is to send a file */
#define MYSQL_EOF	 0xfe
#define MYSQL_EOF_LEN	 5
#define MYSQL_MORE	 0x08 /* of a server's state: a further result follows */
#define MYSQL_CURSOR	 0x40 /* the rows are asked for later */
#define MYSQL_PACKET_MAX 0xffffff

/* The bytes of a number that begins so. */
static inline u32 mysql_number_len(u32 first)
{
	return first < 0xfc ? 1 : first == 0xfc ? 3 : first == 0xfd ? 4 : 9;
}

/* The server's state in a packet that ends a result: behind two numbers, or in the short one of the old kind. */
static inline u32 mysql_state(const u8 *head, u32 len)
{
	u32 at = 5 + mysql_number_len(head[5]);

	at += mysql_number_len(head[within_window(at)]);
	if (head[4] == MYSQL_EOF && len == MYSQL_EOF_LEN)
		at = 7;
	return head[within_window(at)];
}

static inline u32 mysql_answered(struct flow *f, u32 status, struct found *ret)
{
	f->named = MYSQL_NOTHING;
	ret->status = status;
	return found(ret, FOUND_RESPONSE, 0);
}

static inline u32 mysql_has_results(u32 command)
{
	return command == 0x03 || command == 0x17 || command == 0xfa /* in bulk */;
}

/*
 * Of several commands in flight, what their responses look like: two bits of f->string for each of the last sixteen, f->stream is
 * the number of the next one; of responses, too.
 */
enum mysql_kind { MYSQL_SHORT, MYSQL_RESULTS, MYSQL_USER };

static inline void mysql_command(struct flow *f, u32 command)
{
	u32 kind = mysql_has_results(command) ? MYSQL_RESULTS
		   : command == 0x11	      ? MYSQL_USER
					      : MYSQL_SHORT;
	u32 at = 2 * (f->stream++ & 15);

	f->string = (f->string & ~(3U << at)) | kind << at;
}

static inline u32 mysql_command_kind(const struct stream *s)
{
	return s->flow[FLOW_REQUEST].string >> 2 * (s->flow[FLOW_RESPONSE].stream & 15) & 3;
}

/* The first packet of a response, or of one of its results. Other users than before may be asked for their password. */
static inline u32 mysql_result(struct flow *f, const u8 *head, u32 len, u32 kind, struct found *ret)
{
	u32 type = head[4];

	if (type == MYSQL_FILE || (kind == MYSQL_USER && (type == MYSQL_EOF || type == 1)))
		return f->named = MYSQL_WAITS;
	if (kind != MYSQL_RESULTS)
		return mysql_answered(f, STATUS_OK, ret);
	if (type != MYSQL_OK && type != MYSQL_EOF)
		return f->named = MYSQL_COLUMN;
	if (mysql_state(head, len) & MYSQL_MORE)
		return f->named = MYSQL_RESULT;
	return mysql_answered(f, STATUS_OK, ret);
}

/*
 * A packet of a response. One that has rows ends behind them: be it with an error, as of who waited too long for a lock that the rows
 * need. Reports of progress come before it.
 */
static inline void mysql_response(struct flow *f, const u8 *head, u32 len, u32 kind,
				  struct found *ret)
{
	u32 type = head[4], next = f->named, state;

	if (next == MYSQL_NOTHING && (head[3] != 1 || f->begun))
		return;
	if (type == MYSQL_ERROR && len >= 3) {
		if (next < MYSQL_RESULT && be16_at(head + 5) == MYSQL_PROGRESS)
			f->named = MYSQL_WAITS;
		else
			mysql_answered(f, STATUS_ERROR, ret);
		return;
	}
	if (next < MYSQL_COLUMN) {
		mysql_result(f, head, len, kind, ret);
		return;
	}
	if (type != MYSQL_EOF || len == MYSQL_PACKET_MAX)
		return;
	state = mysql_state(head, len);
	if (next == MYSQL_COLUMN && len == MYSQL_EOF_LEN && !(state & MYSQL_CURSOR))
		f->named = MYSQL_ROW;
	else if (state & MYSQL_MORE)
		f->named = MYSQL_RESULT;
	else
		mysql_answered(f, STATUS_OK, ret);
}

/* Packets are compressed from the first command on, if the client has said so in its first packet (size_at). */
static inline u32 mysql_is_compressed(const struct stream *s, const u8 *head, u32 is_request)
{
	const struct flow *request = &s->flow[FLOW_REQUEST];

	return request->size_at && (request->begun || (is_request && !head[3]));
}

/* The bytes of a packet, its head included, that are looked at. */
static inline u32 mysql_seen(const u8 *head, u32 len, u32 is_request)
{
	u32 most = !is_request && (head[4] == MYSQL_OK || head[4] == MYSQL_EOF) ? PROTOCOL_CARRY
										: MYSQL_CLASS;

	return 4 + len < most ? 4 + len : most;
}

/* The number begins again after 255: more of a file that the client sends. */
static inline u32 mysql_goes_on(struct flow *f, u32 number, u32 len)
{
	u32 more = !number && f->last == 255;

	f->last = len ? number : 0;
	return more;
}

/* A proxy says something before the first packet of its client, which the server has greeted already. */
static inline u32 mysql_is_proxied(const struct flow *f, const u8 *head, u32 avail)
{
	u32 word = le32_at(head);

	return !f->begun &&
	       (f->line || (avail >= 4 && (word == PROTOCOL_WORD('P', 'R', 'O', 'X') ||
					   word == PROTOCOL_WORD('\r', '\n', '\r', '\n'))));
}

static inline u32 mysql_proxied(struct flow *f, const u8 *head, u32 avail)
{
	u32 len;

	if (!f->line && head[0] != 'P') {
		if (avail < PROXY_HEADER)
			return 0;
		f->skip = be16_at(head + 14);
		return PROXY_HEADER;
	}
	len = line_end(head, avail);
	f->line = !len;
	return len ? len : avail;
}

static inline void mysql_request(struct flow *f, const u8 *head, u32 len, struct found *ret)
{
	u32 more = mysql_goes_on(f, head[3], len);

	if (!f->begun && head[3] == 1) {
		if (len >= MYSQL_FIRST_MIN)
			f->size_at = le32_at(head + 4) & MYSQL_CAN_41 &&
				     le32_at(head + 4) & MYSQL_CAN_COMPRESS;
		ret->kind = FOUND_SETUP;
	}
	if (head[3] || more)
		return;
	f->begun = 1;
	if (len && mysql_has_response(head[4])) {
		mysql_command(f, head[4]);
		ret->kind = FOUND_REQUEST;
	}
}

static inline u32 mysql_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
			     struct found *ret)
{
	struct flow *request = &s->flow[FLOW_REQUEST], *f = &s->flow[FLOW_RESPONSE];
	u32 len;

	if (is_request && mysql_is_proxied(request, head, avail))
		return mysql_proxied(request, head, avail);
	if (avail < 4)
		return 0;
	if (mysql_is_compressed(s, head, is_request)) {
		request->begun = 1;
		return mysql_compressed_step(s, head, avail, is_request, ret);
	}
	len = le32_at(head) & MYSQL_PACKET_MAX;
	if ((len && avail < 5) || avail < mysql_seen(head, len, is_request))
		return 0;
	if (is_request) {
		if (!request->begun && head[0] == 0x16 && head[1] == 3)
			return found(ret, FOUND_PROTOCOL, 0);
		request->skip = len;
		mysql_request(request, head, len, ret);
		return 4;
	}
	if (f->named >= MYSQL_RESULT && head[3] == 1 && !f->begun)
		f->named = MYSQL_NOTHING; /* the end of the former one was not recognised */
	f->skip = len;
	if (len && !f->within) {
		mysql_response(f, head, len, mysql_command_kind(s), ret);
		f->stream += ret->kind == FOUND_RESPONSE;
		if (!request->begun && ret->kind != FOUND_RESPONSE)
			mysql_setup(head, len, ret);
		if (ret->status == STATUS_ERROR || ret->kind == FOUND_SETUP_FAILURE)
			ret->class = mysql_class(head, len);
	}
	f->within = len == MYSQL_PACKET_MAX; /* it goes on in the next packet */
	/* a 1 that follows belongs to the same response, unless this packet ends it */
	f->begun = !head[3] && len && head[4] < MYSQL_EOF && !ret->kind;
	return 4;
}

#endif
