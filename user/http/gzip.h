/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HTTP_GZIP_H
#define HTTP_GZIP_H

#include "lib/buf.h"

/* Replaces the content by its gzip form. False when there is no memory; the content is then as it was. */
bool gzip_compress(struct buf *b);

#endif
