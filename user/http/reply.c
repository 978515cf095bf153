// SPDX-License-Identifier: BSD-3-Clause
#include "http/reply.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/client.h"
#include "http/payload.h"
#include "lib/loop.h"

struct connection_later {
	struct http_later later;
	struct client *client;
	struct http_reply reply;
};

struct http_shared {
	uint64_t version, gate_version;
	struct payload plain, gzip;
};

void http_reply_init(struct http_reply *r)
{
	*r = (struct http_reply){ .status = MHD_HTTP_OK, .content_type = HTTP_TEXT };
}

struct http_later *http_reply_later(const struct http_request *request)
{
	return request->ops->later(request);
}

void http_later_send(struct http_later *l, const struct http_reply *reply)
{
	l->send(l, reply);
}

static void connection_resume(struct http_later *later, const struct http_reply *reply)
{
	struct connection_later *l = (struct connection_later *)later;

	l->reply = *reply;
	MHD_resume_connection(l->client->connection);
	timer_set_by(l->client->wake, clock_now_ns());
}

struct http_later *connection_suspend(const struct http_request *request)
{
	struct connection_later *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	*l = (struct connection_later){ .later = { connection_resume }, .client = request->owner };
	l->client->later = l;
	MHD_suspend_connection(l->client->connection);
	return &l->later;
}

void later_take(struct client *c, struct http_reply *r)
{
	const struct http_reply before = *r;

	*r = c->later->reply;
	r->web = before.web;
	r->gate_version = before.gate_version;
	free(c->later);
	c->later = NULL;
}

void later_free(struct connection_later *l)
{
	if (!l)
		return;
	buf_release(&l->reply.body);
	free(l);
}

void http_reply_fail(struct http_reply *r, unsigned status, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_release(&r->body);
	*r = (struct http_reply){
		.status = status,
		.content_type = HTTP_TEXT,
		.gate_version = r->gate_version,
		.web = r->web,
	};
	buf_str(&r->body, text);
	buf_char(&r->body, '\n');
}

bool http_reply_share(struct http_reply *r, struct http_shared **slot, uint64_t version)
{
	r->shared = slot;
	r->version = version;
	if (r->held)
		return r->held(r->held_ctx, slot, version);
	return *slot && (*slot)->plain.response && (*slot)->version == version;
}

uint64_t http_shared_version(const struct http_shared *shared)
{
	return shared && shared->plain.response ? shared->version : 0;
}

void http_shared_drop(struct http_shared **slot)
{
	if (!*slot)
		return;
	payload_release(&(*slot)->plain);
	payload_release(&(*slot)->gzip);
	free(*slot);
	*slot = NULL;
}

static struct payload_head reply_head(const struct http_reply *r)
{
	return (struct payload_head){ r->status, r->content_type, r->allow, r->web };
}

/* What was made before the web configuration changed goes on with the headers of now. NULL: no memory. */
static struct http_shared *shared_renew(struct http_shared *shared, const struct http_reply *r)
{
	const struct payload_head head = reply_head(r);

	if (shared->gate_version == r->gate_version)
		return shared;
	if (!payload_renew(&shared->plain, &head, false))
		return NULL;
	payload_release(&shared->gzip);
	shared->gate_version = r->gate_version;
	return shared;
}

/* What to send, plain at least, in the reply's slot or else in `own`. NULL: no memory. */
static struct http_shared *reply_payloads(struct http_reply *r, struct http_shared *own)
{
	const struct payload_head head = reply_head(r);
	struct http_shared *to = own;

	if (r->shared) {
		if (http_reply_share(r, r->shared, r->version))
			return shared_renew(*r->shared, r);
		if (!*r->shared)
			*r->shared = calloc(1, sizeof(**r->shared));
		to = *r->shared ?: own;
	}
	payload_release(&to->plain);
	payload_release(&to->gzip);
	to->version = r->version;
	to->gate_version = r->gate_version;
	return payload_make(&to->plain, &r->body, &head, false) ? to : NULL;
}

/* The last one of a connection says so, which is nobody else's to read. */
static bool payload_send(const struct payload *p, struct payload_head head, bool gzip,
			 struct client *c)
{
	struct payload last = { 0 };
	bool sent;

	head.last = c->last;
	if (head.last && !payload_copy(&last, p, &head, gzip))
		return false;
	client_set_body(c, p->body);
	sent = MHD_queue_response(c->connection, head.status, last.response ?: p->response) ==
	       MHD_YES;
	payload_release(&last);
	return sent;
}

bool reply_deliver(struct http_reply *r, struct client *c, bool gzip, bool (*admit)(void *ctx),
		   void *ctx)
{
	struct http_shared own = { 0 }, *from = reply_payloads(r, &own);
	const struct payload_head head = reply_head(r);
	bool sent = false;
	struct payload *p;

	if (!from)
		return false;
	if (gzip && !from->gzip.response)
		payload_make_gzip(&from->gzip, &from->plain, &head);
	p = gzip && from->gzip.response ? &from->gzip : &from->plain;
	if (p->body->clients || !body_is_big(p->body) || admit(ctx)) {
		sent = payload_send(p, head, p == &from->gzip, c);
	} else {
		payload_release(&own.plain);
		payload_release(&own.gzip);
		http_reply_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many replies under way");
		if (reply_payloads(r, &own))
			sent = payload_send(&own.plain, reply_head(r), false, c);
	}
	payload_release(&own.plain);
	payload_release(&own.gzip);
	return sent;
}
