// SPDX-License-Identifier: BSD-3-Clause
/* Prometheus text 0.0.4 and OpenMetrics 1.0: one writer, and a row for what they do differently. */
#include "expo/expo.h"

#include <string.h>

#include "metric/hist.h"

#define TOTAL "_total"

struct dialect {
	bool base_name;		  /* metadata names the family without _total and tells its unit */
	const char *help_escapes; /* characters that take a backslash in HELP */
	const char *whole;	  /* follows a whole number in le */
};

static const struct dialect text = { false, "\\\n", "" };
static const struct dialect openmetrics = { true, "\\\n\"", ".0" };

static const char *const kind_name[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

static bool ends_with(const char *s, size_t len, const char *suffix)
{
	size_t suffix_len = strlen(suffix);

	return len > suffix_len && !memcmp(s + len - suffix_len, suffix, suffix_len);
}

/* The unit's name if the name ends in it, else NULL. */
static const char *unit_name(const struct metric *m, size_t name_len)
{
	const char *unit = metric_units[m->unit];

	return *unit && ends_with(m->name, name_len, unit) ? unit : NULL;
}

static void help_add(struct buf *b, const char *help, const char *escapes)
{
	for (; *help; help++) {
		if (strchr(escapes, *help))
			buf_char(b, '\\');
		buf_char(b, *help == '\n' ? 'n' : *help);
	}
}

static void comment_start(struct buf *b, const char *keyword, const struct metric *m, size_t len)
{
	buf_str(b, keyword);
	buf_add(b, m->name, len);
	buf_char(b, ' ');
}

static void metadata_write(struct buf *b, const struct metric *m, const struct dialect *d)
{
	size_t len = strlen(m->name);
	const char *unit;

	if (d->base_name && ends_with(m->name, len, TOTAL))
		len -= strlen(TOTAL);
	comment_start(b, "# HELP ", m, len);
	help_add(b, m->help, d->help_escapes);
	help_add(b, m->kind == METRIC_HISTOGRAM ? BUCKETS_HELP : "", d->help_escapes);
	comment_start(b, "\n# TYPE ", m, len);
	buf_str(b, kind_name[m->kind]);
	unit = d->base_name ? unit_name(m, len) : NULL;
	if (unit) {
		comment_start(b, "\n# UNIT ", m, len);
		buf_str(b, unit);
	}
	buf_char(b, '\n');
}

/* A sample's line up to its value. */
static void sample_start(struct buf *b, const char *name, const char *suffix,
			 const struct series *s)
{
	buf_str(b, name);
	buf_str(b, suffix);
	if (s->labels_len) {
		buf_char(b, '{');
		buf_add(b, s->labels, s->labels_len);
		buf_char(b, '}');
	}
	buf_char(b, ' ');
}

static void value_write(struct buf *b, const struct metric *m, const struct series *s)
{
	s64 value = *s->value;

	for (const struct series *more = s->next_exposed; more; more = more->next_exposed)
		value = metric_merge(m, value, *more->value);
	sample_start(b, m->name, "", s);
	if (unit_billionths(m->unit))
		buf_seconds(b, (u64)value);
	else
		buf_i64(b, value);
	buf_char(b, '\n');
}

static void bucket_write(struct buf *b, const struct buf *start, const char *bound,
			 const char *whole, u64 count)
{
	buf_add(b, start->data, start->len);
	buf_str(b, bound);
	buf_str(b, whole);
	buf_str(b, "\"} ");
	buf_u64(b, count);
	buf_char(b, '\n');
}

/* Writes the cumulative buckets, whose lines all begin with start, and returns what they add up to. */
static u64 buckets_write(struct buf *b, const struct buf *start, const struct buckets *buckets,
			 const u64 *native, const struct dialect *d)
{
	u64 count = 0;
	size_t next = 0;

	for (const struct bucket *at = buckets->at; at < buckets->at + buckets->cnt; at++) {
		while (next < at->end)
			count += native[next++];
		bucket_write(b, start, at->le, at->whole ? d->whole : "", count);
	}
	while (next < HIST_BUCKETS)
		count += native[next++];
	bucket_write(b, start, "+Inf", "", count);
	return count;
}

/* The histogram of all that are exposed with s; `sum` is there for more than one. */
static const struct hist *exposed_hist(const struct series *s, struct hist *sum)
{
	if (!s->next_exposed)
		return s->hist;
	*sum = *s->hist;
	for (const struct series *more = s->next_exposed; more; more = more->next_exposed)
		hist_add(sum, more->hist);
	return sum;
}

/* _count is what the buckets added up to as they were written: the two cannot disagree. */
static void histogram_write(struct buf *b, const struct series *s, const struct dialect *d)
{
	const char *name = s->family->metric->name;
	struct buf start = { 0 };
	struct hist sum;
	const struct hist *hist = exposed_hist(s, &sum);
	u64 count;

	buf_str(&start, name);
	buf_str(&start, "_bucket{");
	buf_add(&start, s->labels, s->labels_len);
	buf_str(&start, s->labels_len ? ",le=\"" : "le=\"");
	count = buckets_write(b, &start, s->family->buckets, hist->bucket, d);
	b->failed |= start.failed;
	buf_release(&start);

	sample_start(b, name, "_sum", s);
	buf_seconds(b, hist->sum_ns);
	buf_char(b, '\n');
	sample_start(b, name, "_count", s);
	buf_u64(b, count);
	buf_char(b, '\n');
}

static void family_write(struct buf *b, const struct family *f, const struct dialect *d)
{
	metadata_write(b, f->metric, d);
	for (size_t i = 0; i < f->series_cnt; i++) {
		if (f->series[i]->exposed != f->series[i])
			continue;
		if (f->metric->kind == METRIC_HISTOGRAM)
			histogram_write(b, f->series[i], d);
		else
			value_write(b, f->metric, f->series[i]);
	}
}

static void text_family(struct buf *b, const struct family *f)
{
	family_write(b, f, &text);
}

static void openmetrics_family(struct buf *b, const struct family *f)
{
	family_write(b, f, &openmetrics);
}

static void text_metadata(struct buf *b, const struct metric *m)
{
	metadata_write(b, m, &text);
}

static void openmetrics_metadata(struct buf *b, const struct metric *m)
{
	metadata_write(b, m, &openmetrics);
}

const struct expo_format expo_text = {
	.content_type = "text/plain; version=0.0.4; charset=utf-8",
	.family = text_family,
	.metadata = text_metadata,
	.end = "",
};

const struct expo_format expo_openmetrics = {
	.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	.family = openmetrics_family,
	.metadata = openmetrics_metadata,
	.end = "# EOF\n",
};
