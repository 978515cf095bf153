/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A growing byte buffer. An allocation that fails sets `failed` and drops what would not fit; callers
 * append without checking and look at `failed` once, at the end. The data is not NUL-terminated unless
 * buf_cstr() was called.
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;
	size_t len, cap;
	bool failed;
};

void buf_release(struct buf *b);
/* Empties the buffer, keeps its memory. */
void buf_reset(struct buf *b);
/* Makes room for `more` bytes; false (and `failed`) when there is no memory. */
bool buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
/* Nanoseconds as decimal seconds without trailing zeros: 1500000000 -> "1.5", 2000000000 -> "2". */
void buf_seconds(struct buf *b, uint64_t ns);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Running text in lines of this width, each after a prefix and with a newline. */
void buf_wrap(struct buf *b, const char *text, const char *prefix, size_t width);
/* NUL-terminates (not counted in len) and returns the data; "" when the buffer is empty or failed. */
const char *buf_cstr(struct buf *b);

#endif
