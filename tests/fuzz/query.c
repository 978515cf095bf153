// SPDX-License-Identifier: BSD-3-Clause
/*
 * Whatever is asked, the answer is one JSON object; what is refused says why; and a condition that names a series' labels
 * in quotes finds it. The input's lines are the parameters.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expo/query.h"

#define REQUIRE(cond) ((cond) ? (void)0 : abort())
#define TICK_NS	      5000000000ULL

static const char *const keys[] = { "metric", "window", "by", "where", "ago" };
#define KEYS (sizeof(keys) / sizeof(*keys))

static const struct metric rows[] = {
	{ .name = "c", .service = true, .labels = { { "peer" }, { "direction" } } },
	{ .name = "h", .kind = METRIC_HISTOGRAM, .unit = UNIT_SECONDS, .service = true },
	{ .name = "g", .kind = METRIC_GAUGE, .unit = UNIT_BYTES },
};

static struct registry registry;
static struct history *history;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	registry.now_ns = TICK_NS;
	history = history_new(&registry, TICK_NS, 16 << 20);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		REQUIRE(registry_add(&registry, &rows[i]));
	*family_series(registry.families[0], (const char *[SERIES_LABELS]){ "a", "b" })->value = 1;
	family_series(registry.families[1], (const char *[SERIES_LABELS]){ "a" })->hist->bucket[9] =
		1;
	*family_series(registry.families[2], (const char *[SERIES_LABELS]){ NULL })->value = -1;
	registry.now_ns += TICK_NS;
	REQUIRE(!history_tick(history, 0));
	return 0;
}

struct params {
	char *value[KEYS];
};

static const char *param(void *ctx, const char *key)
{
	for (size_t i = 0; i < KEYS; i++)
		if (!strcmp(keys[i], key))
			return ((struct params *)ctx)->value[i];
	abort();
}

static json_t *ask(struct params *p, unsigned *status)
{
	const struct expo_params params = { param, p };
	struct buf out = { 0 };
	json_t *doc;

	*status = expo_query(&registry, history, registry.now_ns, &params, &out);
	REQUIRE(!out.failed);
	doc = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
	REQUIRE(json_is_object(doc));
	REQUIRE((*status == 200) == !json_object_get(doc, "error"));
	REQUIRE(*status == 200 || *status == 400 || (*status == 404 && p->value[4]));
	buf_release(&out);
	return doc;
}

/* A series whose peer is the text is found by it. */
static void find(const char *text)
{
	struct series *s =
		family_series(registry.families[0], (const char *[SERIES_LABELS]){ "x", text });
	struct buf where = { 0 };
	struct params p = { { "c", "5s", "peer" } };
	unsigned status;
	json_t *doc;

	registry.now_ns += TICK_NS;
	REQUIRE(!history_tick(history, 0));
	buf_str(&where, "service=x,peer=\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_char(&where, '\\');
		buf_char(&where, *text);
	}
	buf_char(&where, '"');
	p.value[3] = (char *)buf_cstr(&where);
	doc = ask(&p, &status);
	REQUIRE(status == 200 && json_array_size(json_object_get(doc, "groups")) == 1);
	json_decref(doc);
	buf_release(&where);
	family_remove(registry.families[0], s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *next = text, *line;
	struct params p = { 0 };
	unsigned status;

	for (size_t i = 0; i < KEYS && (line = strsep(&next, "\n")); i++)
		p.value[i] = *line ? line : NULL;
	json_decref(ask(&p, &status));
	if (p.value[3])
		find(p.value[3]);
	free(text);
	return 0;
}
