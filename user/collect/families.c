// SPDX-License-Identifier: BSD-3-Clause
#include "collect/families.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "collect/identity.h"
#include "metric/hist.h"

int families_add(struct families *t, const struct metric *metrics, unsigned number, u64 sources)
{
	for (const struct metric *m = metrics; m->name; m++, number++) {
		t->by_number[number] = registry_add(t->registry, m);
		if (!t->by_number[number])
			return -ENOMEM;
		t->by_number[number]->sources = sources;
	}
	return 0;
}

static u64 label_bits(const struct metric_label *l, u64 dim)
{
	return dim >> l->shift & (l->bits < 64 ? (1ULL << l->bits) - 1 : ~0ULL);
}

/* Is the value a service, that of an identity? */
static bool label_owner(const struct families *t, const struct metric_label *l, u64 dim,
			u32 *identity)
{
	u32 gen;

	return l->owner && l->owner(label_bits(l, dim), identity, &gen) &&
	       identities_valid(t->identities, *identity, gen);
}

/* False: it is not known yet. */
static bool label_value(struct families *t, const struct metric_label *l, u64 dim, char *buf,
			size_t size)
{
	const struct service *s = t->identities->services->other;
	u32 identity;

	if (dim != SERIES_OTHER) {
		if (!label_owner(t, l, dim, &identity)) {
			l->format(label_bits(l, dim), buf, size);
			return true;
		}
		s = identities_service(t->identities, identity);
	}
	if (s)
		snprintf(buf, size, "%s", s->name);
	return s;
}

/* The values of a series' labels. */
struct label_values {
	const char *value[SERIES_LABELS];
	char text[METRIC_LABELS][NAME_SIZE];
};

static bool labels_format(struct families *t, const struct family *f, const struct service *s,
			  u64 dim, struct label_values *ret)
{
	unsigned cnt = 0;

	if (f->metric->service)
		ret->value[cnt++] = s->name;
	for (unsigned i = 0; cnt < f->label_cnt; i++) {
		if (!label_value(t, &f->metric->labels[i], dim, ret->text[i], sizeof(ret->text[i])))
			return false;
		ret->value[cnt++] = ret->text[i];
	}
	return true;
}

bool families_owner_may_change(const struct family *f)
{
	const struct metric_label *l = f->metric->labels;

	for (; l < f->metric->labels + METRIC_LABELS && l->name; l++)
		if (l->owner && (!l->shown || *l->shown))
			return true;
	return false;
}

bool families_moved(const struct families *t, const struct family *f, u64 dim)
{
	const struct metric_label *l = f->metric->labels;
	u32 identity;

	for (; l < f->metric->labels + METRIC_LABELS && l->name; l++)
		if (dim != SERIES_OTHER && label_owner(t, l, dim, &identity) &&
		    t->identities->owners[identity].moved)
			return true;
	return false;
}

struct series *families_series(struct families *t, struct family *f, struct service *s, u64 dim,
			       bool *refused)
{
	struct label_values labels;
	struct series *series;

	if (!labels_format(t, f, s, dim, &labels))
		return NULL;
	series = family_find(f, labels.value);
	*refused = !series && family_full(f, (u32)t->conf->limits.series);
	if (*refused) {
		s = t->identities->services->other;
		labels_format(t, f, s, SERIES_OTHER, &labels);
	}
	if (!series)
		series = family_series(f, labels.value);
	if (series && f->metric->service)
		series->owner = s;
	return series;
}

/* The series of "other" that is otherwise the same, or where there is no room for it the one that takes the rest. */
static struct series *series_of_other(struct families *t, struct family *f, const struct series *s)
{
	const char *name = t->identities->services->other->name, *label[SERIES_LABELS] = { name };
	struct series *other;

	for (unsigned i = 1; i < f->label_cnt; i++)
		label[i] = s->label[i];
	other = family_find(f, label);
	if (!other && family_full(f, (u32)t->conf->limits.series))
		for (unsigned i = 1; i < f->label_cnt; i++)
			label[i] = name;
	other = other ?: family_series(f, label);
	if (other)
		other->owner = t->identities->services->other;
	return other;
}

/* No slot counts for `from` any more. Returns the number of events that it has. */
static u64 series_fold(const struct series *from, struct series *to)
{
	const struct hist *hist = from->stale ? from->hist_base : from->hist;
	bool unflushed = from->family->metric->unflushed;
	s64 n = from->hist ? 0 : unflushed ? from->base : *from->value;

	if (!from->hist) {
		*(unflushed ? &to->base : to->value) += n;
		return from->family->metric->unit == UNIT_NONE ? (u64)n : n != 0;
	}
	to->hist_base = to->hist_base ?: calloc(1, sizeof(*to->hist_base));
	if (!hist || !to->hist_base)
		return 0;
	hist_add(to->hist_base, hist);
	to->stale = true;
	return hist_count(hist);
}

void families_fold(struct families *t, const struct service *s)
{
	for (u32 number = 1; number < METRIC_MAX; number++) {
		struct family *f = t->by_number[number];
		size_t cnt = f && f->metric->kind != METRIC_GAUGE ? f->series_cnt : 0;

		for (size_t i = 0; i < cnt; i++) {
			struct series *other = f->series[i]->owner == s
						       ? series_of_other(t, f, f->series[i])
						       : NULL;

			if (other)
				t->folded[number] += series_fold(f->series[i], other);
		}
	}
}

void families_forget(struct families *t, const struct service *s)
{
	for (u32 number = 1; number < METRIC_MAX; number++) {
		struct family *f = t->by_number[number];

		for (size_t i = f ? f->series_cnt : 0; i-- > 0;)
			if (f->series[i]->owner == s)
				family_remove(f, f->series[i]);
	}
}

struct hist *series_hist_base(struct series *s)
{
	if (!s->hist_base)
		s->hist_base = calloc(1, sizeof(*s->hist_base));
	return s->hist_base;
}
