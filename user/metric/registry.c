// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "metric/registry.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* What a series is allocated as. The families' arrays are sorted by seq, so that one is found by bisection. */
struct series_entry {
	struct series series; /* first: a series pointer is an entry pointer */
	UT_hash_handle hh;
	u64 seq;
	char labels[];
};

/*
 * Makes room for one more pointer in an array whose capacity is its count rounded up to a power of two,
 * or more: it has to grow only where the count is a power of two. Returns the array or NULL.
 */
static void *array_grow(void *array, size_t cnt)
{
	if (cnt & (cnt - 1))
		return array;
	return realloc(array, (cnt ? 2 * cnt : 1) * sizeof(void *));
}

static void entry_free(struct series_entry *e)
{
	free(e->series.hist);
	free(e);
}

static struct series_entry *entry_new(const struct metric *m, const char *labels, size_t len)
{
	struct series_entry *e = calloc(1, sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	memcpy(e->labels, labels, len);
	e->series.labels = e->labels;
	e->series.labels_len = len;
	if (m->kind != METRIC_HISTOGRAM)
		return e;
	e->series.hist = calloc(1, sizeof(*e->series.hist));
	if (e->series.hist)
		return e;
	entry_free(e);
	return NULL;
}

static bool family_append(struct family *f, struct series_entry *e)
{
	struct series **series = array_grow(f->series, f->series_cnt);

	if (!series)
		return false;
	f->series = series;
	HASH_ADD_KEYPTR(hh, f->index, e->labels, e->series.labels_len, e);
	if (!e->hh.tbl)
		return false;
	e->seq = f->created++;
	f->series[f->series_cnt++] = &e->series;
	return true;
}

struct series *family_series(struct family *f, const char *labels, size_t labels_len)
{
	struct series_entry *e;

	HASH_FIND(hh, f->index, labels, labels_len, e);
	if (e)
		return &e->series;
	e = entry_new(f->metric, labels, labels_len);
	if (!e)
		return NULL;
	if (family_append(f, e))
		return &e->series;
	entry_free(e);
	return NULL;
}

static int entry_compare(const void *a, const void *b)
{
	u64 x = (*(struct series_entry *const *)a)->seq,
	    y = (*(struct series_entry *const *)b)->seq;

	return (x > y) - (x < y);
}

void family_remove(struct family *f, struct series *s)
{
	struct series_entry *e = (struct series_entry *)s;
	struct series **at =
		bsearch(&s, f->series, f->series_cnt, sizeof(*f->series), entry_compare);

	f->series_cnt--;
	memmove(at, at + 1, (size_t)(f->series + f->series_cnt - at) * sizeof(*at));
	HASH_DEL(f->index, e);
	entry_free(e);
}

static void family_free(struct family *f)
{
	HASH_CLEAR(hh, f->index);
	for (size_t i = 0; i < f->series_cnt; i++)
		entry_free((struct series_entry *)f->series[i]);
	free(f->series);
	free(f);
}

void registry_release(struct registry *r)
{
	for (size_t i = 0; i < r->family_cnt; i++)
		family_free(r->families[i]);
	free(r->families);
	*r = (struct registry){ 0 };
}

struct family *registry_add(struct registry *r, const struct metric *metric)
{
	struct family **families = array_grow(r->families, r->family_cnt);
	struct family *f = calloc(1, sizeof(*f));

	if (families)
		r->families = families;
	if (!families || !f) {
		free(f);
		return NULL;
	}
	f->metric = metric;
	r->families[r->family_cnt++] = f;
	return f;
}

struct family *registry_find(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->family_cnt; i++)
		if (!strcmp(r->families[i]->metric->name, name))
			return r->families[i];
	return NULL;
}
