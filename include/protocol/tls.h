/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/* TLS: records; exchanges are made of data records. */
#ifndef SEISMO_PROTOCOL_TLS_H
#define SEISMO_PROTOCOL_TLS_H

#include "protocol/flow.h"

#define TLS_CCS	      0x14
#define TLS_ALERT     0x15
#define TLS_HANDSHAKE 0x16
#define TLS_DATA      0x17

#define TLS_RECORD	 5	  /* bytes of a record's header */
#define TLS_RECORD_MAX	 0x4200	  /* bytes in a record, encrypted */
#define TLS_FINISHED_MAX 96	  /* bytes of TLS 1.2's encrypted Finished message */
#define TLS_DATA_ALERT	 (2 + 17) /* bytes of an alert in TLS 1.3, which looks like data */
#define TLS_TICKET_MAX	 2048	  /* bytes of an encrypted ticket */

#define TLS_CLIENT_HELLO 1
#define TLS_FATAL	 2

static inline u32 tls_is_record(const u8 *head, u32 avail)
{
	return head[1] == 3 && head[2] <= 4 &&
	       (avail < TLS_RECORD || be16_at(head + 3) <= TLS_RECORD_MAX);
}

/* A connection begins with ClientHello, of some version from 3.0 on, and with a record of it. */
static inline u32 tls_is_first(const u8 *head, u32 avail)
{
	return head[0] == TLS_HANDSHAKE && tls_is_record(head, avail) &&
	       (avail < TLS_RECORD || be16_at(head + 3) > 4) &&
	       (avail < 6 || head[5] == TLS_CLIENT_HELLO) &&
	       (avail < 9 || (be32_at(head + 5) & 0xffffff) + 4 >= be16_at(head + 3)) &&
	       (avail < 10 || head[9] == 3);
}

/* TLS 1.3's Finished message, recognized by its length: 32 or 48 bytes, a header of 4, the type and a tag of 16. */
static inline u32 tls_is_finished(u32 len)
{
	return len == 32 + 17 + 4 || len == 48 + 17 + 4;
}

/*
 * The same of the client, padded by some: a client without a certificate sends it first. Certificates are longer, and the
 * message that there is none is shorter.
 */
#define TLS_PADDED_MAX 128

static inline u32 tls_client_finished(const struct flow *f, u32 len)
{
	return tls_is_finished(len) || (f->line == 1 && len > 32 + 17 + 4 && len <= TLS_PADDED_MAX);
}

/*
 * In TLS 1.3 the end of the handshake looks like data: on the client side it is what follows ChangeCipherSpec (f->line), up
 * to Finished. f->begun: Finished was just seen; f->rest: the length of the first data since it was set to 0; f->named:
 */
enum tls_at {
	TLS_GREETS, /* in the handshake */
	TLS_FINISHED,
	TLS_TALKS, /* server: it has sent more than Finished */
};

/*
 * An encrypted alert. A client that has finished its handshake says goodbye. A server that has sent nothing else since its
 * own end of it refuses what the client has shown.
 */
static inline u32 tls_alert(const struct stream *s, u32 type, u32 is_request)
{
	u32 client = s->flow[FLOW_REQUEST].named, server = s->flow[FLOW_RESPONSE].named;

	if (client == TLS_GREETS)
		return FOUND_SETUP_FAILURE;
	if (is_request)
		return FOUND_SETUP_LEFT;
	return type == TLS_DATA && server == TLS_FINISHED ? FOUND_SETUP_FAILURE : FOUND_NOTHING;
}

static inline void tls_handshake(struct flow *f, const u8 *head, u32 len, u32 is_request,
				 struct found *ret)
{
	if (is_request && f->named == TLS_GREETS && !f->line && head[5] == TLS_CLIENT_HELLO)
		ret->kind = FOUND_SETUP;
	if (!f->line || len > TLS_FINISHED_MAX) /* a second ClientHello */
		return;
	f->line = 0;
	if (is_request) {
		f->named = TLS_FINISHED;
		ret->kind = FOUND_SETUP_DONE;
	}
}

static inline void tls_data(struct flow *f, u32 len, u32 is_request, struct found *ret)
{
	if (is_request && f->line) {
		f->begun = tls_client_finished(f, len);
		f->line = f->begun || f->line > 4 ? 0 : f->line + 1;
		if (!f->line) {
			f->named = TLS_FINISHED;
			ret->kind = FOUND_SETUP_DONE;
		}
		return;
	}
	if (is_request)
		f->named = TLS_FINISHED;
	else
		f->named = f->named ? TLS_TALKS : tls_is_finished(len);
	if (!f->rest)
		f->rest = len;
	ret->kind = is_request ? FOUND_REQUEST : FOUND_RESPONSE;
}

static inline u32 tls_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
			   struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	u32 type = head[0], len;

	if (avail < TLS_RECORD)
		return 0;
	len = be16_at(head + 3);
	if (type < TLS_CCS || type > 0x18 || head[1] != 3 || len > TLS_RECORD_MAX)
		return found(ret, FOUND_DESYNC, 0);
	if (avail < TLS_RECORD + 1 &&
	    ((type == TLS_HANDSHAKE && is_request && !f->named) || (type == TLS_ALERT && len == 2)))
		return 0; /* the first byte is looked at */
	f->skip = len;
	if (type == TLS_CCS)
		f->line = 1;
	else if (type == TLS_HANDSHAKE)
		tls_handshake(f, head, len, is_request, ret);
	else if (type == TLS_ALERT && len == 2) /* in the clear; a warning ends nothing */
		ret->kind = head[5] == TLS_FATAL ? FOUND_SETUP_FAILURE : FOUND_NOTHING;
	else if (type == TLS_ALERT || (type == TLS_DATA && len == TLS_DATA_ALERT))
		ret->kind = tls_alert(s, type, is_request);
	else if (type == TLS_DATA)
		tls_data(f, len, is_request, ret);
	return TLS_RECORD;
}

/* The client has just finished its TLS 1.3 handshake, and the server did not send its tickets along with its own. */
static inline u32 tls_begins(struct flow *request, const struct flow *response)
{
	u32 begun = request->begun;

	request->begun = 0;
	return begun && response->named < TLS_TALKS;
}

#endif
