// SPDX-License-Identifier: BSD-3-Clause
#include "collect/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metric/hist.h"

#define SAMPLE_MIN  16	/* with fewer, a series takes what the others with the same label have */
#define SAMPLE_KEEP 256 /* halved when so many are new: then older ones count less */
#define LABELS_MAX  16

void estimate_sample(struct series *s, const struct hist *more)
{
	struct sample *sample = s->sample;

	if (!sample)
		sample = s->sample = calloc(1, sizeof(*sample));
	if (!sample)
		return;
	if (sample->cnt >= sample->halved_cnt + SAMPLE_KEEP) {
		hist_halve(&sample->hist);
		sample->halved_cnt = hist_count(&sample->hist);
	}
	hist_add(&sample->hist, more);
	sample->cnt = hist_count(&sample->hist);
}

/* Events of all kinds, by histogram. */
static void events_count(struct family *f, struct family *counter)
{
	unsigned last = counter->label_cnt - 1;
	bool link = f->linked != f->created + counter->created;

	f->linked = f->created + counter->created;
	for (size_t i = 0; i < f->series_cnt; i++)
		f->series[i]->event_cnt = 0;
	for (size_t i = 0; i < counter->series_cnt; i++) {
		struct series *s = counter->series[i];

		if (!s->part_of && link) {
			const char *values[SERIES_LABELS] = { NULL };

			memcpy(values, s->label, counter->label_cnt * sizeof(*values));
			values[last] = f->metric->events_label(s->label[last]);
			s->part_of = family_find(f, values);
		}
		if (s->part_of)
			s->part_of->event_cnt += *s->value;
	}
}

/* The samples of all series together, by the last label. */
struct pool {
	const char *label;
	struct hist hist;
};

static void pools_fill(const struct family *f, struct pool pools[LABELS_MAX])
{
	for (size_t i = 0; i < f->series_cnt; i++) {
		const struct series *s = f->series[i];
		const char *label = s->label[f->label_cnt - 1];
		struct pool *pool = pools;

		while (pool < pools + LABELS_MAX && pool->label && pool->label != label)
			pool++;
		if (!s->sample || pool == pools + LABELS_MAX)
			continue;
		pool->label = label;
		hist_add(&pool->hist, &s->sample->hist);
	}
}

static const struct hist *pool_find(const struct pool pools[LABELS_MAX], const char *label)
{
	for (const struct pool *pool = pools; pool < pools + LABELS_MAX && pool->label; pool++)
		if (pool->label == label)
			return &pool->hist;
	return NULL;
}

/* Adds n events as a sample has them. */
static void events_add(struct series *s, const struct hist *sample, u64 n)
{
	double share = (double)n / (double)hist_count(sample);
	double sum = (double)random() / ((double)RAND_MAX + 1);
	struct hist more = { .sum_ns = (u64)((double)sample->sum_ns * share) };
	u64 done = 0;

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		u64 upto;

		sum += (double)sample->bucket[i] * share;
		upto = (u64)sum < n ? (u64)sum : n;
		more.bucket[i] = upto - done;
		done = upto;
	}
	if (!series_hist_base(s))
		return;
	hist_add(s->hist_base, &more);
	hist_add(s->hist, &more);
}

static void family_estimate(struct family *f)
{
	struct pool *pools = NULL;

	for (size_t i = 0; i < f->series_cnt; i++) {
		struct series *s = f->series[i];
		s64 missing = s->event_cnt - (s64)hist_count(s->hist);
		const struct hist *sample = s->sample ? &s->sample->hist : NULL;

		if (missing <= 0)
			continue;
		if (!sample || s->sample->cnt < SAMPLE_MIN) {
			if (!pools && (pools = calloc(LABELS_MAX, sizeof(*pools))))
				pools_fill(f, pools);
			sample = pools ? pool_find(pools, s->label[f->label_cnt - 1]) : NULL;
		}
		if (sample && hist_count(sample))
			events_add(s, sample, (u64)missing);
	}
	free(pools);
}

void estimate_read(struct families *t)
{
	for (u32 number = 1; number < METRIC_MAX; number++) {
		struct family *f = t->by_number[number];
		struct family *counter = f && f->metric->events
						 ? registry_find(t->registry, f->metric->events)
						 : NULL;

		if (!counter)
			continue;
		events_count(f, counter);
		family_estimate(f);
	}
}
