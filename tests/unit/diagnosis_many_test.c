// SPDX-License-Identifier: BSD-3-Clause
/* A diagnosis of 50,000 series, beside the loop: it costs the loop little, and says the same. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "diagnose.h"
#include "lib/aside.h"

#define SERVICES      3600 /* of 14 series each, and their peers' */
#define LOOP_NS	      (20 * NS_PER_MS)
#define ATTEMPTS      5
#define HEALTHY_TICKS 24

static struct loop *loop;
static char *text;

static u64 thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static void many(struct world *w, double seconds)
{
	char name[32], callee[32];

	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "s%d.service", i);
		snprintf(callee, sizeof(callee), "s%d.service", (i * 7 + 1) % SERVICES);
		serves(w, name, "http", 2, i ? 0.01 : seconds);
		calls(w, name, "http", callee, 2, 0.003);
		computes(w, name, 0.01);
		reads(w, name, i % 2 ? "sda" : "sdb", 1, 0.0004, 0.00005);
		count(w, "seismo_process_exits_total", LABELS(name, "ok"), 1);
		observe(w, "seismo_tcp_rtt_seconds", LABELS(name, "inbound"), 0.0001, 10);
		observe(w, "seismo_run_queue_wait_seconds", LABELS(name), 0.0001, 10);
		count(w, "seismo_tcp_retransmits_total", LABELS(name, "inbound"), 0);
		count(w, "seismo_tcp_connections_total", LABELS(name, "inbound"), 1);
		count(w, "seismo_syscall_errors_total", LABELS(name, "read", "EAGAIN"), 1);
	}
	tick(w);
}

static u32 series_of(const struct world *w)
{
	u32 cnt = 0;

	for (size_t i = 0; i < w->registry.family_cnt; i++)
		cnt += (u32)w->registry.families[i]->series_cnt;
	return cnt;
}

static void work(void *ctx, struct buf *out)
{
	json_t *doc = ask(ctx, SINCE_NS, NULL);
	char *dump = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);

	buf_str(out, dump);
}

static void done(void *ctx, struct buf *out, u64 cpu_ns)
{
	(void)ctx, (void)cpu_ns;
	assert_non_null(out);
	text = strdup(buf_cstr(out));
	buf_release(out);
	loop_end(loop, 0);
}

/* CPU time of the loop for a diagnosis beside it; `text` is what it says. */
static u64 loop_ns(struct world *w)
{
	const struct aside_work how = { work, done, w, 60 * NS_PER_SEC };
	u64 begin_ns = thread_cpu_ns();

	free(text);
	assert_non_null(aside_start(loop, &how));
	loop_run(loop);
	return thread_cpu_ns() - begin_ns;
}

static void the_loop_has_little_to_do(void **state)
{
	u64 least_ns = UINT64_MAX, begin_ns, own_ns;
	struct world *w = world_new();
	struct buf own = { 0 };

	(void)state;
	for (int i = 0; i < HEALTHY_TICKS; i++)
		many(w, 0.01);
	for (int i = 0; i < FAULTY_TICKS; i++)
		many(w, 0.5);
	assert_true(series_of(w) >= 50000);
	loop = loop_new();
	for (int i = 0; i < ATTEMPTS && least_ns > LOOP_NS; i++) {
		u64 ns = loop_ns(w);

		least_ns = ns < least_ns ? ns : least_ns;
	}
	begin_ns = thread_cpu_ns();
	work(w, &own);
	own_ns = thread_cpu_ns() - begin_ns;
	print_message("%u series: %.1f ms in the loop, %.1f ms beside it\n", series_of(w),
		      (double)least_ns / 1e6, (double)own_ns / 1e6);
	assert_string_equal(text, buf_cstr(&own));
	has(text, "s0.service has been slow");
	assert_in_range(least_ns, 0, LOOP_NS);
	buf_release(&own);
	free(text);
	loop_free(loop);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_loop_has_little_to_do) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
