/* SPDX-License-Identifier: BSD-3-Clause */
/* The parameters `window` and `ago` of a request: which part of the history it asks about. */
#ifndef EXPO_WINDOW_H
#define EXPO_WINDOW_H

#include "lib/buf.h"
#include "types.h"

/* Looks up a request parameter: its decoded value, or NULL. */
struct expo_params {
	const char *(*get)(void *ctx, const char *key);
	void *ctx;
};

struct expo_window {
	u64 length_ns; /* set to the default before it is read */
	u64 ago_ns;    /* since its end; 0: it ends now */
};

/* Appends client input, made safe, in quotes. */
void expo_quote(struct buf *error, const char *before, const char *text, const char *after);
/* 0, or -EINVAL and what is wrong. */
int expo_window_read(struct expo_window *w, const struct expo_params *params, struct buf *error);
/* Ends a request that failed: appends {"error": ...} and returns the status; `error` says what is wrong already with -EINVAL. */
unsigned expo_error(int err, struct buf *error, struct buf *out);

#endif
