// SPDX-License-Identifier: BSD-3-Clause
#include "http/connection.h"

#include <microhttpd.h>

const char *connection_header(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->from, MHD_HEADER_KIND, name);
}

const char *connection_query(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->from, MHD_GET_ARGUMENT_KIND, name);
}

struct visit {
	void (*each)(void *ctx, const char *name, const char *value);
	void *ctx;
};

static enum MHD_Result visit(void *ctx, enum MHD_ValueKind kind, const char *name,
			     const char *value)
{
	const struct visit *v = ctx;

	(void)kind;
	if (value)
		v->each(v->ctx, name, value);
	return MHD_YES;
}

void connection_queries(const struct http_request *request,
			void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
	struct visit v = { each, ctx };

	MHD_get_connection_values(request->from, MHD_GET_ARGUMENT_KIND, visit, &v);
}
