// SPDX-License-Identifier: BSD-3-Clause
/*
 * Whatever is said to be matchers is refused with a reason, or written as it is read, and matches the same. The same bytes as
 * a file of silences and alerts, and as the answer of an Alertmanager.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alert/matcher.h"
#include "alert/notice.h"
#include "alert/post.h"
#include "alert/silence.h"
#include "lib/store.h"

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

static const char *const samples[] = {
	"{}",
	"{\"alertname\": \"SlowDisk\", \"device\": \"sdb\", \"service\": \"a b\\\\\\n\\\"\"}",
	"{\"a\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", \"b\": 1}",
};

static void matchers(const char *text)
{
	struct buf error = { 0 }, written = { 0 };
	struct matchers *m, *again;
	json_t *labels;

	if (matchers_parse(&m, text, &error)) {
		REQUIRE(error.len);
		buf_release(&error);
		return;
	}
	matchers_write(m, &written);
	REQUIRE(!matchers_parse(&again, buf_cstr(&written), &error));
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		labels = json_loads(samples[i], 0, NULL);
		REQUIRE(matchers_match(m, labels) == matchers_match(again, labels));
		REQUIRE(i || !matchers_match(m, labels)); /* never everything */
		json_decref(labels);
	}
	matchers_free(m);
	matchers_free(again);
	buf_release(&written);
	buf_release(&error);
}

static void saved(const char *data, size_t size)
{
	json_t *doc = json_loadb(data, size, JSON_DECODE_ANY, NULL);
	struct silences *s = silences_new();
	struct notice *n = notice_load(doc), *again;
	json_t *list;

	REQUIRE(s);
	if (n) {
		json_decref(doc);
		doc = notice_save(n);
		again = notice_load(doc);
		REQUIRE(again && again->key == n->key && !strcmp(again->labels, n->labels));
		notice_unref(again);
		notice_unref(n);
	}
	silences_load(s, doc, 1000, 1000);
	list = silences_save(s);
	REQUIRE(json_array_size(list) == silences_cnt(s));
	json_decref(list);
	silences_free(s);
	json_decref(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct buf excerpt = { 0 };
	size_t len;

	matchers(text);
	saved((const char *)data, size);
	post_excerpt(&excerpt, (const char *)data, size);
	REQUIRE(excerpt.len <= size && excerpt.len <= 160);
	store_open((const char *)data, size, &len);
	buf_release(&excerpt);
	free(text);
	return 0;
}
