// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "metric/registry.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/buf.h"
#include "metric/hist.h"
#include "metric/label.h"

/* What a series is allocated as. The families' arrays are sorted by seq, so that one is found by bisection. */
struct series_entry {
	UT_hash_handle hh;	   /* by the pointers in series.label */
	UT_hash_handle hh_exposed; /* by the rendered text, of families with hidden labels */
	u64 seq;
	struct series series; /* last: its labels follow, then the rendered text */
};

const char *const metric_units[METRIC_UNITS] = { "", "seconds", "bytes", "cores" };

static struct series_entry *entry_of(const struct series *s)
{
	return (struct series_entry *)((char *)s - offsetof(struct series_entry, series));
}

/* Items of values are small, histograms are not: a chunk is 32 KiB of the former, 106 KiB of the latter. */
static const struct slab slab_of_kind[METRIC_KINDS] = {
	[METRIC_COUNTER] = { .item_size = sizeof(s64), .chunk_shift = 12 },
	[METRIC_GAUGE] = { .item_size = sizeof(s64), .chunk_shift = 12 },
	[METRIC_HISTOGRAM] = { .item_size = sizeof(struct hist), .chunk_shift = 6 },
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

static struct slab *family_slab(const struct family *f)
{
	return &f->registry->slabs[f->metric->kind];
}

static void entry_free(struct family *f, struct series_entry *e)
{
	for (unsigned i = 0; i < f->label_cnt; i++)
		intern_put(&f->registry->strings, e->series.label[i]);
	free(e->series.hist_base);
	free(e->series.sample);
	free(e);
}

static void labels_render(const struct family *f, const char *const label[], struct buf *text)
{
	for (unsigned i = 0; i < f->label_cnt; i++)
		if (label[i] && !(f->hidden_labels & 1U << i))
			label_add(text, f->label_names[i], label[i]);
}

/* Allocates an entry with its labels and their text. */
static struct series_entry *entry_new(struct family *f, const char *const label[])
{
	struct registry *r = f->registry;
	struct buf text = { 0 };
	struct series_entry *e = NULL;
	bool complete = true;

	labels_render(f, label, &text);
	if (!text.failed)
		e = calloc(1, sizeof(*e) + f->label_cnt * sizeof(*label) + text.len + 1);
	if (e) {
		e->series.labels = (char *)&e->series.label[f->label_cnt];
		e->series.labels_len = text.len;
		memcpy((char *)e->series.labels, buf_cstr(&text), text.len);
	}
	buf_release(&text);
	for (unsigned i = 0; e && i < f->label_cnt; i++) {
		e->series.label[i] = label[i] ? intern_get(&r->strings, label[i], r->now_ns) : NULL;
		complete &= !label[i] == !e->series.label[i];
	}
	if (complete)
		return e;
	entry_free(f, e);
	return NULL;
}

static bool family_append(struct family *f, struct series_entry *e)
{
	struct series **series = array_grow(f->series, f->series_cnt);

	if (!series)
		return false;
	f->series = series;
	HASH_ADD_KEYPTR(hh, f->index, e->series.label, f->label_cnt * sizeof(*e->series.label), e);
	if (!e->hh.tbl)
		return false;
	e->seq = f->created++;
	f->series[f->series_cnt++] = &e->series;
	return true;
}

/* Connects the series with its value. */
static void series_init(struct family *f, struct series *s, u32 id)
{
	struct registry *r = f->registry;
	void *item = slab_item(family_slab(f), id);

	s->family = f;
	s->id = id;
	s->born_ns = r->now_ns;
	s->known_ns = f->label_cnt && s->label[0] ? intern_born_ns(s->label[0]) : 0;
	if (s->known_ns < f->born_ns)
		s->known_ns = f->born_ns;
	if (f->metric->kind == METRIC_HISTOGRAM)
		s->hist = item;
	else
		s->value = item;
}

/* Joins those with the same text, or is exposed itself. False: there is no memory. */
static bool series_expose(struct family *f, struct series_entry *e)
{
	struct series *s = &e->series;
	struct series_entry *first = NULL;

	s->exposed = s;
	if (f->hidden_labels)
		HASH_FIND(hh_exposed, f->exposed, s->labels, s->labels_len, first);
	if (first) {
		s->exposed = &first->series;
		s->next_exposed = first->series.next_exposed;
		first->series.next_exposed = s;
		return true;
	}
	if (f->hidden_labels) {
		HASH_ADD_KEYPTR(hh_exposed, f->exposed, s->labels, s->labels_len, e);
		if (!e->hh_exposed.tbl)
			return false;
	}
	f->registry->samples += f->samples;
	return true;
}

/* Another one that was exposed with it takes its place. */
static void series_pass_on(struct family *f, struct series_entry *e)
{
	struct series *heir = e->series.next_exposed;
	struct series_entry *next = heir ? entry_of(heir) : NULL;

	if (f->hidden_labels)
		HASH_DELETE(hh_exposed, f->exposed, e);
	if (!heir) {
		f->registry->samples -= f->samples;
		return;
	}
	for (struct series *s = heir; s; s = s->next_exposed)
		s->exposed = heir;
	HASH_ADD_KEYPTR(hh_exposed, f->exposed, heir->labels, heir->labels_len, next);
}

static void series_hide(struct family *f, struct series_entry *e)
{
	struct series *s = &e->series;

	if (s->exposed == s) {
		series_pass_on(f, e);
		return;
	}
	for (struct series *before = s->exposed; before; before = before->next_exposed)
		if (before->next_exposed == s)
			before->next_exposed = s->next_exposed;
}

/* Undoes family_append() of the last one. */
static void family_take_back(struct family *f, struct series_entry *e)
{
	HASH_DEL(f->index, e);
	f->series_cnt--;
}

static struct series *series_add(struct family *f, const char *const label[])
{
	u32 id = slab_alloc(family_slab(f), f->registry->tick);
	struct series_entry *e = id == SLAB_NONE ? NULL : entry_new(f, label);

	if (e && family_append(f, e)) {
		series_init(f, &e->series, id);
		if (series_expose(f, e))
			return &e->series;
		family_take_back(f, e);
	}
	if (e)
		entry_free(f, e);
	if (id != SLAB_NONE)
		slab_free(family_slab(f), id);
	return NULL;
}

/* Label values as the registry holds them. */
struct clean_labels {
	const char *label[SERIES_LABELS];
	char text[SERIES_LABELS][LABEL_VALUE_SIZE];
};

static void labels_clean(const struct family *f, const char *const values[],
			 struct clean_labels *ret)
{
	for (unsigned i = 0; i < f->label_cnt; i++) {
		ret->label[i] = NULL;
		if (!values[i] || !*values[i])
			continue;
		label_clean(ret->text[i], values[i]);
		ret->label[i] = ret->text[i];
	}
}

static struct series *clean_find(const struct family *f, const struct clean_labels *labels)
{
	const char *key[SERIES_LABELS] = { NULL };
	struct series_entry *e;

	for (unsigned i = 0; i < f->label_cnt; i++) {
		if (!labels->label[i])
			continue;
		key[i] = intern_find(&f->registry->strings, labels->label[i]);
		if (!key[i])
			return NULL;
	}
	HASH_FIND(hh, f->index, key, f->label_cnt * sizeof(*key), e);
	return e ? &e->series : NULL;
}

struct series *family_find(const struct family *f, const char *const values[])
{
	struct clean_labels labels;

	labels_clean(f, values, &labels);
	return clean_find(f, &labels);
}

struct series *family_series(struct family *f, const char *const values[])
{
	struct clean_labels labels;
	struct series *s;

	labels_clean(f, values, &labels);
	s = clean_find(f, &labels);
	return s ? s : series_add(f, labels.label);
}

bool family_full(const struct family *f, u32 max)
{
	return (u64)f->registry->samples + f->registry->reserved + f->samples > max;
}

static int entry_compare(const void *a, const void *b)
{
	u64 x = entry_of(*(struct series *const *)a)->seq,
	    y = entry_of(*(struct series *const *)b)->seq;

	return (x > y) - (x < y);
}

void family_remove(struct family *f, struct series *s)
{
	struct series_entry *e = entry_of(s);
	struct series **at =
		bsearch(&s, f->series, f->series_cnt, sizeof(*f->series), entry_compare);

	f->series_cnt--;
	memmove(at, at + 1, (size_t)(f->series + f->series_cnt - at) * sizeof(*at));
	series_hide(f, e);
	slab_free(family_slab(f), s->id);
	HASH_DEL(f->index, e);
	entry_free(f, e);
}

static void family_free(struct family *f)
{
	HASH_CLEAR(hh, f->index);
	HASH_CLEAR(hh_exposed, f->exposed);
	for (size_t i = 0; i < f->series_cnt; i++)
		entry_free(f, entry_of(f->series[i]));
	free(f->series);
	free(f);
}

void registry_release(struct registry *r)
{
	for (size_t i = 0; i < r->family_cnt; i++)
		family_free(r->families[i]);
	free(r->families);
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		slab_release(&r->slabs[kind]);
	*r = (struct registry){ 0 };
}

static void family_init(struct family *f, struct registry *r, const struct metric *m)
{
	f->metric = m;
	f->registry = r;
	f->born_ns = r->now_ns;
	if (m->service)
		f->label_names[f->label_cnt++] = "service";
	for (const struct metric_label *l = m->labels; l < m->labels + METRIC_LABELS && l->name;
	     l++) {
		f->hidden_labels |= (unsigned)(l->shown && !*l->shown) << f->label_cnt;
		f->label_names[f->label_cnt++] = l->name;
	}
	f->buckets = &r->buckets[m->buckets];
	if (!m->hidden)
		f->samples = m->kind == METRIC_HISTOGRAM ? buckets_samples(f->buckets) : 1;
	r->reserved += f->samples;
}

static void registry_begin(struct registry *r)
{
	memcpy(r->slabs, slab_of_kind, sizeof(r->slabs));
	for (int set = 0; set < BUCKET_SETS; set++)
		if (!r->buckets[set].cnt)
			buckets_default(&r->buckets[set], (enum bucket_set)set);
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
	if (!r->family_cnt)
		registry_begin(r);
	family_init(f, r, metric);
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

int family_label(const struct family *f, const char *name)
{
	for (unsigned i = 0; i < f->label_cnt; i++)
		if (!strcmp(f->label_names[i], name))
			return (int)i;
	return -1;
}

void registry_recycle(struct registry *r)
{
	for (int kind = 0; kind < METRIC_KINDS; kind++)
		slab_recycle(&r->slabs[kind]);
	r->tick++;
}
