/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/*
 * HPACK (RFC 7541), as far as is needed to know the fields `:status` and `grpc-status` of an HTTP/2 response. A field may refer
 * to one of before by its place in a table that both sides keep, counted from the newest entry. So it is enough to count
 * the insertions and to remember which of them were a status: what is evicted, for which the sizes of all entries would have
 * to be known, nobody refers to any more, and what was too large to be inserted has evicted all that was older. What was
 * inserted before the first block that was seen is not known: nothing is said about it.
 *
 * A step takes a number, a byte of a string that matters, or passes a string. The state between steps, in struct flow:
 *   rest    bytes left in this frame's part of the block
 *   last    insertions so far
 *   stream  whose headers these are
 *   string  bytes left of a string; or the number being read
 *   digits  bytes of a value behind a 1, whether all bytes of a name were right, or the byte with which the field begins
 *   code    :status of this block, 0: none that is known
 *   status  grpc-status of this block
 *   within  enum hpack_at; named: what is known of the field; size_at: bytes of padding
 *   begun   some status is in the table
 */
#ifndef SEISMO_PROTOCOL_HPACK_H
#define SEISMO_PROTOCOL_HPACK_H

#include "protocol/flow.h"

enum grpc_code {
	GRPC_OK,
	GRPC_CANCELLED,
	GRPC_UNKNOWN,
	GRPC_INVALID_ARGUMENT,
	GRPC_DEADLINE_EXCEEDED,
	GRPC_NOT_FOUND,
	GRPC_ALREADY_EXISTS,
	GRPC_PERMISSION_DENIED,
	GRPC_RESOURCE_EXHAUSTED,
	GRPC_FAILED_PRECONDITION,
	GRPC_ABORTED,
	GRPC_OUT_OF_RANGE,
	GRPC_UNIMPLEMENTED,
	GRPC_INTERNAL,
	GRPC_UNAVAILABLE,
	GRPC_DATA_LOSS,
	GRPC_UNAUTHENTICATED,
	GRPC_CODES
};

/*
 * Of the entries that were inserted, the last ones that were a status: as many as there are codes of gRPC, and the more usual ones of
 * HTTP. A mark is the number of the insertion, from 1 on and modulo 2^22, and in the lower bits the status; 0: no mark.
 */
#define HPACK_MARKS	  32
#define HPACK_STATUS_BITS 10
struct hpack {
	u32 marks[HPACK_MARKS];
	u32 next;    /* modulo their number */
	u32 changed; /* since the user has set it to 0 */
};

enum hpack_at {
	HPACK_FIELD,
	HPACK_NAME,
	HPACK_VALUE,
	HPACK_IN = 4,
	HPACK_IN_NAME = HPACK_IN,
	HPACK_IN_VALUE,
	HPACK_AT = 7,
	HPACK_MORE = 8,	  /* of a number that takes several bytes */
	HPACK_ROUND = 16, /* so many of them have been read */
};

/* In flow.named. */
enum hpack_field {
	HPACK_STATUS = 1, /* its name is :status */
	HPACK_GRPC = 2,	  /* ... grpc-status */
	HPACK_INSERT = 4,
	HPACK_HUFFMAN = 8,
};

#define HPACK_STATIC	       61 /* entries that are always there */
#define HPACK_STATUS_FIRST     8
#define HPACK_STATUS_LAST      14
#define HPACK_GRPC_LEN	       11
#define HPACK_GRPC_HUFFMAN     8
#define HPACK_VALUE_MAX	       3 /* bytes of a status */
#define STATUS_IS_HTTP(status) ((status) >= 100)

static inline u32 hpack_static(u32 index)
{
	switch (index) {
	case 8:
		return 200;
	case 9:
		return 204;
	case 10:
		return 206;
	case 11:
		return 304;
	case 12:
		return 400;
	case 13:
		return 404;
	case 14:
		return 500;
	}
	return STATUS_UNKNOWN;
}

/* The status in an entry of the table; STATUS_UNKNOWN: it has none, or that is not known. */
static inline u32 hpack_entry(const struct flow *f, const struct hpack *h, u32 index)
{
	u32 back = index - HPACK_STATIC - 1, number, status = 0, differs;

	if (index <= HPACK_STATIC)
		return hpack_static(index);
	if (back >= f->last)
		return STATUS_UNKNOWN;
	number = (f->last - back) << HPACK_STATUS_BITS;
	UNROLL
	for (u32 i = 0; i < HPACK_MARKS; i++) {
		differs = h->marks[i] ^ number;
		status |= differs & -(u32)SCRIPT_LESS(differs, 1 << HPACK_STATUS_BITS);
	}
	return status;
}

static inline void hpack_mark(struct flow *f, struct hpack *h, u32 status)
{
	u32 at = h->next;

	__asm__ volatile("" : "+r"(at)); /* the compiler may not drop the mask */
	h->marks[at & (HPACK_MARKS - 1)] = f->last << HPACK_STATUS_BITS | status;
	h->next = (at + 1) & (HPACK_MARKS - 1);
	h->changed = 1;
	f->begun = 1;
}

/* What is in the table is not known any more. */
static inline void hpack_lose(struct flow *f, struct hpack *h)
{
	__builtin_memset(h, 0, sizeof(*h));
	f->last = f->begun = 0;
}

/* A field is complete, but for bytes that do not matter. */
static inline void hpack_done(struct flow *f, struct hpack *h, u32 status)
{
	if (f->named & HPACK_INSERT) {
		f->last++;
		if (status)
			hpack_mark(f, h, status);
	}
	if (STATUS_IS_HTTP(status))
		f->code = (u16)status;
	else if (status)
		f->status = (u8)status;
	f->within = HPACK_FIELD;
}

/* The next `len` bytes do not matter; those that are not in this frame come in the next one. */
static inline void hpack_pass(struct flow *f, u32 len)
{
	f->skip = len < f->rest ? len : f->rest;
	f->rest -= f->skip;
	f->string = len - f->skip;
}

/* A number in up to three bytes, or in Huffman code: 0, 1 and 2 have five bits, the other digits six, beginning with 011. */
static inline u32 hpack_digits(u32 bytes, u32 len, u32 huffman)
{
	u32 bits, number = 0, bad = 0;

	len = len < HPACK_VALUE_MAX ? 8 * len : 8 * HPACK_VALUE_MAX;
	bits = bytes << (32 - len) | ~0U >> len;
	UNROLL
	for (u32 i = 0; i < HPACK_VALUE_MAX; i++) {
		u32 five = bits >> 27, text = (bits >> 24) - '0';
		u32 digit = !huffman ? text : five <= 2 ? five : (bits >> 26) - 0x16;
		u32 size = !huffman ? 8 : five <= 2 ? 5 : 6;

		if (bits != ~0U) {
			bad |= digit > 9 || (huffman && five > 2 && digit < 3);
			number = number * 10 + digit;
			bits = bits << size | ((1U << size) - 1);
		}
	}
	return bad || bits != ~0U ? NUMBER_NONE : number;
}

/* The value of a status has been read. */
static inline void hpack_value(struct flow *f, struct hpack *h, u32 number)
{
	u32 status = number >= 100 && number <= 999 ? number : STATUS_UNKNOWN;

	if (f->named & HPACK_GRPC)
		status = STATUS_GRPC + (number < GRPC_CODES ? number : GRPC_UNKNOWN);
	hpack_done(f, h, status);
}

/* A field that begins with the byte that had this prefix: an index, a literal, or a new size of the table. */
static inline void hpack_begin(struct flow *f, struct hpack *h, u32 number)
{
	u32 status = hpack_entry(f, h, number);

	if (f->digits & 0x80) { /* the field is in the table */
		hpack_done(f, h, status);
	} else if ((f->digits & 0xe0) == 0x20) {
		f->within = HPACK_FIELD;
	} else {
		f->named = f->digits & 0x40 ? HPACK_INSERT : 0;
		f->named |= STATUS_IS_HTTP(status) ? HPACK_STATUS : status ? HPACK_GRPC : 0;
		f->within = number ? HPACK_VALUE : HPACK_NAME;
	}
}

/* The length of a name or a value has been read. */
static inline void hpack_string(struct flow *f, struct hpack *h, u32 len)
{
	u32 huffman = f->named & HPACK_HUFFMAN;

	f->digits = 1;
	if (f->within == HPACK_NAME) {
		f->within = HPACK_VALUE;
		if (len == (huffman ? HPACK_GRPC_HUFFMAN : HPACK_GRPC_LEN))
			f->within = HPACK_IN_NAME;
	} else if (!(f->named & (HPACK_STATUS | HPACK_GRPC))) {
		hpack_done(f, h, STATUS_UNKNOWN);
	} else if (len && len <= HPACK_VALUE_MAX) {
		f->within = HPACK_IN_VALUE;
	} else {
		hpack_value(f, h, NUMBER_NONE);
	}
	f->string = len;
	if (!(f->within & HPACK_IN))
		hpack_pass(f, len);
}

/* The first byte of a number, with which a field or a string begins: the number, or NUMBER_NONE if more bytes follow. */
static inline u32 hpack_first(struct flow *f, u32 byte)
{
	u32 mask = 0x7f;

	if (f->within == HPACK_FIELD) {
		f->digits = byte; /* hpack_begin() wants it */
		f->named = 0;
		mask = byte & 0x80 ? 0x7f : byte & 0x40 ? 0x3f : byte & 0x20 ? 0x1f : 0x0f;
	} else {
		f->named &= ~HPACK_HUFFMAN & 0xff;
		f->named |= byte & 0x80 ? HPACK_HUFFMAN : 0;
	}
	if ((byte & mask) < mask)
		return byte & mask;
	f->string = mask;
	f->within |= HPACK_MORE;
	return NUMBER_NONE;
}

/* The next one: seven bits, the lowest ones first. */
static inline u32 hpack_more(struct flow *f, u32 byte)
{
	u32 round = f->within / HPACK_ROUND;

	f->string += (byte & 0x7f) << 7 * (round & 3);
	if (byte & 0x80 && round < 3) {
		f->within += HPACK_ROUND;
		return NUMBER_NONE;
	}
	f->within &= HPACK_AT;
	round = f->string;
	f->string = 0;
	return round;
}

/* The byte of "grpc-status" at which `left` are left. */
static inline u32 hpack_grpc(u32 left, u32 huffman)
{
	u32 at = (huffman ? HPACK_GRPC_HUFFMAN : HPACK_GRPC_LEN) - left;
	u64 word = huffman  ? SCRIPT_WORD(0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f)
		   : at < 8 ? SCRIPT_WORD('g', 'r', 'p', 'c', '-', 's', 't', 'a')
			    : SCRIPT_SHORT('t', 'u', 's', 0);

	return word >> 8 * (at & 7) & 0xff;
}

/* A byte of a string that matters. */
static inline void hpack_byte(struct flow *f, struct hpack *h, u32 byte)
{
	u32 huffman = f->named & HPACK_HUFFMAN, len;

	if (f->within == HPACK_IN_NAME)
		f->digits &= (u32)SCRIPT_EQUAL(byte, hpack_grpc(f->string, huffman));
	else
		f->digits = f->digits << 8 | byte;
	f->string--;
	if (f->string)
		return;
	if (f->within == HPACK_IN_NAME) {
		f->within = HPACK_VALUE;
		f->named |= f->digits ? HPACK_GRPC : 0;
		return;
	}
	len = f->digits >= 1 << 24 ? 3 : f->digits >= 1 << 16 ? 2 : 1;
	hpack_value(f, h, hpack_digits(f->digits, len, huffman));
}

/*
 * The next step in a block, of which `avail` bytes are here, one at least. Returns the number of bytes consumed; f->rest is
 * what is left then, and f->skip what is to be skipped besides.
 */
static inline u32 hpack_step(struct flow *f, struct hpack *h, const u8 *head, u32 avail)
{
	u32 number;

	f->rest--;
	if (f->within & HPACK_IN && !(f->within & HPACK_MORE)) {
		hpack_byte(f, h, head[0]);
		return 1;
	}
	if (f->string && !(f->within & HPACK_MORE)) {
		hpack_pass(f, f->string - 1);
		return 1;
	}
	number = f->within & HPACK_MORE ? hpack_more(f, head[0]) : hpack_first(f, head[0]);
	if (number == NUMBER_NONE)
		return 1;
	if (f->within != HPACK_FIELD) {
		hpack_string(f, h, number);
		return 1;
	}
	hpack_begin(f, h, number);
	if (f->within != HPACK_VALUE || avail < 2)
		return 1;
	f->rest--; /* most often the length is here, too */
	number = hpack_first(f, head[1]);
	if (number != NUMBER_NONE)
		hpack_string(f, h, number);
	return 2;
}

#endif
