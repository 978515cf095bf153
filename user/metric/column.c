// SPDX-License-Identifier: BSD-3-Clause
#include "metric/column.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SIZE 4096 /* or a part of one: bytes are counted a little too low then */

void column_writer_reset(struct column_writer *w)
{
	for (int i = 0; i < COLUMN_VECTORS; i++)
		sparse_writer_reset(&w->vectors[i]);
}

void column_writer_release(struct column_writer *w)
{
	for (int i = 0; i < COLUMN_VECTORS; i++)
		sparse_writer_release(&w->vectors[i]);
}

size_t column_writer_bytes(const struct column_writer *w)
{
	size_t bytes = 0;

	for (int i = 0; i < COLUMN_VECTORS; i++)
		bytes += sparse_writer_bytes(&w->vectors[i]);
	return bytes;
}

struct column *column_new(const struct column_writer *w, const struct column_span *span)
{
	struct column *c;
	size_t bytes = sizeof(*c);
	char *at;

	for (int i = 0; i < COLUMN_VECTORS; i++) {
		if (sparse_writer_failed(&w->vectors[i]))
			return NULL;
		bytes += sparse_size(&w->vectors[i]);
	}
	bytes = (bytes + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
	c = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED)
		return NULL;
	c->span = *span;
	c->bytes = bytes;
	at = (char *)c->memory;
	for (int i = 0; i < COLUMN_VECTORS; i++) {
		sparse_store(&w->vectors[i], at, &c->vectors[i]);
		at += sparse_size(&w->vectors[i]);
	}
	return c;
}

void column_free(struct column *c)
{
	munmap(c, c->bytes);
}

/* A merge of two columns. */
struct merge {
	const struct column *older, *newer;
	const u32 *born; /* by id */
	struct column_writer *out;
};

static u32 group_cnt(const struct merge *m, int vector)
{
	u32 a = m->older->vectors[vector].group_cnt, b = m->newer->vectors[vector].group_cnt;

	return a > b ? a : b;
}

static u64 group_mask(const struct merge *m, int vector, u32 group)
{
	return sparse_group(&m->older->vectors[vector], group) |
	       sparse_group(&m->newer->vectors[vector], group);
}

/* Clears what belongs to earlier owners of ids. */
static void owners_keep(const struct column *c, const u32 *born, s64 value[SPARSE_BLOCK])
{
	for (u32 i = 0; i < SPARSE_BLOCK; i++)
		value[i] = born[i] <= c->span.last_tick ? value[i] : 0;
}

static void block_put(const struct merge *m, int vector, u32 block, const s64 value[SPARSE_BLOCK])
{
	sparse_put(&m->out->vectors[vector], block, sparse_mask(value), value);
}

static void values_merge(const struct merge *m, int vector, u32 block)
{
	const u32 *born = &m->born[block * SPARSE_BLOCK];
	s64 value[SPARSE_BLOCK] = { 0 };

	sparse_block_add(&m->older->vectors[vector], block, value);
	owners_keep(m->older, born, value);
	sparse_block_add(&m->newer->vectors[vector], block, value);
	owners_keep(m->newer, born, value);
	block_put(m, vector, block, value);
}

static void buckets_merge(const struct merge *m, int vector, u32 block)
{
	u32 born = m->born[block / HIST_BLOCKS];
	s64 value[SPARSE_BLOCK] = { 0 };
	u64 mask = 0;

	if (born <= m->older->span.last_tick)
		mask |= sparse_block_add(&m->older->vectors[vector], block, value);
	if (born <= m->newer->span.last_tick)
		mask |= sparse_block_add(&m->newer->vectors[vector], block, value);
	sparse_put(&m->out->vectors[vector], block, mask, value);
}

static void vector_merge(const struct merge *m, int vector,
			 void (*block_merge)(const struct merge *m, int vector, u32 block))
{
	for (u32 group = 0; group < group_cnt(m, vector); group++)
		for (u64 left = group_mask(m, vector, group); left; left &= left - 1)
			block_merge(m, vector, group * 64 + (u32)__builtin_ctzll(left));
}

/* A block of gauges of one column. */
struct gauges {
	s64 delta[SPARSE_BLOCK], mean[SPARSE_BLOCK], max[SPARSE_BLOCK];
};

static void gauges_read(const struct merge *m, const struct column *c, u32 block,
			struct gauges *ret)
{
	const u32 *born = &m->born[block * SPARSE_BLOCK];

	memset(ret, 0, sizeof(*ret));
	sparse_block_add(&c->vectors[COLUMN_GAUGES], block, ret->delta);
	sparse_block_add(&c->vectors[COLUMN_GAUGE_MEANS], block, ret->mean);
	sparse_block_add(&c->vectors[COLUMN_GAUGE_MAXIMA], block, ret->max);
	owners_keep(c, born, ret->delta);
	owners_keep(c, born, ret->mean);
	owners_keep(c, born, ret->max);
}

/* Mean and maximum are relative to the value at a column's end; the older end is newer->delta below the newer one. */
static void gauge_merge(const struct gauges *older, u64 older_ns, u64 newer_ns,
			struct gauges *newer, u32 i)
{
	double area = (double)(older->mean[i] - newer->delta[i]) * (double)older_ns +
		      (double)newer->mean[i] * (double)newer_ns;
	s64 max = older->max[i] - newer->delta[i];

	if (!older_ns)
		return;
	newer->mean[i] = llround(area / (double)(older_ns + newer_ns));
	newer->max[i] = max > newer->max[i] ? max : newer->max[i];
	newer->delta[i] += older->delta[i];
}

static void gauges_merge(const struct merge *m, u32 block)
{
	struct gauges older, newer;

	gauges_read(m, m->older, block, &older);
	gauges_read(m, m->newer, block, &newer);
	for (u32 i = 0; i < SPARSE_BLOCK; i++) {
		u32 born = m->born[block * SPARSE_BLOCK + i];

		gauge_merge(&older, column_lifetime_ns(&m->older->span, born),
			    column_lifetime_ns(&m->newer->span, born), &newer, i);
	}
	block_put(m, COLUMN_GAUGES, block, newer.delta);
	block_put(m, COLUMN_GAUGE_MEANS, block, newer.mean);
	block_put(m, COLUMN_GAUGE_MAXIMA, block, newer.max);
}

/* A gauge that rose and fell back has no delta, but a mean and a maximum. */
static void gauge_vectors_merge(const struct merge *m)
{
	u32 cnt = group_cnt(m, COLUMN_GAUGES);

	for (int v = COLUMN_GAUGE_MEANS; v <= COLUMN_GAUGE_MAXIMA; v++)
		cnt = group_cnt(m, v) > cnt ? group_cnt(m, v) : cnt;
	for (u32 group = 0; group < cnt; group++) {
		u64 left = group_mask(m, COLUMN_GAUGES, group) |
			   group_mask(m, COLUMN_GAUGE_MEANS, group) |
			   group_mask(m, COLUMN_GAUGE_MAXIMA, group);

		for (; left; left &= left - 1)
			gauges_merge(m, group * 64 + (u32)__builtin_ctzll(left));
	}
}

struct column *column_merge(const struct column *older, const struct column *newer,
			    const struct registry *r, struct column_writer *w)
{
	struct merge m = { .older = older, .newer = newer, .out = w };
	const struct column_span span = {
		.begin_ns = older->span.begin_ns,
		.end_ns = newer->span.end_ns,
		.first_tick = older->span.first_tick,
		.last_tick = newer->span.last_tick,
		.lost = older->span.lost | newer->span.lost,
	};

	column_writer_reset(w);
	m.born = r->slabs[METRIC_COUNTER].born;
	vector_merge(&m, COLUMN_COUNTERS, values_merge);
	m.born = r->slabs[METRIC_GAUGE].born;
	gauge_vectors_merge(&m);
	m.born = r->slabs[METRIC_HISTOGRAM].born;
	vector_merge(&m, COLUMN_SUMS, values_merge);
	vector_merge(&m, COLUMN_BUCKETS, buckets_merge);
	return column_new(w, &span);
}
