/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* TLS: records, of which those with data are turns. */
#ifndef SEISMO_PROTOCOL_TLS_H
#define SEISMO_PROTOCOL_TLS_H

#include "protocol/flow.h"

#define TLS_CCS	      0x14
#define TLS_HANDSHAKE 0x16
#define TLS_DATA      0x17

#define TLS_FINISHED_MAX 96	  /* bytes of TLS 1.2's message Finished, sealed */
#define TLS_ALERT	 (2 + 17) /* bytes of an alert that looks like data, in TLS 1.3 */
#define TLS_RECORD	 5	  /* bytes before those that a record holds */
#define TLS_TICKET_MAX	 2048	  /* bytes of a ticket, sealed */

/* The message Finished of TLS 1.3, of which only the length is to be seen: 32 or 48 bytes, the type, 16 of seal. */
static inline u32 tls_is_finished(u32 len)
{
	return len == 32 + 17 + 4 || len == 48 + 17 + 4;
}

/*
 * In TLS 1.3 the end of the handshake looks like data: the client's follows a change of cipher, up to the message
 * Finished. f->begun: that was here; f->named: of the server 1 when it was, 2 when more data has followed;
 * f->rest: the length of the first data since it was 0.
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
		if (len <= TLS_FINISHED_MAX) /* and no second ClientHello */
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

/* The client's handshake of TLS 1.3 has just ended, and the server has not sent its tickets with its own. */
static inline u32 tls_begins(struct flow *request, const struct flow *response)
{
	u32 begun = request->begun;

	request->begun = 0;
	return begun && response->named < 2;
}

#endif
