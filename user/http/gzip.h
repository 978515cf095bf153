/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HTTP_GZIP_H
#define HTTP_GZIP_H

#include "lib/buf.h"

/* Appends the gzip form of `text`, which is not empty. False when there is no memory; `out` is then as it was. */
bool gzip_compress(struct buf *out, const struct buf *text);

#endif
