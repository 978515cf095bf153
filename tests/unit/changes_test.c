// SPDX-License-Identifier: BSD-3-Clause
/* What stands out of what started, was replaced or died: from the counters of processes, and as others note it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/probe.h"
#include "rule/changes.h"

#define NS_PER_SEC 1000000000ULL
#define MINUTE	   (60 * NS_PER_SEC)
#define TICK_NS	   (5 * NS_PER_SEC)
#define START_NS   (7 * 24 * 60 * MINUTE + 17 * NS_PER_SEC)
#define MAX	   8

struct world {
	struct registry registry;
	struct history *history;
	struct changes *changes;
	struct change list[MAX];
	size_t cnt;
};

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->registry.now_ns = START_NS;
	for (const struct probe *const *p = probes; *p; p++)
		for (const struct metric *m = (*p)->metrics; m->name; m++)
			if (!strcmp((*p)->name, "process"))
				registry_add(&w->registry, m);
	w->history = history_new(&w->registry, START_NS, 16 << 20);
	w->changes = changes_new();
	return w;
}

static void world_free(struct world *w)
{
	changes_free(w->changes);
	history_free(w->history);
	registry_release(&w->registry);
	free(w);
}

static struct series *get(struct world *w, const char *metric, const char *service,
			  const char *reason)
{
	return family_series(registry_find(&w->registry, metric),
			     (const char *[SERIES_LABELS]){ service, reason });
}

static void starts(struct world *w, const char *service, int cnt)
{
	*get(w, "seismo_process_starts_total", service, NULL)->value += cnt;
	*get(w, "seismo_processes", service, NULL)->value += cnt;
}

static void ends(struct world *w, const char *service, const char *reason, int cnt)
{
	*get(w, "seismo_process_exits_total", service, reason)->value += cnt;
	*get(w, "seismo_processes", service, NULL)->value -= cnt;
}

static void ticks(struct world *w, int cnt)
{
	for (; cnt; cnt--) {
		w->registry.now_ns += TICK_NS;
		assert_int_equal(history_tick(w->history, 0), 0);
		changes_tick(w->changes, &w->registry, w->history);
	}
	w->cnt = changes_list(w->changes, w->registry.now_ns, w->list, MAX);
}

static void is_change(const struct world *w, size_t at, enum change_kind kind, const char *service,
		      const char *detail, u64 cnt)
{
	const struct change *c = &w->list[at];

	assert_true(at < w->cnt);
	assert_string_equal(c->service, service);
	assert_string_equal(change_kinds[c->kind], change_kinds[kind]);
	assert_string_equal(c->detail, detail);
	assert_int_equal(c->cnt, cnt);
}

/* A database that forks for each connection, and 200 short commands a tick. */
static void usual(struct world *w)
{
	starts(w, "database", 3);
	ends(w, "database", "ok", 3);
	starts(w, "commands", 200);
	ends(w, "commands", "ok", 150);
	ends(w, "commands", "error", 50);
}

static struct world *usual_world(int minutes)
{
	struct world *w = world_new();

	*get(w, "seismo_processes", "database", NULL)->value = 5;
	*get(w, "seismo_processes", "shop", NULL)->value = 2;
	for (int i = 0; i < minutes * 12; i++) {
		usual(w);
		ticks(w, 1);
	}
	return w;
}

static void what_is_there_has_not_started(void **state)
{
	struct world *w = world_new();

	(void)state;
	assert_true(changes_known_ns(w->changes, w->registry.now_ns, w->registry.now_ns) == 0);
	*get(w, "seismo_processes", "old", NULL)->value = 5;
	*get(w, "seismo_process_starts_total", "old", NULL)->value = 5;
	ticks(w, 12);
	assert_int_equal(w->cnt, 0);
	assert_true(changes_known_ns(w->changes, w->registry.now_ns, w->registry.now_ns) ==
		    START_NS + TICK_NS);
	assert_true(changes_watched(w->changes, CHANGE_STARTED));
	assert_false(changes_watched(w->changes, CHANGE_REPLACED));
	ticks(w, 12 * 20);
	assert_true(changes_known_ns(w->changes, w->registry.now_ns, w->registry.now_ns) ==
		    w->registry.now_ns - CHANGES_WINDOW_NS);
	world_free(w);
}

static void what_is_usual_does_not_stand_out(void **state)
{
	struct world *w = usual_world(31);

	(void)state;
	assert_int_equal(w->cnt, 0);
	for (int i = 0; i < 12; i++) {
		usual(w);
		ends(w, "commands", "error", 2000);
		*get(w, "seismo_processes", "commands", NULL)->value += 2000;
		ticks(w, 1);
	}
	assert_int_equal(w->cnt, 1);
	assert_int_equal(w->list[0].kind, CHANGE_DIED);
	assert_string_equal(w->list[0].service, "commands");
	/* the window is of whole minutes, from 14 to 15 of them */
	assert_in_range(w->list[0].cnt, 12 * 2050 + 13 * 12 * 50, 12 * 2050 + 14 * 12 * 50);
	world_free(w);
}

static void starts_and_ends(void **state)
{
	struct world *w = usual_world(31);
	u64 now;

	(void)state;
	starts(w, "new", 1);
	ticks(w, 1);
	is_change(w, 0, CHANGE_STARTED, "new", "", 1);
	now = w->registry.now_ns;
	assert_true(w->list[0].last_ns == now && now - w->list[0].first_ns < NS_PER_SEC);

	starts(w, "new", 1); /* it forks */
	ticks(w, 1);
	assert_int_equal(w->cnt, 1);
	is_change(w, 0, CHANGE_STARTED, "new", "", 1);

	ends(w, "shop", "ok", 2); /* a restart, within a tick */
	starts(w, "shop", 2);
	ticks(w, 1);
	is_change(w, 0, CHANGE_STARTED, "shop", "restarted", 1);

	ends(w, "new", "ok", 2);
	ticks(w, 1);
	assert_int_equal(w->cnt, 3);
	is_change(w, 2, CHANGE_ENDED, "new", "", 1);

	ends(w, "shop", "oom", 1);
	*get(w, "seismo_oom_kills_total", "shop", "cgroup")->value += 1;
	ticks(w, 1);
	is_change(w, 0, CHANGE_OOM, "shop", "cgroup", 1);
	for (size_t i = 1; i < w->cnt; i++)
		assert_int_not_equal(w->list[i].kind, CHANGE_DIED); /* it is told once */

	ticks(w, 12 * 16);
	assert_int_equal(w->cnt, 0);
	world_free(w);
}

/* However many others there are, one at a time or in a storm. */
static void a_storm_does_not_push_out_a_deploy(void **state)
{
	struct world *w = usual_world(1);
	u64 now = w->registry.now_ns;
	char name[32];

	(void)state;
	changes_note(w->changes, CHANGE_REPLACED, "shop", "build id ab -> cd", 1, now);
	ends(w, "shop", "ok", 2);
	starts(w, "shop", 2);
	ticks(w, 1);
	for (int i = 0; i < 60 * 12; i++) {
		for (int n = 0; n < 20; n++) {
			snprintf(name, sizeof(name), "short-%d", i * 20 + n);
			starts(w, name, 1);
			ends(w, name, "error", 1);
		}
		if (i < 12 * 10)
			ticks(w, 1);
	}
	is_change(w, 0, CHANGE_REPLACED, "shop", "build id ab -> cd", 1);
	assert_true(w->cnt > 200);
	for (size_t i = 1; i < MAX; i++)
		assert_int_equal(w->list[i].kind, CHANGE_DIED);

	/* services that live for a moment and end in time to make room */
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "batch-%d", i);
		changes_note(w->changes, CHANGE_STARTED, name, "", 1, w->registry.now_ns);
		starts(w, name, 1);
		ends(w, name, "ok", 1);
		ticks(w, i % 100 == 0);
	}
	w->cnt = changes_list(w->changes, w->registry.now_ns, w->list, MAX);
	assert_true(w->cnt <= CHANGE_KINDS * 256);
	world_free(w);
}

static void texts_may_be_any_bytes(void **state)
{
	struct changes *c = changes_new();
	struct change change;
	char text[600];

	(void)state;
	memset(text, 0xff, sizeof(text));
	text[599] = '\0';
	changes_note(c, CHANGE_DIED, text, text, UINT64_MAX, START_NS);
	changes_note(c, CHANGE_DIED, text, NULL, UINT64_MAX, START_NS);
	assert_int_equal(changes_list(c, START_NS, &change, 1), 1);
	assert_int_equal(change.cnt, UINT32_MAX);
	assert_string_equal(change.detail, "");
	assert_true(strlen(change.service) < 256);
	assert_int_equal(changes_list(c, START_NS, &change, 0), 1);
	/* a clock that goes back a little */
	changes_note(c, CHANGE_DIED, text, "", 1, START_NS - 30 * NS_PER_SEC);
	assert_int_equal(changes_list(c, START_NS, &change, 1), 1);
	changes_free(c);
	changes_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_has_not_started),
		cmocka_unit_test(what_is_usual_does_not_stand_out),
		cmocka_unit_test(starts_and_ends),
		cmocka_unit_test(a_storm_does_not_push_out_a_deploy),
		cmocka_unit_test(texts_may_be_any_bytes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
