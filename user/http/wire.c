// SPDX-License-Identifier: BSD-3-Clause
#include "http/wire.h"

#include <string.h>

bool wire_request_add(struct wire_request *r, size_t *len, const char *text)
{
	size_t more = strlen(text) + 1;

	if (more > sizeof(*r) - *len)
		return false;
	memcpy((char *)r + *len, text, more);
	*len += more;
	return true;
}

static const char *next(const char *text)
{
	return text + strlen(text) + 1;
}

bool wire_request_read(const struct wire_request *r, size_t len, struct wire_texts *texts)
{
	const char *end = (const char *)r + len;
	unsigned cnt = 0;

	if (len <= WIRE_REQUEST_MIN || len > sizeof(*r) || end[-1])
		return false;
	for (const char *text = r->text; text < end; text = next(text))
		cnt++;
	if (cnt < 2 || cnt % 2)
		return false;
	texts->path = r->text;
	texts->accept = next(texts->path);
	texts->params = next(texts->accept);
	texts->end = end;
	return true;
}

const char *wire_query(const struct wire_texts *texts, const char *name)
{
	for (const char *text = texts->params; text < texts->end; text = next(next(text)))
		if (!strcmp(text, name))
			return next(text);
	return NULL;
}
