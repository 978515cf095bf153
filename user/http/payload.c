// SPDX-License-Identifier: BSD-3-Clause
#include "http/payload.h"

#include <microhttpd.h>
#include <stdlib.h>

#include "conf/web.h"
#include "http/gzip.h"

static void configured_add(struct MHD_Response *response, const struct web *web)
{
	for (const struct web_header *h = web_headers; h->name; h++) {
		const char *value = *(char *const *)((const char *)web + h->offset);

		if (value)
			MHD_add_response_header(response, h->name, value);
	}
}

static void headers_add(struct MHD_Response *response, const struct payload_head *head, bool gzip)
{
	MHD_add_response_header(response, "Content-Type", head->content_type);
	MHD_add_response_header(response, "Vary", "Accept, Accept-Encoding");
	if (gzip)
		MHD_add_response_header(response, "Content-Encoding", "gzip");
	if (head->last)
		MHD_add_response_header(response, "Connection", "close");
	if (head->allow)
		MHD_add_response_header(response, "Allow", head->allow);
	if (head->web)
		configured_add(response, head->web);
	if (head->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate",
					"Basic realm=\"seismo\", charset=\"UTF-8\"");
	if (head->status == MHD_HTTP_SERVICE_UNAVAILABLE ||
	    head->status == MHD_HTTP_TOO_MANY_REQUESTS)
		MHD_add_response_header(response, "Retry-After", "1");
}

void body_unref(struct body *b)
{
	if (--b->refs)
		return;
	buf_release(&b->text);
	free(b);
}

static void body_sent(void *ctx)
{
	body_unref(ctx);
}

/* Takes one reference. */
static struct MHD_Response *response_make(struct body *b, const struct payload_head *head,
					  bool gzip)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		b->text.len, b->text.data ? b->text.data : "", body_sent, b);

	if (response)
		headers_add(response, head, gzip);
	else
		body_unref(b);
	return response;
}

bool payload_make(struct payload *p, struct buf *text, const struct payload_head *head, bool gzip)
{
	struct body *b = calloc(1, sizeof(*b));

	*p = (struct payload){ .body = b };
	if (!b) {
		buf_release(text);
		return false;
	}
	*b = (struct body){ .text = *text, .refs = 1 };
	*text = (struct buf){ 0 };
	p->response = response_make(b, head, gzip);
	return p->response;
}

bool payload_copy(struct payload *to, const struct payload *from, const struct payload_head *head,
		  bool gzip)
{
	from->body->refs++;
	*to = (struct payload){ response_make(from->body, head, gzip), from->body };
	return to->response;
}

bool payload_renew(struct payload *p, const struct payload_head *head, bool gzip)
{
	struct payload renewed;

	if (!payload_copy(&renewed, p, head, gzip))
		return false;
	payload_release(p);
	*p = renewed;
	return true;
}

bool payload_make_gzip(struct payload *p, const struct payload *plain,
		       const struct payload_head *head)
{
	struct buf text = { 0 };

	if (plain->body->text.len && gzip_compress(&text, &plain->body->text))
		return payload_make(p, &text, head, true);
	buf_release(&text);
	return false;
}

void payload_release(struct payload *p)
{
	if (p->response)
		MHD_destroy_response(p->response);
	*p = (struct payload){ 0 };
}
