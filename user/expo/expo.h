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
	/* Appends what comes before the samples of a metric. */
	void (*metadata)(struct buf *b, const struct metric *m);
	const char *end; /* what follows the last family */
};

extern const struct expo_format expo_text, expo_openmetrics;

/*
 * Gauges that are not in the registry, since the names of their labels differ from one series to the next: their owner writes
 * them at each exposition.
 */
struct expo_source {
	const struct metric *rows; /* ends with one without name */
	/* Appends the samples of a row by expo_sample(). */
	void (*samples)(void *ctx, const struct metric *row, struct buf *b);
	void *ctx;
};
/* `labels`: made by label_add(). */
void expo_sample(struct buf *b, const struct metric *m, const struct buf *labels, s64 value);

/*
 * Appends every family that has series, and all of the source (NULL: there is none). Without memory b->failed is set.
 */
void expo_write(const struct expo_format *format, const struct registry *r,
		const struct expo_source *source, struct buf *b);

#endif
