/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions to the history, /api/v1/query: parameters in, JSON out. */
#ifndef EXPO_QUERY_H
#define EXPO_QUERY_H

#include "lib/buf.h"
#include "metric/history.h"

/* Where parameters come from: the value of a key, decoded, NULL when it is not there. */
struct expo_params {
	const char *(*get)(void *ctx, const char *key);
	void *ctx;
};

/*
 * Answers metric=NAME&window=30s&by=LABEL,...&where=LABEL=VALUE,... with the JSON that README.md describes.
 * Returns the status of HTTP: 200, 400 (a parameter is wrong) or 503 (nothing to tell yet, or no memory); of the latter two
 * the JSON is an object with "error".
 */
unsigned expo_query(const struct registry *r, const struct history *h, u64 now_ns,
		    const struct expo_params *params, struct buf *out);

#endif
