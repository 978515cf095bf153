// SPDX-License-Identifier: BSD-3-Clause
/*
 * The files that outlive the daemon may have anything in them: it is refused, or what was understood of it is written and
 * understood again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store.h"
#include "rule/baseline.h"
#include "rule/engine.h"

#define TICK_NS 5000000000ULL

static const struct rule_conf rules[] = {
	{ .alert = "A",
	  .term = { "a" },
	  .by = { "service", "device" },
	  .by_cnt = 2,
	  .value = RULE_RATE,
	  .window_ns = TICK_NS },
	{ .alert = "B", .term = { "b" }, .value = RULE_LAST, .cause = true },
};

static void restored(const json_t *state, const struct registry *r, const struct history *h,
		     json_t **saved)
{
	const struct rule_conf *list[] = { &rules[0], &rules[1] };
	struct engine *e = engine_new(r, h, NULL, NULL);

	if (!e || engine_configure(e, list, 2, TICK_NS, 1))
		abort();
	engine_restore(e, state, 1);
	*saved = engine_save(e);
	while (engine_evaluate(e, 1, 1, UINT64_MAX))
		;
	engine_free(e);
	if (!*saved)
		abort();
}

static void alerts_fuzz(const char *data, size_t size)
{
	struct registry r = { .now_ns = 1 };
	struct history *h = history_new(&r, 1, 1 << 20);
	json_t *state = json_loadb(data, size, 0, NULL), *once, *twice;

	r.now_ns += TICK_NS;
	if (!h || history_tick(h, 0))
		abort();
	restored(state, &r, h, &once);
	restored(once, &r, h, &twice);
	if (!json_equal(once, twice))
		abort();
	json_decref(state);
	json_decref(once);
	json_decref(twice);
	history_free(h);
	registry_release(&r);
}

static void baselines_fuzz(const char *data, size_t size)
{
	struct baselines *b = baselines_new(1 << 20), *again = baselines_new(1 << 20);
	const struct load load = { 10, 4096 };
	struct baseline_usual usual;
	struct buf out = { 0 };
	u64 key = 0;

	if (!b || !again)
		abort();
	if (!baselines_load(b, data, size)) {
		memcpy(&key, data, size < sizeof(key) ? size : sizeof(key));
		baseline_usual(b, key, &load, &usual);
		baselines_save(b, &out);
		if (out.failed || baselines_load(again, out.data, out.len))
			abort();
	}
	buf_release(&out);
	baselines_free(b);
	baselines_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text;
	size_t len;

	if (!size)
		return 0;
	text = store_open((const char *)data + 1, size - 1, &len);
	if (*data % 2)
		alerts_fuzz((const char *)data + 1, size - 1);
	else
		baselines_fuzz((const char *)data + 1, size - 1);
	if (text && text + len != (const char *)data + size)
		abort();
	return 0;
}
