/* SPDX-License-Identifier: BSD-3-Clause */
/* Exposition: the registry as Prometheus reads it. A format is a row; one walk serves all. */
#ifndef EXPO_EXPO_H
#define EXPO_EXPO_H

#include "lib/buf.h"
#include "metric/registry.h"

struct expo_format {
	const char *content_type;
	/* Appends a family; it has series. */
	void (*family)(struct buf *b, const struct family *f);
	const char *end; /* what follows the last family */
};

extern const struct expo_format expo_text, expo_openmetrics;

/* Appends every family that has series. Without memory b->failed is set. */
void expo_write(const struct expo_format *format, const struct registry *r, struct buf *b);

#endif
