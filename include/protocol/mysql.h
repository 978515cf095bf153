/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* MySQL: packets with a length and a sequence number: 0 in a command, 1 in the first packet of its response. */
#ifndef SEISMO_PROTOCOL_MYSQL_H
#define SEISMO_PROTOCOL_MYSQL_H

#include "protocol/flow.h"

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

/* The first packet of a response, but for reports of progress before it: f->named. */
static inline void mysql_response(struct flow *f, const u8 *head, u32 len, struct found *ret)
{
	u32 first = (head[3] == 1 && !f->begun) || f->named;

	f->named =
		first && head[4] == MYSQL_ERROR && len >= 3 && be16_at(head + 5) == MYSQL_PROGRESS;
	if (first && !f->named) {
		ret->kind = FOUND_RESPONSE;
		ret->status = head[4] == MYSQL_ERROR ? STATUS_ERROR : STATUS_OK;
	}
}

/* Packets are compressed from the first command on, if the client has said so in its first packet (size_at). */
static inline u32 mysql_is_compressed(const struct stream *s, const u8 *head, u32 is_request)
{
	const struct flow *request = &s->flow[FLOW_REQUEST];

	return request->size_at && (request->begun || (is_request && !head[3]));
}

static inline u32 mysql_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
			     struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 len;

	if (avail < 4)
		return 0;
	if (mysql_is_compressed(s, head, is_request)) {
		s->flow[FLOW_REQUEST].begun = 1;
		return mysql_compressed_step(s, head, avail, is_request, ret);
	}
	len = le32_at(head) & 0xffffff;
	if ((len && avail < 5) || (len >= 3 && avail < 7) || (len >= 4 && avail < 8) ||
	    (len >= 6 && avail < MYSQL_CLASS))
		return 0;
	if (is_request && !f->begun && head[3] == 1 && len >= MYSQL_FIRST_MIN)
		f->size_at =
			le32_at(head + 4) & MYSQL_CAN_41 && le32_at(head + 4) & MYSQL_CAN_COMPRESS;
	if (is_request && !f->begun && head[0] == 0x16 && head[1] == 3)
		return found(ret, FOUND_PROTOCOL, 0);
	f->skip = len;
	if (is_request && !f->begun && head[3] == 1)
		ret->kind = FOUND_SETUP;
	if (is_request && !head[3]) {
		f->begun = 1;
		if (len && mysql_has_response(head[4]))
			ret->kind = FOUND_REQUEST;
	} else if (!is_request && len) {
		mysql_response(f, head, len, ret);
		if (!s->flow[FLOW_REQUEST].begun && ret->kind != FOUND_RESPONSE)
			mysql_setup(head, len, ret);
		if (ret->status == STATUS_ERROR || ret->kind == FOUND_SETUP_FAILURE)
			ret->class = mysql_class(head, len);
	}
	if (!is_request) /* a 1 that follows belongs to the same response, unless this packet ends it */
		f->begun = !head[3] && len && head[4] < 0xfe;
	return 4;
}

#endif
