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

static void state_fuzz(json_t *state)
{
	struct registry r = { .now_ns = 1 };
	struct history *h = history_new(&r, 1, 1 << 20);
	json_t *once, *twice;

	r.now_ns += TICK_NS;
	if (!h || history_tick(h, 0))
		abort();
	restored(state, &r, h, &once);
	restored(once, &r, h, &twice);
	if (!json_equal(once, twice))
		abort();
	json_decref(once);
	json_decref(twice);
	history_free(h);
	registry_release(&r);
}

/* An alert, one after the other of whose values is that of a line, a document or a text. */
static json_t *alert_make(char *lines)
{
	static const char *const keys[] = { "rule",	    "state",	    "severity",
					    "true_ns",	    "false_ns",	    "resolved_ns",
					    "active_at_ns", "starts_at_ns", "ends_at_ns",
					    "value",	    "baseline",	    "events",
					    "coverage",	    "evidence",	    "labels" };
	json_t *alert = json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "rule", "A", "state", "firing",
				  "severity", "page", "labels", "service", "x", "device", "y");
	size_t i = 0;
	char *line;

	while ((line = strsep(&lines, "\n"))) {
		json_t *value = json_loads(line, JSON_DECODE_ANY, NULL) ?: json_string(line);

		if (*line && value)
			json_object_set(alert, keys[i % (sizeof(keys) / sizeof(*keys))], value);
		json_decref(value);
		i++;
	}
	return json_pack("{s:i, s:[o]}", "version", 1, "alerts", alert);
}

static void alerts_fuzz(const char *data, size_t size, bool lines)
{
	char *text = strndup(data, size);
	json_t *state = lines ? alert_make(text) : json_loadb(data, size, 0, NULL);

	state_fuzz(state);
	json_decref(state);
	free(text);
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
	if (*data % 3)
		alerts_fuzz((const char *)data + 1, size - 1, *data % 3 == 1);
	else
		baselines_fuzz((const char *)data + 1, size - 1);
	if (text && text + len != (const char *)data + size)
		abort();
	return 0;
}
