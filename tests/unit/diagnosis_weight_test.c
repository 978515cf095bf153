// SPDX-License-Identifier: BSD-3-Clause
/* Diagnoses of what is made by hand: what is enough to be named, and what comes first of several. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "diagnose.h"

#define USUALLY 120 /* ticks */
#define SINCE	12

/* What is played in a tick, before it is bad and then. */
typedef void (*play_fn)(struct world *w, bool bad, const double *with);

static json_t *play(play_fn fn, const double *with)
{
	struct world *w = world_new();
	json_t *doc;

	for (int i = 0; i < USUALLY + SINCE; i++) {
		fn(w, i >= USUALLY, with);
		tick(w);
	}
	doc = ask(w, SINCE_NS, NULL);
	world_free(w);
	return doc;
}

/* The causes that are told, in their order. */
static void told(json_t *doc, const char *const names[])
{
	const json_t *causes = json_object_get(doc, "causes");
	size_t i = 0;

	for (; names[i]; i++)
		assert_string_equal(text_of(json_array_get(causes, i), "cause"), names[i]);
	assert_int_equal(json_array_size(causes), i);
	json_decref(doc);
}

/* A database that takes `with[0]` longer, of which `with[1]` is in its disk, which it asks `with[2]` times as often for each request. */
static void disk(struct world *w, bool bad, const double *with)
{
	double in_disk = 0.004 + (bad ? with[1] : 0), reads_each = bad ? with[2] : 1;

	serves(w, "db.service", "postgresql", 60, 0.006 + (bad ? with[0] : 0));
	reads(w, "db.service", "sda", 60 * reads_each, in_disk / reads_each, 0);
	computes(w, "db.service", 0.05);
}

/* Who takes twice as long since its disk does, of which that is a little less, has its disk for a reason. */
static void what_is_felt_counts_though_it_is_little(void **state)
{
	(void)state;
	told(play(disk, (const double[]){ 0.006, 0.0035, 1 }),
	     (const char *[]){ "disk_slow", NULL });
	told(play(disk, (const double[]){ 0.006, 0.0015, 1 }), (const char *[]){ NULL });
	told(play(disk, (const double[]){ 0.006, 0.0055, 3 }), (const char *[]){ NULL });
	told(play(disk, (const double[]){ 0.012, 0.0035, 1 }), (const char *[]){ NULL });
}

/* Of each request that nginx has of a shop, `elsewhere` seconds are neither its own nor its database's, which is in the disk all the time. */
static void shop(struct world *w, double in_disk, double elsewhere)
{
	double all = in_disk + elsewhere + 0.004;

	serves(w, "db.service", "postgresql", 60, in_disk + 0.001);
	reads(w, "db.service", "sda", 60, in_disk, 0);
	calls(w, "shop.service", "postgresql", "db.service", 60, in_disk + 0.001);
	serves(w, "shop.service", "http", 60, all);
	calls(w, "nginx.service", "http", "shop.service", 60, all);
	serves(w, "nginx.service", "http", 60, all + 0.001);
	computes(w, "db.service", 0.01);
	computes(w, "shop.service", 0.05);
	computes(w, "nginx.service", 0.02);
}

/* The shop waits for its prices, `with[0]` seconds longer than usual; the disk of its database is slower as well, by `with[1]`. */
static void two(struct world *w, bool bad, const double *with)
{
	double price = 0.003 + (bad ? with[0] : 0);

	shop(w, 0.002 + (bad ? with[1] : 0), price);
	serves(w, "price.service", "http", 60, price);
	calls(w, "shop.service", "http", "price.service", 60, price);
	computes(w, "price.service", 0.01);
}

/* Why something is so is told before where, but not if the latter is a hundred times as much. */
static void what_weighs_little_is_not_the_first(void **state)
{
	(void)state;
	told(play(two, (const double[]){ 0.1, 0.03 }),
	     (const char *[]){ "disk_slow", "waits", NULL });
	told(play(two, (const double[]){ 4, 0.006 }),
	     (const char *[]){ "waits", "disk_slow", NULL });
}

/* What alone would be no verdict is told beside one, where a device is the reason. */
static void a_slower_disk_is_told_beside_what_is_worse(void **state)
{
	(void)state;
	told(play(two, (const double[]){ 0.05, 0.0025 }),
	     (const char *[]){ "waits", "disk_slow", NULL });
	told(play(two, (const double[]){ 0, 0.0025 }), (const char *[]){ NULL });
}

/* At few requests: the page cache of a database is `with[0]` times as large as usual, and it reads `with[1]` times as often; its limit is `with[2]`. */
static void drop(struct world *w, bool bad, const double *with)
{
	double reads_each = bad ? 0.15 * with[1] : 0.15;

	serves(w, "db.service", "postgresql", 9, 0.001 + 0.008 * reads_each);
	reads(w, "db.service", "sda", 9 * reads_each, 0.008, 0);
	set(w, "seismo_memory_page_cache_bytes", LABELS("db.service"), bad ? 94e6 * with[0] : 94e6);
	if (bad)
		set(w, "seismo_memory_limit_bytes", LABELS("db.service"), with[2]);
	computes(w, "db.service", 0.05);
}

/* The limit of a cgroup takes the page cache away, which is seen though seldom anybody waits for memory. */
static void a_cache_that_is_lost_is_the_reason(void **state)
{
	(void)state;
	told(play(drop, (const double[]){ 0.56, 24, 60e6 }),
	     (const char *[]){ "memory_thrash", NULL });
	told(play(drop, (const double[]){ 1, 24, 60e6 }), (const char *[]){ "disk_time", NULL });
	told(play(drop, (const double[]){ 0.56, 24, 200e6 }),
	     (const char *[]){ "disk_time", NULL });
}

/* `with[0]` of a hundred requests take long, which are four usually: of the same kind there are a few more. Its quota is used up at all times. */
static void mix(struct world *w, bool bad, const double *with)
{
	double slow = bad ? with[0] : 4;

	serves(w, "shop.service", "http", 100 - slow, 0.01);
	serves(w, "shop.service", "http", slow, 0.2);
	computes(w, "shop.service", 0.2);
	count(w, "seismo_cpu_periods_total", LABELS("shop.service"), 10 * TICK_S);
	count(w, "seismo_cpu_throttled_periods_total", LABELS("shop.service"), 4 * TICK_S);
}

static void some_more_of_what_is_slow_is_no_trouble(void **state)
{
	(void)state;
	told(play(mix, (const double[]){ 6 }), (const char *[]){ NULL });
}

/* Of a hundred requests eight take `with[0]` longer, which a quota of CPU is the reason of. */
static void tail(struct world *w, bool bad, const double *with)
{
	serves(w, "shop.service", "http", 92, 0.011);
	serves(w, "shop.service", "http", 8, 0.015 + (bad ? with[0] : 0));
	computes(w, "shop.service", 0.2);
	count(w, "seismo_cpu_periods_total", LABELS("shop.service"), 10 * TICK_S);
	count(w, "seismo_cpu_throttled_periods_total", LABELS("shop.service"),
	      bad ? 4 * TICK_S : 0);
}

/* The mean is as good as it was. */
static void a_tail_is_found_though_the_mean_is_not(void **state)
{
	(void)state;
	told(play(tail, (const double[]){ 0.04 }), (const char *[]){ "cpu_quota", NULL });
	told(play(tail, (const double[]){ 0.01 }), (const char *[]){ NULL });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_felt_counts_though_it_is_little),
		cmocka_unit_test(what_weighs_little_is_not_the_first),
		cmocka_unit_test(a_slower_disk_is_told_beside_what_is_worse),
		cmocka_unit_test(a_cache_that_is_lost_is_the_reason),
		cmocka_unit_test(some_more_of_what_is_slow_is_no_trouble),
		cmocka_unit_test(a_tail_is_found_though_the_mean_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
