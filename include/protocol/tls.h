/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* TLS: records; exchanges are made of data records. */
#ifndef SEISMO_PROTOCOL_TLS_H
#define SEISMO_PROTOCOL_TLS_H

#include "protocol/flow.h"

#define TLS_CCS	      0x14
#define TLS_HANDSHAKE 0x16
#define TLS_DATA      0x17

#define TLS_FINISHED_MAX 96	  /* bytes of TLS 1.2's encrypted Finished message */
#define TLS_ALERT	 (2 + 17) /* bytes of an alert in TLS 1.3, which looks like data */
#define TLS_RECORD	 5	  /* bytes of a record's header */
#define TLS_TICKET_MAX	 2048	  /* bytes of an encrypted ticket */

/* TLS 1.3's Finished message, recognized by its length: 32 or 48 bytes, a header of 4, the type and a tag of 16. */
static inline u32 tls_is_finished(u32 len)
{
	return len == 32 + 17 + 4 || len == 48 + 17 + 4;
}

/*
 * In TLS 1.3 the end of the handshake looks like data: on the client side it is what follows ChangeCipherSpec, up to
 * Finished. f->begun: Finished was just seen; f->named, server side: 1 after Finished, 2 after more data;
 * f->rest: the length of the first data since it was set to 0.
 */
static inline u32 tls_step(struct flow *f, const u8 *head, u32 avail, u32 is_request,
			   struct found *ret)
{
	u32 type = head[0], len;

	if (avail < 5)
		return 0;
	len = be16_at(head + 3);
	if (type < TLS_CCS || type > 0x18 || head[1] != 3 || len > 0x4200)
		return found(ret, FOUND_DESYNC, 0);
	f->skip = len;
	if (type == TLS_CCS) {
		f->line = 1;
	} else if (type == TLS_HANDSHAKE) {
		if (len <= TLS_FINISHED_MAX) /* not a second ClientHello */
			f->line = 0;
	} else if (type == TLS_DATA && f->line && is_request) {
		f->begun = tls_is_finished(len);
		f->line = f->begun || f->line > 4 ? 0 : f->line + 1;
	} else if (type == TLS_DATA && len != TLS_ALERT) {
		f->named = f->named ? 2 : tls_is_finished(len);
		if (!f->rest)
			f->rest = len;
		ret->kind = is_request ? FOUND_REQUEST : FOUND_RESPONSE;
	}
	return TLS_RECORD;
}

/* The client has just finished its TLS 1.3 handshake, and the server did not send its tickets along with its own. */
static inline u32 tls_begins(struct flow *request, const struct flow *response)
{
	u32 begun = request->begun;

	request->begun = 0;
	return begun && response->named < 2;
}

#endif
