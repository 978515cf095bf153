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
#define TLS_RECORD_FULL	 0x3fff	  /* ... of several, which are no data that fills records */

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

/*
 * TLS 1.3's Finished message, recognized by its length: 32 or 48 bytes, a header of 4, the type and a tag of 16. Java pads each
 * record of TLS 1.3 by 16 more.
 */
#define TLS_PADDING	16
#define TLS_FINISHED_32 (32 + 17 + 4)
#define TLS_FINISHED_48 (48 + 17 + 4)

static inline u32 tls_is_finished(u32 len)
{
	return len == TLS_FINISHED_32 || len == TLS_FINISHED_48 ||
	       len == TLS_FINISHED_48 + TLS_PADDING;
}

/* Does this side pad? Both use the same hash; f->code: how long Finished was, 0: it was not seen. */
static inline u32 tls_is_padded(const struct flow *f, const struct flow *other)
{
	return f->code == TLS_FINISHED_48 + TLS_PADDING ||
	       (f->code == TLS_FINISHED_32 + TLS_PADDING && other->code == TLS_FINISHED_32);
}

/* An alert that looks like data, or two bytes of data, which nobody sends. */
static inline u32 tls_is_data_alert(u32 len, const struct flow *f, const struct flow *other)
{
	return len == TLS_DATA_ALERT ||
	       (len == TLS_DATA_ALERT + TLS_PADDING && tls_is_padded(f, other));
}

/*
 * Finished of the client, padded by some: a client without a certificate sends it first. Certificates are longer, and the
 * message that there is none is shorter.
 */
#define TLS_PADDED_MAX 128

/* CertificateVerify, by the length of its signature: of Ed25519, elliptic curves, Ed448 and RSA, which Java pads, too. */
static inline u32 tls_is_verify(u32 len)
{
	u32 n = len - (4 + 4 + 17);

	return (n >= 64 && n <= 72) || (n >= 100 && n <= 104) || n == 114 ||
	       (n >= 135 && n <= 139) || n == 256 || n == 384 || n == 512 || n == 256 + 16 ||
	       n == 384 + 16 || n == 512 + 16;
}

/*
 * In TLS 1.3 the end of the handshake looks like data. Of the client it is what follows ChangeCipherSpec, or ClientHello where
 * there is none, up to Finished: f->line is the number of the next record of it. f->within: this side has said hello;
 * f->begun: Finished was just seen; f->rest: the length of the first data since it was set to 0; f->size_at: see below; f->named:
 */
enum tls_at {
	TLS_GREETS, /* in the handshake */
	TLS_FINISHED,
	TLS_TALKS, /* server: it has sent more than Finished; client: it has said goodbye */
};

/*
 * Early data (0-RTT): a client that has been here before says more than hello before the server says anything. That is a
 * request, and so is what follows up to EndOfEarlyData. The server's own handshake then is one record or two that look like
 * data, of which f->size_at is how many have been seen; what follows is a response.
 */
#define TLS_EARLY     1	       /* f->size_at of the client */
#define TLS_EARLY_END (4 + 17) /* bytes of EndOfEarlyData */

/* The client goes on behind ClientHello. */
static inline void tls_goes_on(struct flow *client, const struct flow *server)
{
	if (client->within && client->named == TLS_GREETS && !server->within)
		client->size_at = TLS_EARLY;
}

/*
 * An encrypted alert. A client that has finished its handshake says goodbye, also when all of that was in the record of its
 * certificate. A server that has sent nothing else since then refuses what the client has shown, unless it says goodbye too.
 */
static inline u32 tls_alert(struct stream *s, u32 type, u32 is_request)
{
	struct flow *client = &s->flow[FLOW_REQUEST], *server = &s->flow[FLOW_RESPONSE];

	if (client->named == TLS_GREETS && !(is_request && client->line > 1))
		return !is_request && client->size_at == TLS_EARLY && server->size_at > 1
			       ? FOUND_NOTHING /* it has answered, and reads no further */
			       : FOUND_SETUP_FAILURE;
	if (is_request) {
		client->named = TLS_TALKS;
		return FOUND_SETUP_LEFT;
	}
	return type == TLS_DATA && client->named == TLS_FINISHED && server->within &&
			       server->named != TLS_TALKS
		       ? FOUND_SETUP_FAILURE
		       : FOUND_NOTHING;
}

static inline void tls_handshake(struct flow *f, const u8 *head, u32 len, u32 is_request,
				 struct found *ret)
{
	f->within = 1;
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

/*
 * A record of the client's handshake in TLS 1.3: Finished, where it has a certificate after that and CertificateVerify. Some
 * pack all of it into one record, and what follows is a request.
 */
static inline void tls_client_data(struct flow *f, u32 len, struct found *ret)
{
	u32 line = f->line ?: 1, finished = tls_is_finished(len);

	if (f->size_at == TLS_EARLY && !finished) {
		if (len == TLS_EARLY_END)
			f->size_at = 0;
		else
			ret->kind = FOUND_REQUEST;
		return;
	}
	f->begun = finished || (line == 1 ? len > 32 + 17 + 4 && len <= TLS_PADDED_MAX
					  : line > 2 || !tls_is_verify(len));
	f->line = f->begun ? 0 : line + 1;
	if (!f->begun)
		return;
	f->size_at = 0;
	f->code = finished ? len : 0;
	f->named = TLS_FINISHED;
	ret->kind = finished || line == 1 ? FOUND_SETUP_DONE : FOUND_REQUEST;
}

/*
 * A record of the server that looks like data. False: it is one of its handshake. The first one is never Finished, even where
 * it is as long.
 */
static inline u32 tls_server_data(struct flow *f, const struct flow *client, u32 len)
{
	u32 seen = f->size_at, finished = seen && tls_is_finished(len);

	if (client->named)
		f->named = TLS_TALKS;
	else if (f->named != TLS_TALKS && finished) {
		f->named = TLS_FINISHED;
		f->code = len;
	} else if (f->named)
		f->named = TLS_TALKS;
	if (seen > 1)
		return 1;
	f->size_at++;
	return client->size_at != TLS_EARLY || (seen && !finished);
}

static inline void tls_data(struct stream *s, u32 len, u32 is_request, struct found *ret)
{
	struct flow *client = &s->flow[FLOW_REQUEST], *server = &s->flow[FLOW_RESPONSE];

	if (!is_request) {
		if (!tls_server_data(server, client, len))
			return;
		if (!server->rest)
			server->rest = len;
		ret->kind = FOUND_RESPONSE;
		return;
	}
	if (client->named == TLS_GREETS && (client->line || client->within)) {
		tls_client_data(client, len, ret);
		return;
	}
	client->named = TLS_FINISHED;
	ret->kind = FOUND_REQUEST;
}

static inline u32 tls_step(struct stream *s, const u8 *head, u32 avail, u32 is_request,
			   struct found *ret)
{
	struct flow *f = &s->flow[is_request ? FLOW_REQUEST : FLOW_RESPONSE];
	const struct flow *other = &s->flow[is_request ? FLOW_RESPONSE : FLOW_REQUEST];
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
	if (is_request && type != TLS_HANDSHAKE)
		tls_goes_on(f, &s->flow[FLOW_RESPONSE]);
	if (type == TLS_CCS)
		f->line = 1;
	else if (type == TLS_HANDSHAKE)
		tls_handshake(f, head, len, is_request, ret);
	else if (type == TLS_ALERT && len == 2) /* in the clear; a warning ends nothing */
		ret->kind = head[5] == TLS_FATAL ? FOUND_SETUP_FAILURE : FOUND_NOTHING;
	else if (type == TLS_ALERT || (type == TLS_DATA && tls_is_data_alert(len, f, other)))
		ret->kind = tls_alert(s, type, is_request);
	else if (type == TLS_DATA)
		tls_data(s, len, is_request, ret);
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
