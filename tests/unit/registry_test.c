// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "metric/hist.h"
#include "metric/registry.h"

static const struct metric calls = {
	.name = "seismo_calls_total",
	.kind = METRIC_COUNTER,
	.service = true,
	.labels = { { "call" }, { "peer" } },
};
static const struct metric wait = { .name = "seismo_wait_seconds",
				    .kind = METRIC_HISTOGRAM,
				    .service = true };
static const struct metric age = { .name = "seismo_age", .kind = METRIC_GAUGE };
static const struct metric hidden = { .name = "seismo_hidden_total", .hidden = true };

static struct series *add(struct family *f, const char *service, const char *call, const char *peer)
{
	return family_series(f, (const char *[SERIES_LABELS]){ service, call, peer });
}

static void families_are_found_by_name(void **state)
{
	struct registry r = { 0 };
	struct family *c = registry_add(&r, &calls), *w = registry_add(&r, &wait);

	(void)state;
	assert_ptr_equal(registry_find(&r, "seismo_calls_total"), c);
	assert_ptr_equal(registry_find(&r, "seismo_wait_seconds"), w);
	assert_null(registry_find(&r, "seismo_calls"));
	assert_ptr_equal(r.families[0], c);
	assert_int_equal(c->label_cnt, 3);
	assert_string_equal(c->label_names[0], "service");
	assert_string_equal(c->label_names[2], "peer");
	registry_release(&r);
	assert_int_equal(r.family_cnt, 0);
}

static void a_series_is_made_once(void **state)
{
	struct registry r = { 0 };
	struct family *f = registry_add(&r, &calls);
	struct series *s = add(f, "x", "read", NULL);

	(void)state;
	assert_string_equal(s->labels, "service=\"x\",call=\"read\"");
	assert_int_equal(s->labels_len, strlen(s->labels));
	assert_int_equal(*s->value, 0);
	assert_null(s->hist);
	assert_null(s->label[2]);
	assert_ptr_equal(add(f, "x", "read", ""), s);
	assert_ptr_equal(family_find(f,
				     (const char *[SERIES_LABELS]){ (char[]){ "x" }, "read", "" }),
			 s);
	assert_ptr_not_equal(add(f, "x", "read", "y"), s);
	assert_ptr_not_equal(add(f, "read", "x", ""), s);
	assert_ptr_equal(add(f, NULL, NULL, NULL), add(f, "", "", ""));
	assert_int_equal(f->series_cnt, 4);
	assert_null(family_find(f, (const char *[SERIES_LABELS]){ "x", "y", "read" }));
	assert_null(family_find(f, (const char *[SERIES_LABELS]){ "unheard" }));
	registry_release(&r);
}

/* What looks alike in the output is one series: otherwise there would be two lines with the same labels. */
static void labels_are_compared_as_shown(void **state)
{
	struct registry r = { 0 };
	struct family *f = registry_add(&r, &calls);
	char longer[400], longest[400];

	(void)state;
	assert_ptr_equal(add(f, "a\xff", NULL, NULL), add(f, "a\xfe", NULL, NULL));
	assert_string_equal(add(f, "a\xff", NULL, NULL)->label[0], "a\xef\xbf\xbd");
	memset(longer, 'x', sizeof(longer));
	memset(longest, 'x', sizeof(longest));
	longer[300] = longest[399] = '\0';
	assert_ptr_equal(add(f, longer, NULL, NULL), add(f, longest, NULL, NULL));
	assert_int_equal(f->series_cnt, 2);
	registry_release(&r);
}

static void label_values_are_shared(void **state)
{
	struct registry r = { .now_ns = 5 };
	struct family *f = registry_add(&r, &calls), *w = registry_add(&r, &wait);
	struct series *a = add(f, "x", "y", NULL), *b, *c;

	(void)state;
	r.now_ns = 7;
	b = add(f, "y", "x", NULL);
	c = add(w, "x", NULL, NULL);
	assert_ptr_equal(a->label[0], b->label[1]);
	assert_ptr_equal(a->label[0], c->label[0]);
	assert_int_equal(c->born_ns, 7);
	assert_int_equal(c->known_ns, 5);
	family_remove(f, a);
	assert_string_equal(c->label[0], "x");
	assert_int_equal(add(f, "x", "z", NULL)->known_ns, 5);
	registry_release(&r);
}

/* Before a family was there, nobody counted for it. */
static void families_may_come_later(void **state)
{
	struct registry r = { .now_ns = 5 };
	struct family *late;

	(void)state;
	add(registry_add(&r, &calls), "x", NULL, NULL);
	r.now_ns = 8;
	late = registry_add(&r, &wait);
	r.now_ns = 9;
	assert_int_equal(add(late, "x", NULL, NULL)->known_ns, 8);
	assert_int_equal(add(late, "y", NULL, NULL)->known_ns, 9);
	assert_int_equal(add(late, NULL, NULL, NULL)->known_ns, 8);
	registry_release(&r);
}

/* A subject that has gone altogether is known anew. */
static void a_subject_that_comes_back_is_new(void **state)
{
	struct registry r = { .now_ns = 5 };
	struct family *f = registry_add(&r, &calls);

	(void)state;
	family_remove(f, add(f, "x", NULL, NULL));
	assert_null(intern_find(&r.strings, "x"));
	r.now_ns = 9;
	assert_int_equal(add(f, "x", NULL, NULL)->known_ns, 9);
	registry_release(&r);
}

static void histograms_have_their_buckets(void **state)
{
	struct registry r = { 0 };
	struct series *s = add(registry_add(&r, &wait), "x", NULL, NULL);

	(void)state;
	assert_non_null(s->hist);
	assert_null(s->value);
	assert_int_equal(s->hist->bucket[HIST_BUCKETS - 1], 0);
	registry_release(&r);
}

static struct series *numbered(struct family *f, int i)
{
	char name[32];

	snprintf(name, sizeof(name), "%d", i);
	return add(f, name, NULL, NULL);
}

/* Every third of many series goes, some come back; what stays is still in order and still found. */
static void removing_keeps_the_order(void **state)
{
	struct registry r = { 0 };
	struct family *f = registry_add(&r, &calls);

	(void)state;
	for (int i = 0; i < 1000; i++)
		*numbered(f, i)->value = i;
	for (int i = 0; i < 1000; i += 3)
		family_remove(f, numbered(f, i));
	assert_int_equal(f->series_cnt, 666);
	*numbered(f, 0)->value = 1000;
	assert_int_equal(f->series_cnt, 667);
	for (size_t i = 1; i < f->series_cnt; i++)
		assert_true(*f->series[i - 1]->value < *f->series[i]->value);
	for (size_t i = 0; i < f->series_cnt; i++)
		assert_ptr_equal(add(f, f->series[i]->label[0], NULL, NULL), f->series[i]);
	while (f->series_cnt)
		family_remove(f, f->series[f->series_cnt / 2]);
	assert_int_equal(*numbered(f, 7)->value, 0);
	registry_release(&r);
}

/* Values stay where they are, however many come. */
static void values_are_found_by_id(void **state)
{
	struct registry r = { 0 };
	struct family *c = registry_add(&r, &calls), *g = registry_add(&r, &age),
		      *w = registry_add(&r, &wait);
	struct series *gauge = add(g, NULL, NULL, NULL);
	s64 *value = gauge->value;

	(void)state;
	for (int i = 0; i < 10000; i++)
		*numbered(c, i)->value = i;
	for (int i = 0; i < 200; i++)
		numbered(w, i)->hist->sum_ns = (u64)i;
	assert_int_equal(gauge->id, 0);
	assert_ptr_equal(gauge->value, value);
	assert_ptr_equal(slab_item(&r.slabs[METRIC_GAUGE], 0), value);
	assert_int_equal(r.slabs[METRIC_COUNTER].top, 10000);
	for (u32 id = 0; id < 10000; id++) {
		assert_int_equal(c->series[id]->id, id);
		assert_int_equal(*(s64 *)slab_item(&r.slabs[METRIC_COUNTER], id), id);
	}
	for (u32 id = 0; id < 200; id++)
		assert_int_equal(((struct hist *)slab_item(&r.slabs[METRIC_HISTOGRAM], id))->sum_ns,
				 id);
	registry_release(&r);
}

/* An id comes back zeroed, after the tick and not before. */
static void ids_wait_for_the_tick(void **state)
{
	struct registry r = { 0 };
	struct family *f = registry_add(&r, &calls);
	struct slab *slab = &r.slabs[METRIC_COUNTER];
	struct series *s;

	(void)state;
	for (int i = 0; i < 3; i++)
		*numbered(f, i)->value = 100 + i;
	family_remove(f, numbered(f, 1));
	assert_int_equal(slab->born[1], SLAB_DEAD);
	assert_int_equal(*(s64 *)slab_item(slab, 1), 0);
	assert_int_equal(numbered(f, 3)->id, 3);
	registry_recycle(&r);
	assert_int_equal(r.tick, 1);
	assert_int_equal(slab->born[1], SLAB_FREE);
	s = numbered(f, 4);
	assert_int_equal(s->id, 1);
	assert_int_equal(*s->value, 0);
	assert_int_equal(slab->born[1], 1);
	assert_int_equal(slab->born[0], 0);
	assert_int_equal(numbered(f, 5)->id, 4);
	assert_int_equal(*numbered(f, 0)->value, 100);
	assert_int_equal(*numbered(f, 2)->value, 102);
	registry_release(&r);
}

/* The limit is met to the sample, with room left for one more of each family. */
static void samples_are_limited(void **state)
{
	struct registry r = { 0 };
	struct family *c = registry_add(&r, &calls), *w = registry_add(&r, &wait),
		      *h = registry_add(&r, &hidden);
	const u32 samples = w->samples, max = 10 * samples;
	int cnt = 0;

	(void)state;
	assert_int_equal(r.reserved, 1 + samples);
	assert_false(family_full(h, 1 + samples));
	assert_true(family_full(c, 1 + samples));
	while (!family_full(w, max))
		numbered(w, cnt++);
	assert_int_equal(cnt, 8);
	for (cnt = 0; !family_full(c, max); cnt++)
		numbered(c, cnt);
	assert_int_equal(cnt, samples - 1);
	assert_int_equal(r.samples + r.reserved, max);
	for (int i = 0; i < 1000; i++)
		numbered(h, i);
	add(c, "other", "other", "other");
	add(w, "other", NULL, NULL);
	assert_int_equal(r.samples, max);
	family_remove(w, numbered(w, 0));
	assert_int_equal(r.samples, max - samples);
	registry_release(&r);
}

static const u64 no = 0;
static const struct metric by_peer = {
	.name = "seismo_calls_total",
	.kind = METRIC_COUNTER,
	.service = true,
	.labels = { { "call" }, { "peer", .shown = &no } },
};

/* How many series are exposed, and how many with them. */
static void assert_exposed(const struct family *f, u32 exposed, u32 all)
{
	u32 heads = 0, members = 0;

	for (size_t i = 0; i < f->series_cnt; i++) {
		const struct series *s = f->series[i];

		assert_ptr_equal(s->exposed->exposed, s->exposed);
		assert_string_equal(s->exposed->labels, s->labels);
		if (s->exposed != s)
			continue;
		heads++;
		for (; s; s = s->next_exposed)
			members++;
	}
	assert_int_equal(heads, exposed);
	assert_int_equal(members, all);
	assert_int_equal(f->registry->samples, exposed);
}

static void series_with_hidden_labels_are_exposed_as_one(void **state)
{
	struct registry r = { 0 };
	struct family *f = registry_add(&r, &by_peer);
	struct series *a = add(f, "x", "read", "a"), *b = add(f, "x", "read", "b"),
		      *c = add(f, "x", "read", "c"), *other = add(f, "y", "read", "a");

	(void)state;
	assert_string_equal(a->labels, "service=\"x\",call=\"read\"");
	assert_string_equal(a->label[2], "a");
	assert_ptr_equal(add(f, "x", "read", "b"), b);
	assert_exposed(f, 2, 4);
	family_remove(f, b);
	assert_exposed(f, 2, 3);
	family_remove(f, a); /* the one that was exposed */
	assert_exposed(f, 2, 2);
	assert_ptr_equal(c->exposed, c);
	assert_ptr_equal(add(f, "x", "read", "d")->exposed, c);
	family_remove(f, other);
	assert_exposed(f, 1, 2);
	while (f->series_cnt)
		family_remove(f, f->series[0]);
	assert_int_equal(r.samples, 0);
	add(f, "x", "read", "a");
	assert_exposed(f, 1, 1);
	registry_release(&r);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(families_are_found_by_name),
	cmocka_unit_test(a_series_is_made_once),
	cmocka_unit_test(labels_are_compared_as_shown),
	cmocka_unit_test(label_values_are_shared),
	cmocka_unit_test(families_may_come_later),
	cmocka_unit_test(a_subject_that_comes_back_is_new),
	cmocka_unit_test(histograms_have_their_buckets),
	cmocka_unit_test(removing_keeps_the_order),
	cmocka_unit_test(values_are_found_by_id),
	cmocka_unit_test(ids_wait_for_the_tick),
	cmocka_unit_test(samples_are_limited),
	cmocka_unit_test(series_with_hidden_labels_are_exposed_as_one),
};

int main(void)
{
	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
