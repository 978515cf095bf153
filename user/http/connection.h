/* SPDX-License-Identifier: BSD-3-Clause */
/* What a request says that has come over a connection: struct http_request_ops, of which `from` is the connection. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "http/request.h"

const char *connection_header(const struct http_request *request, const char *name);
const char *connection_query(const struct http_request *request, const char *name);
/* All parameters that have a value, in turn. */
void connection_queries(const struct http_request *request,
			void (*each)(void *ctx, const char *name, const char *value), void *ctx);

#endif
