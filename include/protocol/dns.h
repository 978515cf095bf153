/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* DNS on TCP: a length before each message. */
#ifndef SEISMO_PROTOCOL_DNS_H
#define SEISMO_PROTOCOL_DNS_H

#include "protocol/flow.h"

static inline u32 dns_status(const u8 *header)
{
	return header[3] & 15 ? STATUS_ERROR : STATUS_OK;
}

static inline u32 dns_is_query(const u8 *header)
{
	return !(header[2] & 0xf8) && !(header[3] & 15) && be16_at(header + 4) == 1 &&
	       !be16_at(header + 6) && !be16_at(header + 8);
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
