/* SPDX-License-Identifier: BSD-3-Clause */
/* A limit (a token bucket): so many at once, and one more after each interval. Zeroed it is full. */
#ifndef HTTP_TOKEN_BUCKET_H
#define HTTP_TOKEN_BUCKET_H

#include <stdbool.h>

#include "lib/loop.h"

struct token_bucket {
	uint64_t full_ns; /* when it is full again */
};

/* False: it is empty. */
static inline bool tokens_take(struct token_bucket *b, uint64_t interval_ns, uint64_t burst)
{
	uint64_t now_ns = clock_now_ns(), from_ns = b->full_ns > now_ns ? b->full_ns : now_ns;

	if ((from_ns - now_ns + interval_ns - 1) / interval_ns >= burst)
		return false;
	b->full_ns = from_ns + interval_ns;
	return true;
}

/* What was taken is not to count. */
static inline void tokens_give_back(struct token_bucket *b, uint64_t interval_ns)
{
	b->full_ns -= interval_ns;
}

#endif
