// SPDX-License-Identifier: BSD-3-Clause
#include "metric/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OCTAVE_MASK ((1ULL << OCTAVE) - 1)
#define ROOM_STEP   1024 /* ids, a multiple of SPARSE_BLOCK */

void snapshot_release(struct snapshot *s)
{
	free(s->values[METRIC_COUNTER]);
	free(s->values[METRIC_GAUGE]);
	free(s->hists);
	slab_release(&s->octaves);
	*s = (struct snapshot){ 0 };
}

size_t snapshot_bytes(const struct snapshot *s)
{
	return (s->cnt[METRIC_COUNTER] + (size_t)s->cnt[METRIC_GAUGE]) * sizeof(s64) +
	       s->cnt[METRIC_HISTOGRAM] * sizeof(*s->hists) + slab_bytes(&s->octaves);
}

/* Grows an array to at least `cnt` elements; new ones are zeros. Returns the array or NULL. */
static void *array_grow(void *array, size_t size, u32 *room, u32 cnt)
{
	u32 more = (cnt + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
	char *grown;

	if (cnt <= *room)
		return array;
	grown = reallocarray(array, more, size);
	if (!grown)
		return NULL;
	memset(grown + *room * size, 0, (more - *room) * size);
	*room = more;
	return grown;
}

static bool values_grow(struct snapshot *s, const struct registry *r, enum metric_kind kind)
{
	u32 top = r->slabs[kind].top;
	s64 *values = array_grow(s->values[kind], sizeof(*values), &s->cnt[kind], top);

	if (values)
		s->values[kind] = values;
	return values || !top;
}

static bool hists_grow(struct snapshot *s, const struct registry *r)
{
	u32 top = r->slabs[METRIC_HISTOGRAM].top;
	struct hist_snapshot *hists =
		array_grow(s->hists, sizeof(*hists), &s->cnt[METRIC_HISTOGRAM], top);

	if (hists)
		s->hists = hists;
	if (!s->octaves.item_size)
		s->octaves = (struct slab){ .item_size = sizeof(u64[OCTAVE]), .chunk_shift = 9 };
	if (!s->octaves.top && slab_alloc(&s->octaves, 0) == SLAB_NONE)
		return false;
	return hists || !top;
}

static void values_diff(const struct snapshot *s, const struct registry *r, enum metric_kind kind,
			struct sparse_writer *out)
{
	const struct slab *slab = &r->slabs[kind];
	s64 diff[SPARSE_BLOCK];

	for (u32 id = 0; id < slab->top; id += SPARSE_BLOCK) {
		const u64 *now = slab_item(slab, id), *then = (const u64 *)&s->values[kind][id];
		u64 any = 0;

		for (u32 i = 0; i < SPARSE_BLOCK; i++) {
			diff[i] = (s64)(now[i] - then[i]);
			any |= now[i] ^ then[i];
		}
		if (any)
			sparse_put(out, id / SPARSE_BLOCK, sparse_mask(diff), diff);
	}
}

/* An id may be newer than the snapshot. If it was used before, its old owner ended with 0. */
static const struct hist_snapshot *hist_then(const struct snapshot *s, u32 id)
{
	static const struct hist_snapshot none;

	return id < s->cnt[METRIC_HISTOGRAM] ? &s->hists[id] : &none;
}

static const u64 *octave_then(const struct snapshot *s, const struct hist_snapshot *then,
			      u32 octave)
{
	static const u64 zeros[OCTAVE];

	return then->octave[octave] ? slab_item(&s->octaves, then->octave[octave]) : zeros;
}

/* Every event adds to the sum, except those of 0 ns, which are in the first bucket. */
static bool hist_changed(const struct snapshot *s, const struct hist_snapshot *then,
			 const struct hist *now)
{
	return now->sum_ns != then->sum_ns || now->bucket[0] != octave_then(s, then, 0)[0];
}

/* The last octave has fewer buckets. */
static u32 octave_size(u32 octave)
{
	u32 left = HIST_BUCKETS - octave * OCTAVE;

	return left < OCTAVE ? left : OCTAVE;
}

static inline bool octave_same(const u64 now[OCTAVE], const u64 then[OCTAVE])
{
	u64 any = 0;

	for (u32 i = 0; i < OCTAVE; i++)
		any |= now[i] ^ then[i];
	return !any;
}

/* Subtracts an octave; returns the mask of the buckets that changed. Most octaves have not, and of those `diff` is left as it is. */
static u64 octave_diff(const struct snapshot *s, const struct hist_snapshot *then, u32 octave,
		       const struct hist *now, s64 *diff)
{
	const u64 *before = octave_then(s, then, octave), *after = &now->bucket[octave * OCTAVE];
	u32 cnt = octave_size(octave);
	u64 mask = 0;

	if (cnt == OCTAVE && octave_same(after, before))
		return 0;
	for (u32 i = 0; i < cnt; i++) {
		diff[i] = (s64)(after[i] - before[i]);
		mask |= (u64)(diff[i] != 0) << i;
	}
	return mask;
}

static bool hist_diff(struct snapshot *s, u32 id, const struct hist *now, struct sparse_writer *out)
{
	u32 *octave = s->hists[id].octave;
	s64 diff[OCTAVES * OCTAVE];
	u64 mask[HIST_BLOCKS] = { 0 };

	for (u32 i = 0; i < OCTAVES; i++) {
		u32 at = i * OCTAVE;
		u64 changed = octave_diff(s, &s->hists[id], i, now, &diff[at]);

		/* for snapshot_update(), which cannot fail */
		if (changed && !octave[i])
			octave[i] = slab_alloc(&s->octaves, 0);
		if (octave[i] == SLAB_NONE) {
			octave[i] = 0;
			return false;
		}
		mask[at / SPARSE_BLOCK] |= changed << at % SPARSE_BLOCK;
	}
	for (u32 i = 0; i < HIST_BLOCKS; i++)
		sparse_put(out, id * HIST_BLOCKS + i, mask[i], &diff[i * SPARSE_BLOCK]);
	return true;
}

static int hists_diff(struct snapshot *s, const struct registry *r, struct column_writer *w)
{
	const struct slab *slab = &r->slabs[METRIC_HISTOGRAM];
	s64 sums[SPARSE_BLOCK] = { 0 };

	for (u32 id = 0; id < slab->top; id++) {
		const struct hist *now = slab_item(slab, id);
		u32 at = id % SPARSE_BLOCK;

		sums[at] = (s64)(now->sum_ns - s->hists[id].sum_ns);
		if (hist_changed(s, &s->hists[id], now) &&
		    !hist_diff(s, id, now, &w->vectors[COLUMN_BUCKETS]))
			return -ENOMEM;
		if (at < SPARSE_BLOCK - 1 && id < slab->top - 1)
			continue;
		sparse_put(&w->vectors[COLUMN_SUMS], id / SPARSE_BLOCK, sparse_mask(sums), sums);
		memset(sums, 0, sizeof(sums));
	}
	return 0;
}

int snapshot_diff(struct snapshot *s, const struct registry *r, struct column_writer *w)
{
	if (!values_grow(s, r, METRIC_COUNTER) || !values_grow(s, r, METRIC_GAUGE) ||
	    !hists_grow(s, r))
		return -ENOMEM;
	values_diff(s, r, METRIC_COUNTER, &w->vectors[COLUMN_COUNTERS]);
	values_diff(s, r, METRIC_GAUGE, &w->vectors[COLUMN_GAUGES]);
	return hists_diff(s, r, w);
}

/* Copies the octaves that have a bucket in the mask. */
static void octaves_update(struct snapshot *s, const struct slab *hists, u32 block, u64 mask)
{
	u32 id = block / HIST_BLOCKS;
	const struct hist *now = slab_item(hists, id);
	u32 octave = block % HIST_BLOCKS * (SPARSE_BLOCK / OCTAVE);

	for (; mask; mask >>= OCTAVE, octave++)
		if (mask & OCTAVE_MASK)
			memcpy(slab_item(&s->octaves, s->hists[id].octave[octave]),
			       &now->bucket[octave * OCTAVE], octave_size(octave) * sizeof(u64));
}

void snapshot_update(struct snapshot *s, const struct registry *r, const struct column *c)
{
	const struct slab *hists = &r->slabs[METRIC_HISTOGRAM];
	const struct sparse *buckets = &c->vectors[COLUMN_BUCKETS];

	for (int kind = 0; kind < METRIC_HISTOGRAM; kind++)
		for (u32 id = 0; id < r->slabs[kind].top; id += SPARSE_BLOCK)
			memcpy(&s->values[kind][id], slab_item(&r->slabs[kind], id),
			       SPARSE_BLOCK * sizeof(s64));
	for (u32 id = 0; id < hists->top; id++)
		s->hists[id].sum_ns = ((const struct hist *)slab_item(hists, id))->sum_ns;
	for (u32 group = 0; group < buckets->group_cnt; group++) {
		u32 at = buckets->group_first[group];

		for (u64 left = buckets->group_mask[group]; left; left &= left - 1)
			octaves_update(s, hists, group * 64 + (u32)__builtin_ctzll(left),
				       buckets->block_mask[at++]);
	}
}

s64 snapshot_value(const struct snapshot *s, enum metric_kind kind, u32 id)
{
	return id < s->cnt[kind] ? s->values[kind][id] : 0;
}

u64 snapshot_hist_sum(const struct snapshot *s, u32 id)
{
	return hist_then(s, id)->sum_ns;
}

void snapshot_hist_diff(const struct snapshot *s, u32 id, const struct hist *now, s64 *diff,
			u64 *changed)
{
	const struct hist_snapshot *then = hist_then(s, id);

	if (!hist_changed(s, then, now))
		return;
	for (u32 i = 0; i < OCTAVES; i++) {
		u32 at = i * OCTAVE;

		changed[at / SPARSE_BLOCK] |= octave_diff(s, then, i, now, &diff[at])
					      << at % SPARSE_BLOCK;
	}
}
