/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLS whose records the kernel makes (Documentation/networking/tls.rst), as OpenSSL has it do with its option KTLS. The handshake
 * goes through calls as records; from then on calls send and receive what is inside. That begins in each direction by itself, and
 * may never in one of them: with TLS 1.3, OpenSSL before 3.2 has the kernel make what it sends, and reads records.
 *
 * Where the kernel makes them in both directions, the connection is one of what is inside as soon as that comes. Before, and where it
 * does in one direction alone, exchanges count as of TLS: then what calls have passed there is looked at as the records that
 * the kernel makes of it. What is no data, alerts and tickets, calls tell in a control message.
 */
#ifndef KTLS_BPF_H
#define KTLS_BPF_H

#include "detect.bpf.h"

/* The record to be made of what a call has passed: its type, and how long it is. Or: */
enum {
	KTLS_BYTES,   /* none, the bytes are what they are */
	KTLS_NOTHING, /* they are nothing that matters */
};
#define KTLS_RECORD(type, len) ((type) << 16 | (len))

/* Longer than any ticket or alert. */
#define KTLS_DATA    KTLS_RECORD(TLS_DATA, TLS_RECORD_FULL + 1)
#define KTLS_FATAL   KTLS_RECORD(TLS_DATA, TLS_DATA_ALERT)
#define KTLS_WARNING KTLS_RECORD(TLS_ALERT, 2 + 8 + 16)

static __always_inline bool is_made(const struct event *e)
{
	return !plain_text && !ktls_is_hidden && e->p->made;
}

__noinline int parser_has_method(u32 slot)
{
	struct parser *p = bpf_map_lookup_elem(&request_parsers, &slot);

	return p && p->head_len >= 4 && http_is_method(le32_at(p->head));
}

static __noinline int made_request(struct event *e)
{
	e->sc->request.inside = head_read(e) && parser_has_method(e->p->slot) ? INSIDE_HTTP : 0;
	return 0;
}

/* Sets its status. False: the response is still to come, this is an interim one or more of the one before. */
static __noinline int made_response(struct event *e)
{
	struct request_ctx *r = &e->sc->request;
	u32 status;

	e->p->made_status = STATUS_UNKNOWN;
	if (e->p->made != KTLS_DATA)
		return 1;
	status = head_read(e) ? http_status(e->p->head, e->p->head_len) : STATUS_UNKNOWN;
	if (http_is_interim(status) || (!status && r->inside)) {
		r->response_ns = 0;
		return 0;
	}
	e->p->made_status = status;
	if (status)
		r->inside = INSIDE_HTTP;
	return 1;
}

/*
 * The time in the queue counts with the response: unless what is inside counts by then, or as what the response turns out to be
 * one of.
 */
static __always_inline bool tls_queues_later(const struct request_ctx *r)
{
	return (tls_inside || r->ktls) && r->protocol == PROTOCOL_TLS;
}

#endif
