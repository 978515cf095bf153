/* SPDX-License-Identifier: BSD-3-Clause */
/* The page at /: what this is, and where to find what. */
#ifndef CMD_LANDING_H
#define CMD_LANDING_H

#include "http/server.h"

/* Writes HTML with a link for each route that says what it is about, and that who asks may use. */
void landing_write(struct buf *out, const struct http_route *routes,
		   const struct http_request *request, bool ready);

#endif
