// SPDX-License-Identifier: BSD-3-Clause
#include "metric/history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metric/snapshot.h"

#define NS_PER_SEC 1000000000ULL
#define MINUTE_NS  (60 * NS_PER_SEC)
#define HOUR_NS	   (60 * MINUTE_NS)
#define KEEP_NS	   (24 * HOUR_NS)

#define RECENT_WORTH 8 /* of the last 15 minutes, relative to older columns */

const char *const history_missing_words[] = { "before_start", "not_known_so_long", "events_lost",
					      NULL };

struct history {
	struct registry *registry;
	size_t max_bytes, column_bytes;
	u64 start_ns;
	u64 lost; /* since the last tick */
	struct column **columns;
	u32 column_cnt, column_room;
	u32 hidden;		  /* of the newest, in a look back */
	struct snapshot snapshot; /* the values at the end of the last column */
	struct column_writer writer;
};

struct history *history_new(struct registry *r, u64 start_ns, size_t max_bytes)
{
	struct history *h = calloc(1, sizeof(*h));

	if (h)
		*h = (struct history){ .registry = r,
				       .start_ns = start_ns,
				       .max_bytes = max_bytes };
	return h;
}

void history_free(struct history *h)
{
	if (!h)
		return;
	for (u32 i = 0; i < h->column_cnt; i++)
		column_free(h->columns[i]);
	free(h->columns);
	snapshot_release(&h->snapshot);
	column_writer_release(&h->writer);
	free(h);
}

static u64 end_ns(const struct history *h)
{
	return h->column_cnt ? h->columns[h->column_cnt - 1]->span.end_ns : h->start_ns;
}

static size_t bytes_used(const struct history *h)
{
	return sizeof(*h) + h->column_room * sizeof(*h->columns) + h->column_bytes +
	       snapshot_bytes(&h->snapshot) + column_writer_bytes(&h->writer);
}

static bool columns_reserve(struct history *h)
{
	u32 room = 2 * h->column_room + 64;
	struct column **columns;

	if (h->column_cnt < h->column_room)
		return true;
	columns = reallocarray(h->columns, room, sizeof(*columns));
	if (!columns)
		return false;
	h->columns = columns;
	h->column_room = room;
	return true;
}

static void column_remove(struct history *h, u32 at)
{
	h->column_bytes -= h->columns[at]->bytes;
	column_free(h->columns[at]);
	h->column_cnt--;
	memmove(&h->columns[at], &h->columns[at + 1], (h->column_cnt - at) * sizeof(*h->columns));
}

/* Merges a column with its successor; when out of memory both stay. */
static bool pair_merge(struct history *h, u32 at)
{
	struct column *merged =
		column_merge(h->columns[at], h->columns[at + 1], h->registry, &h->writer);

	if (!merged)
		return false;
	column_remove(h, at);
	h->column_bytes += merged->bytes - h->columns[at]->bytes;
	column_free(h->columns[at]);
	h->columns[at] = merged;
	return true;
}

static u64 pair_span_ns(const struct history *h, u32 at)
{
	return h->columns[at + 1]->span.end_ns - h->columns[at]->span.begin_ns;
}

static u64 pair_age_ns(const struct history *h, u32 at)
{
	return end_ns(h) - h->columns[at + 1]->span.end_ns;
}

/* How long a column of this age may be; 0: a single tick. */
static u64 resolution_ns(u64 age_ns)
{
	static const struct {
		u64 age_ns, resolution_ns;
	} tiers[] = {
		{ 6 * HOUR_NS, 30 * MINUTE_NS },
		{ HOUR_NS, 5 * MINUTE_NS },
		{ 15 * MINUTE_NS, MINUTE_NS },
	};

	for (size_t i = 0; i < sizeof(tiers) / sizeof(*tiers); i++)
		if (age_ns >= tiers[i].age_ns)
			return tiers[i].resolution_ns;
	return 0;
}

/* The first of the oldest pair that may be one column by its age, or column_cnt. */
static u32 pair_due(const struct history *h)
{
	for (u32 i = 0; i + 1 < h->column_cnt; i++)
		if (pair_span_ns(h, i) <= resolution_ns(pair_age_ns(h, i)))
			return i;
	return h->column_cnt;
}

/*
 * Estimates the loss of resolution per byte that merging a pair frees. Resolution is relative to age: where a window of
 * hours begins matters less than where one of seconds does. The last 15 minutes count more.
 */
static double pair_loss(const struct history *h, u32 at)
{
	size_t a = h->columns[at]->bytes, b = h->columns[at + 1]->bytes;
	u64 age_ns = pair_age_ns(h, at);
	double worth = resolution_ns(age_ns) ? 1 : RECENT_WORTH;

	return worth * (double)pair_span_ns(h, at) / (double)age_ns / (double)(a < b ? a : b);
}

static u32 pair_least(const struct history *h)
{
	double least = INFINITY;
	u32 ret = h->column_cnt;

	for (u32 i = 0; i + 2 < h->column_cnt; i++) {
		double loss = pair_loss(h, i);

		if (loss >= least)
			continue;
		least = loss;
		ret = i;
	}
	return ret;
}

bool history_tidy(struct history *h)
{
	u32 at = pair_due(h);

	if (at == h->column_cnt && bytes_used(h) > h->max_bytes - h->max_bytes / 16)
		at = pair_least(h);
	return at < h->column_cnt && pair_merge(h, at);
}

/* Drops columns that are too old, and the oldest ones when merging alone cannot keep to the memory limit. */
static void columns_fit(struct history *h)
{
	while (h->column_cnt > 1 && end_ns(h) - h->columns[0]->span.end_ns > KEEP_NS)
		column_remove(h, 0);
	while (h->column_cnt > 1 && bytes_used(h) > h->max_bytes)
		if (!history_tidy(h))
			column_remove(h, 0);
}

int history_tick(struct history *h, u64 lost)
{
	struct registry *r = h->registry;
	const struct column_span span = {
		.begin_ns = end_ns(h),
		.end_ns = r->now_ns,
		.first_tick = r->tick,
		.last_tick = r->tick,
		.lost = h->lost | lost,
	};
	struct column *c;

	h->lost |= lost;
	if (span.end_ns <= span.begin_ns)
		return 0;
	column_writer_reset(&h->writer);
	if (!columns_reserve(h) || snapshot_diff(&h->snapshot, r, &h->writer))
		return -ENOMEM;
	c = column_new(&h->writer, &span);
	if (!c)
		return -ENOMEM;
	snapshot_update(&h->snapshot, r, c);
	h->columns[h->column_cnt++] = c;
	h->column_bytes += c->bytes;
	h->lost = 0;
	registry_recycle(r);
	columns_fit(h);
	return 0;
}

static u32 shown_cnt(const struct history *h)
{
	return h->column_cnt - h->hidden;
}

static u64 shown_end_ns(const struct history *h)
{
	return shown_cnt(h) ? h->columns[shown_cnt(h) - 1]->span.end_ns : h->start_ns;
}

void history_stats(const struct history *h, struct history_stats *ret)
{
	*ret = (struct history_stats){
		.bytes = bytes_used(h),
		.columns = shown_cnt(h),
		.begin_ns = h->column_cnt ? h->columns[0]->span.begin_ns : h->start_ns,
		.end_ns = shown_end_ns(h),
	};
}

bool history_column_after(const struct history *h, u64 after_ns, u64 *ret_begin_ns, u64 *ret_end_ns)
{
	for (u32 i = 0; i < h->column_cnt; i++) {
		const struct column_span *span = &h->columns[i]->span;

		if (span->end_ns <= after_ns)
			continue;
		*ret_begin_ns = span->begin_ns;
		*ret_end_ns = span->end_ns;
		return true;
	}
	return false;
}

void history_look_back(struct history *h, u64 until_ns)
{
	h->hidden = 0;
	while (shown_cnt(h) && shown_end_ns(h) > until_ns)
		h->hidden++;
}

static u64 distance(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

/* Where a column begins. column_cnt stands for the running tick, which ends now. */
static u64 edge_ns(const struct history *h, u32 column)
{
	return column < h->column_cnt ? h->columns[column]->span.begin_ns : end_ns(h);
}

static u64 present_ns(const struct history *h)
{
	return h->registry->now_ns > end_ns(h) ? h->registry->now_ns : end_ns(h);
}

/* The column whose begin is nearest to that time and before `end`. */
static u32 column_near(const struct history *h, u64 time, u64 end)
{
	u32 at = h->column_cnt;

	while (at > 0 && (edge_ns(h, at) >= end ||
			  distance(edge_ns(h, at - 1), time) <= distance(edge_ns(h, at), time)))
		at--;
	return at;
}

bool history_window_past(const struct history *h, u64 from_ns, u64 to_ns,
			 struct history_window *ret)
{
	u64 now = present_ns(h), begin = from_ns < now ? now - from_ns : 0,
	    end = to_ns < now ? now - to_ns : 0;
	u32 last = column_near(h, end, UINT64_MAX);
	bool running = distance(now, end) < distance(edge_ns(h, last), end) || !to_ns;

	if (running)
		last = h->column_cnt;
	end = running ? now : edge_ns(h, last);
	*ret = (struct history_window){
		.history = h,
		.asked_ns = from_ns > to_ns ? from_ns - to_ns : 0,
		.first = column_near(h, begin, end),
		.end_ns = end,
		.end = last,
		.running = running,
	};
	ret->begin_ns = edge_ns(h, ret->first);
	return ret->begin_ns < ret->end_ns;
}

bool history_window(const struct history *h, u64 window_ns, struct history_window *ret)
{
	return history_window_past(h, window_ns, 0, ret);
}

bool history_window_ticks(const struct history *h, u64 window_ns, struct history_window *ret)
{
	u64 end = shown_end_ns(h);

	*ret = (struct history_window){
		.history = h,
		.asked_ns = window_ns,
		.first = column_near(h, window_ns < end ? end - window_ns : 0, end),
		.end_ns = end,
		.end = shown_cnt(h),
	};
	ret->begin_ns = edge_ns(h, ret->first);
	return shown_cnt(h) > 0;
}

bool history_window_tick(const struct history *h, struct history_window *ret)
{
	const struct column_span *span;

	if (!shown_cnt(h))
		return false;
	span = &h->columns[shown_cnt(h) - 1]->span;
	*ret = (struct history_window){
		.history = h,
		.asked_ns = span->end_ns - span->begin_ns,
		.begin_ns = span->begin_ns,
		.end_ns = span->end_ns,
		.first = shown_cnt(h) - 1,
		.end = shown_cnt(h),
	};
	return true;
}

static u32 series_born(const struct series *s)
{
	return s->family->registry->slabs[s->family->metric->kind].born[s->id];
}

/* The first column of the window in which the series existed. */
static u32 first_column(const struct history_window *w, const struct series *s)
{
	const struct history *h = w->history;
	u32 i = w->first, born = series_born(s);

	while (i < w->end && h->columns[i]->span.last_tick < born)
		i++;
	return i;
}

bool history_has(const struct history_window *w, const struct series *s)
{
	return w->running || first_column(w, s) < w->end;
}

s64 history_delta(const struct history_window *w, const struct series *s)
{
	const struct history *h = w->history;
	enum metric_kind kind = s->family->metric->kind;
	int vector = kind == METRIC_GAUGE ? COLUMN_GAUGES : COLUMN_COUNTERS;
	u64 sum = 0;

	if (w->running)
		sum = (u64)*s->value - (u64)snapshot_value(&h->snapshot, kind, s->id);
	for (u32 i = first_column(w, s); i < w->end; i++)
		sum += (u64)sparse_get(&h->columns[i]->vectors[vector], s->id);
	return (s64)sum;
}

u64 history_hist_sum(const struct history_window *w, const struct series *s)
{
	const struct history *h = w->history;
	u64 sum = 0;

	if (w->running)
		sum = s->hist->sum_ns - snapshot_hist_sum(&h->snapshot, s->id);
	for (u32 i = first_column(w, s); i < w->end; i++)
		sum += (u64)sparse_get(&h->columns[i]->vectors[COLUMN_SUMS], s->id);
	return (s64)sum > 0 ? sum : 0;
}

void history_hist(const struct history_window *w, const struct series *s, struct hist *ret)
{
	const struct history *h = w->history;
	s64 bucket[HIST_BLOCKS * SPARSE_BLOCK] = { 0 };
	u64 changed[HIST_BLOCKS] = { 0 };

	ret->sum_ns += history_hist_sum(w, s);
	if (w->running)
		snapshot_hist_diff(&h->snapshot, s->id, s->hist, bucket, changed);
	for (u32 i = first_column(w, s); i < w->end; i++)
		for (u32 b = 0; b < HIST_BLOCKS; b++)
			changed[b] |= sparse_block_add(&h->columns[i]->vectors[COLUMN_BUCKETS],
						       s->id * HIST_BLOCKS + b,
						       &bucket[b * SPARSE_BLOCK]);
	for (u32 b = 0; b < HIST_BLOCKS; b++)
		for (u64 left = changed[b]; left; left &= left - 1) {
			u32 at = b * SPARSE_BLOCK + (u32)__builtin_ctzll(left);

			if (at < HIST_BUCKETS && bucket[at] > 0)
				ret->bucket[at] += (u64)bucket[at];
		}
}

static void gauge_add(struct history_gauge *g, s64 max, double mean, double ns, double *total_ns)
{
	if (ns > 0)
		g->mean += (mean - g->mean) * ns / (*total_ns + ns);
	*total_ns += ns;
	g->max = max > g->max ? max : g->max;
}

void history_gauge(const struct history_window *w, const struct series *s,
		   struct history_gauge *ret)
{
	const struct history *h = w->history;
	u32 first = first_column(w, s), born = series_born(s);
	u64 begin = end_ns(h) > s->born_ns ? end_ns(h) : s->born_ns;
	s64 end = w->running ? *s->value : snapshot_value(&h->snapshot, METRIC_GAUGE, s->id);
	double total_ns = 0;

	for (u32 i = h->column_cnt; i > w->end && h->columns[i - 1]->span.last_tick >= born; i--)
		end -= sparse_get(&h->columns[i - 1]->vectors[COLUMN_GAUGES], s->id);
	*ret = (struct history_gauge){ .last = end, .max = end, .mean = (double)end };
	if (w->running) {
		gauge_add(ret, end, (double)end,
			  w->end_ns > begin ? (double)(w->end_ns - begin) : 0, &total_ns);
		end = snapshot_value(&h->snapshot, METRIC_GAUGE, s->id);
	}
	for (u32 i = w->end; i > first; i--) {
		const struct column *c = h->columns[i - 1];
		s64 max = sparse_get(&c->vectors[COLUMN_GAUGE_MAXIMA], s->id);
		double mean = (double)sparse_get(&c->vectors[COLUMN_GAUGE_MEANS], s->id);

		gauge_add(ret, end + max, (double)end + mean,
			  (double)column_lifetime_ns(&c->span, born), &total_ns);
		end -= sparse_get(&c->vectors[COLUMN_GAUGES], s->id);
	}
}

/* Length of the window after `since`, without columns in which events were lost. */
static u64 covered_ns(const struct history_window *w, u64 since, u64 sources, bool *lossy)
{
	const struct history *h = w->history;
	u64 covered = 0;

	*lossy = false;
	for (u32 i = w->first; i < w->end + w->running; i++) {
		bool last = i == h->column_cnt;
		u64 begin = edge_ns(h, i), end = last ? w->end_ns : h->columns[i]->span.end_ns;
		u64 lost = sources & (last ? h->lost : h->columns[i]->span.lost);

		begin = begin > since ? begin : since;
		if (!lost && begin < end)
			covered += end - begin;
		*lossy |= lost;
	}
	return covered;
}

static void coverage_since(const struct history_window *w, const struct family *f, u64 since,
			   struct history_coverage *ret)
{
	u64 length = w->end_ns - w->begin_ns, covered;
	bool young = w->first == 0 && length < w->asked_ns, lossy;

	covered = covered_ns(w, since, f->sources, &lossy);
	*ret = (struct history_coverage){
		.ratio = (double)covered / (double)(young ? w->asked_ns : length),
		.missing = (young ? HISTORY_YOUNG : 0) |
			   (since > w->begin_ns ? HISTORY_SERIES_YOUNG : 0) |
			   (lossy ? HISTORY_LOSSY : 0),
	};
}

void history_coverage(const struct history_window *w, const struct series *s,
		      struct history_coverage *ret)
{
	bool gauge = s->family->metric->kind == METRIC_GAUGE;

	coverage_since(w, s->family, gauge ? s->born_ns : s->known_ns, ret);
}

void history_family_coverage(const struct history_window *w, const struct family *f,
			     struct history_coverage *ret)
{
	coverage_since(w, f, f->born_ns, ret);
}
