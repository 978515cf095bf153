/* SPDX-License-Identifier: BSD-3-Clause */
/* /api/v1/query: from the parameters of a request to JSON. */
#ifndef EXPO_QUERY_H
#define EXPO_QUERY_H

#include "expo/window.h"
#include "metric/history.h"

/*
 * Answers metric=NAME&window=30s&ago=0s&by=LABEL,...&where=LABEL=VALUE,... with the JSON that http/README.md describes, and
 * returns the HTTP status: 200, 400 (a parameter is wrong), 404 (the history begins after that window) or 503 (nothing has been read yet, or no memory). Errors are
 * {"error": "..."}.
 */
unsigned expo_query(const struct registry *r, const struct history *h, u64 now_ns,
		    const struct expo_params *params, struct buf *out);

#endif
