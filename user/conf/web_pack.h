/* SPDX-License-Identifier: BSD-3-Clause */
/* A web configuration as bytes, for a process that may read no files. */
#ifndef CONF_WEB_PACK_H
#define CONF_WEB_PACK_H

#include "conf/web.h"

/* Appends all that it says, with what stands in the files that it names, but not where it is from. */
void web_pack(const struct web *w, struct buf *out);
/* 0, -ENOMEM, or -EINVAL: these are other bytes. */
int web_unpack(struct web **ret, const char *data, size_t len);

#endif
