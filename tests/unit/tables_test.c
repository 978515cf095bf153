// SPDX-License-Identifier: BSD-3-Clause
#include "probe/tables.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define MIB (1ULL << 20)

static const struct conf_limits defaults = {
	.services = 1024,
	.series = 50000,
	.memory_bytes = 64 * MIB,
};

static struct table_sizes plan(const struct conf_limits *limits, u32 cpus, bool storage)
{
	struct table_sizes s;

	assert_int_equal(table_sizes_plan(&s, limits, cpus, storage), 0);
	assert_in_range(s.bytes, 1, limits->memory_bytes);
	assert_in_range(s.lanes, 1, cpus);
	assert_in_range(s.cells, 1, UINT16_MAX);
	return s;
}

/* With the default limits every machine holds all series and histograms. */
static void limits_are_kept(void **state)
{
	static const u32 cpus[] = { 1, 2, 4, 8, 63, 64, 65, 128, 255, 256, 512, 1024 };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cpus) / sizeof(*cpus); i++) {
		struct table_sizes s = plan(&defaults, cpus[i / 2], i % 2);

		print_message(
			"%4u CPUs: %u counters in %u lanes, %u histograms, %u cells, %.1f MiB\n",
			s.cpus, s.counters - METRIC_MAX, s.lanes, s.hists - METRIC_MAX, s.cells,
			(double)s.bytes / MIB);
		assert_false(table_sizes_short(&s, &defaults));
		assert_int_equal(s.counters, METRIC_MAX + 50000);
		assert_int_equal(s.hists, TABLE_HISTS);
		assert_int_equal(s.identities, 2048);
		assert_in_range(s.wanted_bytes, 1, s.bytes);
	}
}

/* Few CPUs: no CPU ever shares memory with another. */
static void few_cpus_share_nothing(void **state)
{
	(void)state;
	for (u32 cpus = 1; cpus <= 4; cpus++) {
		struct table_sizes s = plan(&defaults, cpus, true);

		assert_int_equal(s.lanes, cpus);
		assert_int_equal(s.cells, cpus * TABLE_HISTS + 1);
	}
}

static void many_cpus_share(void **state)
{
	struct table_sizes s = plan(&defaults, 64, true);

	(void)state;
	assert_int_equal(s.lanes, 64);
	assert_in_range(s.cells, 2 * TABLE_HISTS, 64 * TABLE_HISTS);
	s = plan(&defaults, 255, true);
	assert_in_range(s.lanes, 64, 254);
	assert_in_range(s.cells, TABLE_HISTS / 2, UINT16_MAX);
	s = plan(&defaults, 512, true);
	assert_in_range(s.lanes, 48, 511);
	assert_in_range(s.cells, TABLE_HISTS / 2, UINT16_MAX);
}

/* Whatever is short, the tables start, and say so. */
static void little_memory_is_short(void **state)
{
	struct conf_limits limits = defaults;

	(void)state;
	for (u32 cpus = 2; cpus <= 512; cpus *= 4)
		for (limits.memory_bytes = 8 * MIB; limits.memory_bytes <= 64 * MIB;
		     limits.memory_bytes += MIB) {
			struct table_sizes s = plan(&limits, cpus, true);

			assert_int_equal(table_sizes_short(&s, &limits),
					 limits.memory_bytes < s.wanted_bytes);
		}
}

/* What is said to be enough is enough. */
static void wanted_memory_is_enough(void **state)
{
	struct conf_limits limits = defaults;
	struct table_sizes s;

	(void)state;
	for (u32 cpus = 2; cpus <= 512; cpus *= 2) {
		limits.memory_bytes = 8 * MIB;
		s = plan(&limits, cpus, true);
		limits.memory_bytes = s.wanted_bytes;
		s = plan(&limits, cpus, true);
		assert_false(table_sizes_short(&s, &limits));
	}
}

static void nothing_fits(void **state)
{
	struct conf_limits limits = defaults;
	struct table_sizes s;

	(void)state;
	limits.memory_bytes = MIB / 2;
	assert_int_equal(table_sizes_plan(&s, &limits, 64, true), -ENOMEM);
	assert_in_range(s.bytes, MIB / 2, 8 * MIB);
	limits.memory_bytes = s.bytes;
	assert_int_equal(table_sizes_plan(&s, &limits, 64, true), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(limits_are_kept),	   cmocka_unit_test(few_cpus_share_nothing),
	cmocka_unit_test(many_cpus_share),	   cmocka_unit_test(little_memory_is_short),
	cmocka_unit_test(wanted_memory_is_enough), cmocka_unit_test(nothing_fits),
};

int main(void)
{
	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
