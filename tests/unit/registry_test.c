// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "metric/registry.h"

static const struct metric calls = { .name = "seismo_calls_total", .kind = METRIC_COUNTER };
static const struct metric wait = { .name = "seismo_wait_seconds", .kind = METRIC_HISTOGRAM };

static struct series *add(struct family *f, const char *labels)
{
	return family_series(f, labels, strlen(labels));
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
	registry_release(&r);
	assert_int_equal(r.family_cnt, 0);
}

static void a_series_is_made_once(void **state)
{
	struct registry r = { 0 };
	struct family *f = registry_add(&r, &calls);
	struct series *s = family_series(f, "a=\"1\"tail", 5);

	(void)state;
	assert_string_equal(s->labels, "a=\"1\"");
	assert_int_equal(s->labels_len, 5);
	assert_int_equal(s->value, 0);
	assert_null(s->hist);
	assert_ptr_equal(add(f, "a=\"1\""), s);
	assert_ptr_not_equal(add(f, ""), s);
	assert_ptr_equal(add(f, ""), add(f, ""));
	assert_int_equal(f->series_cnt, 2);
	registry_release(&r);
}

static void histograms_have_their_buckets(void **state)
{
	struct registry r = { 0 };
	struct series *s = add(registry_add(&r, &wait), "a=\"1\"");

	(void)state;
	assert_non_null(s->hist);
	assert_int_equal(s->hist->bucket[HIST_BUCKETS - 1], 0);
	registry_release(&r);
}

/* Every third of many series goes, some come back; what stays is still in order and still found. */
static void removing_keeps_the_order(void **state)
{
	struct registry r = { 0 };
	struct family *f = registry_add(&r, &calls);
	char labels[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(labels, sizeof(labels), "n=\"%d\"", i);
		add(f, labels)->value = i;
	}
	for (int i = 0; i < 1000; i += 3) {
		snprintf(labels, sizeof(labels), "n=\"%d\"", i);
		family_remove(f, add(f, labels));
	}
	assert_int_equal(f->series_cnt, 666);
	add(f, "n=\"0\"")->value = 1000;
	assert_int_equal(f->series_cnt, 667);
	for (size_t i = 1; i < f->series_cnt; i++)
		assert_true(f->series[i - 1]->value < f->series[i]->value);
	for (size_t i = 0; i < f->series_cnt; i++)
		assert_ptr_equal(add(f, f->series[i]->labels), f->series[i]);
	while (f->series_cnt)
		family_remove(f, f->series[f->series_cnt / 2]);
	assert_int_equal(add(f, "n=\"7\"")->value, 0);
	registry_release(&r);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(families_are_found_by_name),
	cmocka_unit_test(a_series_is_made_once),
	cmocka_unit_test(histograms_have_their_buckets),
	cmocka_unit_test(removing_keeps_the_order),
};

int main(void)
{
	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
