// SPDX-License-Identifier: BSD-3-Clause
#include "rule/load_class.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Old windows and events count less: when there are so many, all are halved. */
#define WINDOWS_MAX 2048
#define EVENTS_MAX  (1U << 20)
/* No single window is more of the distribution. */
#define WINDOW_EVENTS_MAX (1U << 16)

/* Values of windows are counted from 2^-40 on in steps of 2^(1/8); cell 0 has those that are 0. */
#define VALUE_SUB     8
#define VALUE_MIN_EXP (-40)

/* The part of the windows that is below `high`. */
#define HIGH 0.99

/* Powers of two, which sizes of requests often are, lie in the middle. */
u8 load_step(double value)
{
	double step = value > 0 ? floor((log2(value) + 20) * LOAD_STEPS + 0.5) + 1 : 0;

	if (value > 0 && step < 1)
		return 1;
	return step < UINT8_MAX ? (u8)step : UINT8_MAX;
}

u32 cell_of_value(double value)
{
	double at = value > 0 ? ceil((log2(value) - VALUE_MIN_EXP) * VALUE_SUB) : 0;

	if (value > 0 && at < 1)
		return 1;
	return at < CELL_EVENTS ? (u32)at : CELL_EVENTS - 1;
}

static double value_of_cell(u32 at, double part)
{
	return at ? exp2(VALUE_MIN_EXP + (at - 1 + part) / VALUE_SUB) : 0;
}

/* n / 2^shift; which way it is rounded is left to chance, so that what is rare does not vanish altogether. */
static u64 scaled(u64 n, unsigned shift)
{
	u64 rest = n & ((1ULL << shift) - 1);

	return (n >> shift) + (rest && ((u64)random() & ((1ULL << shift) - 1)) < rest);
}

unsigned cells_of_hist(const struct hist *h, struct cell ret[EVENT_CELLS], unsigned *ret_shift)
{
	u64 events = hist_count(h);
	unsigned cnt = 0, shift = 0;

	while (events >> shift > WINDOW_EVENTS_MAX)
		shift++;
	for (unsigned i = 0; i < EVENT_CELLS; i++) {
		u64 n = h->bucket[2 * i] + h->bucket[2 * i + 1];

		n = n ? scaled(n, shift) : 0;
		if (n)
			ret[cnt++] = (struct cell){ CELL_EVENTS + i, (u32)n };
	}
	*ret_shift = shift;
	return cnt;
}

void load_class_release(struct load_class *c)
{
	free(c->cells);
	c->cells = NULL;
	c->cell_cnt = 0;
}

static unsigned cells_merge(const struct cell *a, unsigned a_cnt, const struct cell *b,
			    unsigned b_cnt, struct cell *ret)
{
	unsigned cnt = 0, i = 0, j = 0;

	while (i < a_cnt || j < b_cnt) {
		if (j == b_cnt || (i < a_cnt && a[i].at < b[j].at)) {
			ret[cnt++] = a[i++];
		} else if (i == a_cnt || b[j].at < a[i].at) {
			ret[cnt++] = b[j++];
		} else {
			ret[cnt] = a[i++];
			ret[cnt++].cnt += b[j++].cnt;
		}
	}
	return cnt;
}

/* Halves the cells from `first` to `end` and drops those that are empty then. Returns the new number of all cells. */
static unsigned cells_halve(struct cell *cells, unsigned cnt, u32 first, u32 end)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < cnt; i++) {
		struct cell c = cells[i];

		if (c.at >= first && c.at < end)
			c.cnt = (u32)scaled(c.cnt, 1);
		if (c.cnt)
			cells[kept++] = c;
	}
	return kept;
}

static u32 cells_total(const struct cell *cells, unsigned cnt, u32 first, u32 end)
{
	u32 total = 0;

	for (unsigned i = 0; i < cnt; i++)
		total += cells[i].at >= first && cells[i].at < end ? cells[i].cnt : 0;
	return total;
}

/* Of the windows' values. */
static double value_quantile(const struct load_class *c, double q)
{
	double rank = q * c->windows, sum = 0;

	for (unsigned i = 0; i < c->cell_cnt && c->cells[i].at < CELL_EVENTS; i++) {
		double cnt = c->cells[i].cnt;

		if (sum + cnt >= rank)
			return value_of_cell(c->cells[i].at, (rank - sum) / cnt);
		sum += cnt;
	}
	return 0;
}

static float limited(double now, float before, double growth)
{
	return growth > 0 && before > 0 && now > before * growth ? (float)(before * growth)
								 : (float)now;
}

static void estimate(struct load_class *c, double growth)
{
	c->usual = limited(value_quantile(c, 0.5), c->usual, growth);
	c->high = limited(value_quantile(c, HIGH), c->high, growth);
}

static unsigned cells_room(unsigned cnt)
{
	return (cnt + 7) & ~7U;
}

size_t load_class_bytes(const struct load_class *c)
{
	return c->cell_cnt ? cells_room(c->cell_cnt) * sizeof(struct cell) + 2 * sizeof(size_t) : 0;
}

static int cells_store(struct load_class *c, const struct cell *cells, unsigned cnt)
{
	struct cell *stored = c->cells;

	if (cells_room(cnt) != cells_room(c->cell_cnt))
		stored = realloc(stored, cells_room(cnt) * sizeof(*stored));
	if (!stored)
		return -ENOMEM;
	memcpy(stored, cells, cnt * sizeof(*stored));
	c->cells = stored;
	c->cell_cnt = (u16)cnt;
	c->windows = (u16)cells_total(cells, cnt, 0, CELL_EVENTS);
	return 0;
}

int load_class_learn(struct load_class *c, double value, const struct cell *more, unsigned cnt,
		     double seconds, double growth)
{
	struct cell added[1 + EVENT_CELLS], all[CELLS];
	float all_seconds = c->seconds + (cnt ? (float)seconds : 0);
	unsigned all_cnt;
	int err;

	added[0] = (struct cell){ cell_of_value(value), 1 };
	if (cnt)
		memcpy(added + 1, more, cnt * sizeof(*more));
	all_cnt = cells_merge(c->cells, c->cell_cnt, added, cnt + 1, all);
	if (c->windows + 1U > WINDOWS_MAX)
		all_cnt = cells_halve(all, all_cnt, 0, CELL_EVENTS);
	if (cnt && cells_total(all, all_cnt, CELL_EVENTS, CELLS) > EVENTS_MAX) {
		all_cnt = cells_halve(all, all_cnt, CELL_EVENTS, CELLS);
		all_seconds /= 2;
	}
	err = cells_store(c, all, all_cnt);
	if (err)
		return err;
	c->seconds = all_seconds;
	estimate(c, growth);
	return 0;
}

int load_class_restore(struct load_class *c, const struct cell *cells, unsigned cnt)
{
	u64 windows = 0, events = 0;

	for (unsigned i = 0; i < cnt; i++) {
		if (!cells[i].cnt || cells[i].at >= CELLS || (i && cells[i].at <= cells[i - 1].at))
			return -EINVAL;
		*(cells[i].at < CELL_EVENTS ? &windows : &events) += cells[i].cnt;
	}
	if (!windows || windows > WINDOWS_MAX || events > EVENTS_MAX)
		return -EINVAL;
	return cells_store(c, cells, cnt);
}

void load_class_hist(const struct load_class *c, struct hist *ret)
{
	double sum_ns = 0;

	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < c->cell_cnt; i++) {
		u32 bucket = 2 * (c->cells[i].at - CELL_EVENTS), cnt = c->cells[i].cnt;

		if (c->cells[i].at < CELL_EVENTS)
			continue;
		ret->bucket[bucket] = cnt / 2;
		ret->bucket[bucket + 1] = cnt - cnt / 2;
		sum_ns += cnt * exp2(HIST_MIN_EXP + (double)bucket / HIST_SUB) * 1e9;
	}
	ret->sum_ns = (u64)sum_ns;
}
