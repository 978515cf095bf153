/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small file that outlives the process, written and read by a thread of its own: a disk that is full or hangs keeps nobody
 * waiting. The file is replaced as a whole, and has a checksum: what is read is what was written, or nothing.
 */
#ifndef LIB_STORE_H
#define LIB_STORE_H

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/loop.h"

struct store;

struct store_hooks {
	/* In the loop, once: what the file had, NULL if there is none, or it is not whole; `err`: why, or 0. */
	void (*loaded)(void *ctx, const char *data, size_t len, int err);
	/* In the loop: the last write ended like this, and the one before otherwise. 0 or negative errno. */
	void (*written)(void *ctx, int err);
	void *ctx;
};

/*
 * The folder is made when it is missing (0755, the file 0600). A file of more than `max` bytes is not read. Begins to read at
 * once. NULL: no memory, or no thread.
 */
struct store *store_new(struct loop *l, const char *path, size_t max,
			const struct store_hooks *hooks);
/*
 * Replaces the file; takes the text, in any case. What comes while another text is being written replaces what waits. A write that
 * fails is tried again after ten seconds, at the end, or with the next text.
 */
void store_put(struct store *s, struct buf *text);
/*
 * Writes what is left. Has it come to its end in this time? If not it hangs, and only the end of the process is left:
 * store_free() would wait.
 */
bool store_end(struct store *s, uint64_t wait_ns);
void store_free(struct store *s);

/* The file's form, for tests: a line with a checksum, and the text. Returns where the text begins; NULL: it is not whole. */
void store_seal(struct buf *out, const char *text, size_t len);
const char *store_open(const char *data, size_t len, size_t *text_len);

#endif
