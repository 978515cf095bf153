/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* DNS: what a query asks, on UDP; on TCP a length before each message. */
#ifndef SEISMO_PROTOCOL_DNS_H
#define SEISMO_PROTOCOL_DNS_H

#include "protocol/flow.h"

static inline u32 dns_status(const u8 *header)
{
	return header[3] & 15 ? STATUS_ERROR : STATUS_OK;
}

/* A query; or an update of a zone, or a note that one has changed, which go the same way and are answered. */
static inline u32 dns_is_query(const u8 *header)
{
	u32 asks = !(header[2] & 0xf8) && !be16_at(header + 6) && !be16_at(header + 8);
	u32 updates = header[2] == 5 << 3 && !header[3];
	u32 notes = (header[2] & ~4U) == 4 << 3 && !header[3] && be16_at(header + 6) <= 1;

	return (asks | updates | notes) && !(header[3] & 15) && be16_at(header + 4) == 1;
}

static inline u32 dns_is_response(const u8 *header)
{
	u32 opcode = header[2] >> 3 & 15;

	return header[2] & 0x80 && (!opcode || opcode == 4 || opcode == 5) &&
	       be16_at(header + 4) == 1;
}

#define DNS_LEN_MIN	   17 /* header, root name, type, class */
#define DNS_QUESTION_WORDS 3

/*
 * A query and its response have the same id and question: puts the id and the first twenty bytes of the question into
 * `words`.
 */
static inline void dns_question(const u8 *head, u64 words[DNS_QUESTION_WORDS])
{
	u64 name[PARSE_WINDOW / 8] = { word_at(head + 12), word_at(head + 20), le32_at(head + 28) };
	u32 end = byte_find((const u8 *)name, PARSE_WINDOW, 0) + 5; /* with type and class */

	UNROLL
	for (u32 i = 0; i < DNS_QUESTION_WORDS; i++) {
		u32 keep = end > 8 * i ? end - 8 * i : 0;

		words[i] = keep < 8 ? name[i] & ((1ULL << 8 * keep) - 1) : name[i];
	}
	words[2] = (u32)words[2] | (u64)be16_at(head) << 32;
}

/* One query on a stream, a length before it; and perhaps additional records. */
static inline u32 dns_is_first(const u8 *head, u32 avail, u32 total)
{
	return avail >= 15 && be16_at(head) + 2U == total && total >= 2 + DNS_LEN_MIN &&
	       dns_is_query(head + 2) && be16_at(head + 12) <= 2 && head[14] < 64;
}

static inline u32 dns_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			   struct found *ret)
{
	u32 len = be16_at(head);

	if (avail < 14)
		return 0;
	if (len < 12 || (is_request ? !dns_is_query(head + 2) : head[4] < 0x80))
		return found(ret, FOUND_DESYNC, 0);
	f->skip = len - 12;
	ret->kind = is_request ? FOUND_REQUEST : FOUND_RESPONSE;
	ret->status = dns_status(head + 2);
	return 14;
}

#endif
