// SPDX-License-Identifier: BSD-3-Clause
/* What is said of alerts: values, texts, and the JSON for others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "alert/kinds.h"
#include "alert/message.h"
#include "lib/utc.h"
#include "rule/text.h"

#define SECOND_NS 1000000000LL
#define NOW_NS	  (1700000000 * SECOND_NS) /* 2023-11-14T22:13:20Z */

static void value_is(const char *metric, enum rule_value value, double v, const char *expected)
{
	const struct rule_conf r = { .term = { .metric = (char *)metric }, .value = value };
	struct buf b = { 0 };

	value_write(&b, &r, v);
	assert_string_equal(buf_cstr(&b), expected);
	buf_release(&b);
}

static void values_have_their_units(void **state)
{
	static const struct {
		double v;
		const char *text;
	} seconds[] = {
		{ 0, "0 s" },	    { 4e-7, "0.4 us" }, { 8e-6, "8 us" },    { 5e-5, "0.05 ms" },
		{ 4e-4, "0.4 ms" }, { 0.084, "84 ms" }, { 0.412, "412 ms" }, { 1.9, "1.9 s" },
		{ 41, "41 s" },	    { 119.4, "119 s" }, { 420, "7 min" },    { 9000, "2.5 h" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(*seconds); i++)
		value_is("seismo_x_seconds", RULE_QUANTILE, seconds[i].v, seconds[i].text);
	value_is("seismo_x_bytes", RULE_LAST, 3.1e6, "3.1 MB");
	value_is("seismo_x_bytes_total", RULE_RATE, 3.1e6, "3.1 MB/s");
	value_is("seismo_requests_total", RULE_RATE, 118.2, "118/s");
	value_is("seismo_requests_total", RULE_COUNT, 3, "3");
	value_is("seismo_requests_total", RULE_COUNT, 1234567, "1234567");
	value_is("seismo_x_seconds", RULE_QUANTILE, NAN, "unknown");
	value_is("seismo_x_seconds", RULE_QUANTILE, INFINITY, "unknown");
}

static void ratios_are_percent(void **state)
{
	const struct rule_conf r = { .term = { .metric = "seismo_requests_total" },
				     .of = { .metric = "seismo_requests_total" },
				     .value = RULE_RATIO };
	struct buf b = { 0 };

	(void)state;
	value_write(&b, &r, 0.042);
	assert_string_equal(buf_cstr(&b), "4.2 %");
	buf_release(&b);
}

static struct rule_pair own_label = { .key = "team", .value = "storage" };
static struct rule_pair annotation = { .key = "note", .value = "{{ device }} and {{nothing}}" };
static struct rule_conf rule = {
	.alert = "SlowDisk",
	.term = { .metric = "seismo_block_io_duration_seconds" },
	.by = { "device", "operation" },
	.by_cnt = 2,
	.value = RULE_QUANTILE,
	.labels = &own_label,
	.label_cnt = 1,
	.annotations = &annotation,
	.annotation_cnt = 1,
	.summary = "{{device}} {{operation}}s take {{value}}, usually {{baseline}}",
	.runbook_url = "http://runbooks/{{device}}"
};

static struct alert alert_of(const char *device)
{
	return (struct alert){ .rule = &rule,
			       .label = { device, "read" },
			       .fingerprint = 7,
			       .state = ALERT_FIRING,
			       .severity = RULE_PAGE,
			       .starts_at_ns = NOW_NS - 60 * SECOND_NS,
			       .value = 0.084,
			       .baseline = 0.0004 };
}

static struct notice *notice_of(const struct alert *a)
{
	static struct rule_pair extra[] = { { .key = "datacenter", .value = "fra1" },
					    { .key = "team", .value = "not this" } };
	const struct notice_labels common = { "host1", extra, 2 };
	json_t *labels = notice_labels(a, &common);
	struct notice *n = notice_new(a, labels, NOTICE_LOUD, NULL);

	json_decref(labels);
	assert_non_null(n);
	return n;
}

static json_t *parsed(struct buf *b)
{
	json_t *doc = json_loadb(b->data, b->len, 0, NULL);

	assert_false(b->failed);
	assert_non_null(doc);
	buf_release(b);
	return doc;
}

static const char *at(const json_t *doc, const char *key, const char *key2)
{
	const json_t *value = json_object_get(doc, key);

	return json_string_value(key2 ? json_object_get(value, key2) : value);
}

static void an_alertmanager_gets_labels_annotations_and_times(void **state)
{
	struct alert a = alert_of("sdb");
	struct notice *n;
	struct parcel p = { NULL, true };
	const struct sending s = { .resend_ns = 60 * (u64)SECOND_NS,
				   .wall_ns = NOW_NS,
				   .external_url = "http://h:1" };
	struct buf b = { 0 };
	json_t *doc, *alert, *evidence;

	(void)state;
	a.evidence = json_pack("{s:s, s:s, s:i}", "cause", "hardware", "do", "replace it", "n", 3);
	p.notice = n = notice_of(&a);
	message_alertmanager(&b, &p, 1, &s);
	doc = parsed(&b);
	assert_int_equal(json_array_size(doc), 1);
	alert = json_array_get(doc, 0);
	assert_string_equal(at(alert, "labels", "alertname"), "SlowDisk");
	assert_string_equal(at(alert, "labels", "severity"), "page");
	assert_string_equal(at(alert, "labels", "device"), "sdb");
	assert_string_equal(at(alert, "labels", "instance"), "host1");
	assert_string_equal(at(alert, "labels", "team"), "storage");
	assert_string_equal(at(alert, "labels", "datacenter"), "fra1");
	assert_string_equal(at(alert, "annotations", "summary"),
			    "sdb reads take 84 ms, usually 0.4 ms");
	assert_string_equal(at(alert, "annotations", "note"), "sdb and {{nothing}}");
	assert_string_equal(at(alert, "annotations", "runbook_url"), "http://runbooks/sdb");
	assert_string_equal(at(alert, "annotations", "cause"), "hardware");
	assert_string_equal(at(alert, "annotations", "do"), "replace it");
	assert_string_equal(at(alert, "startsAt", NULL), "2023-11-14T22:12:20.000000000Z");
	assert_string_equal(at(alert, "endsAt", NULL), "2023-11-14T22:18:20.000000000Z");
	assert_string_equal(at(alert, "generatorURL", NULL), "http://h:1/api/v1/alerts");
	evidence = json_loads(at(alert, "annotations", "evidence"), 0, NULL);
	assert_true(json_equal(evidence, a.evidence));
	json_decref(evidence);
	json_decref(doc);
	json_decref(a.evidence);
	notice_unref(n);
}

/* What the clock says now may be before what it said when the alert began, or ended. */
static void times_stay_in_order_when_the_clock_is_set(void **state)
{
	static const s64 steps[] = { -3600 * SECOND_NS, 0, 3600 * SECOND_NS };
	struct alert a = alert_of("sdb");
	struct notice *n = notice_of(&a), *ended = notice_resolve(n, NOW_NS);

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		for (int firing = 0; firing < 2; firing++) {
			struct parcel p = { firing ? n : ended, firing };
			const struct sending s = { .resend_ns = 1000000000,
						   .wall_ns = NOW_NS + steps[i] };
			struct buf b = { 0 };
			struct utc_cache cache = { 0 };
			struct buf clock = { 0 };
			const char *now;
			json_t *doc;

			message_alertmanager(&b, &p, 1, &s);
			doc = parsed(&b);
			utc_add(&clock, &cache, s.wall_ns);
			now = buf_cstr(&clock);
			assert_true(strcmp(at(json_array_get(doc, 0), "startsAt", NULL), now) <= 0);
			assert_true(strcmp(at(json_array_get(doc, 0), "startsAt", NULL),
					   at(json_array_get(doc, 0), "endsAt", NULL)) <= 0);
			/* it is one that fires, or not, by this clock */
			assert_int_equal(strcmp(at(json_array_get(doc, 0), "endsAt", NULL), now) >
						 0,
					 firing);
			buf_release(&clock);
			json_decref(doc);
		}
	notice_unref(n);
	notice_unref(ended);
}

static void a_webhook_gets_what_alerts_have_in_common(void **state)
{
	struct alert a = alert_of("sdb"), other = alert_of("sdc");
	struct notice *n = notice_of(&a), *second = notice_of(&other);
	struct parcel p[] = { { n, true }, { second, false } };
	const struct sending s = { .resend_ns = 1, .wall_ns = NOW_NS };
	struct buf b = { 0 };
	json_t *doc, *alerts;

	(void)state;
	message_webhook(&b, p, 2, &target_webhook, &s);
	doc = parsed(&b);
	assert_string_equal(at(doc, "version", NULL), "4");
	assert_string_equal(at(doc, "status", NULL), "firing");
	assert_string_equal(at(doc, "groupLabels", "alertname"), "SlowDisk");
	assert_string_equal(at(doc, "groupKey", NULL), "{}:{alertname=\"SlowDisk\"}");
	assert_string_equal(at(doc, "commonLabels", "operation"), "read");
	assert_null(at(doc, "commonLabels", "device"));
	assert_null(at(doc, "commonAnnotations", "summary"));
	alerts = json_object_get(doc, "alerts");
	assert_string_equal(at(json_array_get(alerts, 0), "status", NULL), "firing");
	assert_string_equal(at(json_array_get(alerts, 0), "endsAt", NULL), "0001-01-01T00:00:00Z");
	/* muted: it fires, and for this target it has ended */
	assert_string_equal(at(json_array_get(alerts, 1), "status", NULL), "resolved");
	assert_string_equal(at(json_array_get(alerts, 1), "endsAt", NULL),
			    "2023-11-14T22:13:20.000000000Z");
	json_decref(doc);
	notice_unref(n);
	notice_unref(second);
}

static void notices_outlive_the_daemon(void **state)
{
	struct alert a = alert_of("s\"d\\b\n");
	struct notice *n = notice_of(&a), *again;
	json_t *saved = notice_save(n);

	(void)state;
	again = notice_load(saved);
	assert_non_null(again);
	assert_int_equal(again->key, n->key);
	assert_int_equal(again->starts_at_ns, n->starts_at_ns);
	assert_true(again->firing);
	assert_string_equal(again->labels, n->labels);
	assert_string_equal(again->annotations, n->annotations);
	assert_string_equal(again->name, "SlowDisk");
	notice_unref(again);
	json_object_set_new(saved, "labels", json_string("[]"));
	assert_null(notice_load(saved));
	json_object_set_new(saved, "labels", json_string("{\"a\": 1}"));
	assert_null(notice_load(saved));
	assert_null(notice_load(NULL));
	json_decref(saved);
	notice_unref(n);
}

static void a_summary_is_made_of_what_there_is(void **state)
{
	struct rule_conf r = { .alert = "SlowDisk",
			       .term = { .metric = "x_seconds" },
			       .value = RULE_QUANTILE,
			       .by = { "device", "operation" },
			       .by_cnt = 2 };
	struct alert a = { .rule = &r, .label = { "sdb", "" }, .value = 0.084, .baseline = NAN };
	struct buf b = { 0 };

	(void)state;
	summary_write(&b, &a);
	assert_string_equal(buf_cstr(&b), "SlowDisk: sdb: 84 ms");
	buf_reset(&b);
	a.baseline = 0.0004;
	a.label[1] = "read";
	summary_write(&b, &a);
	assert_string_equal(buf_cstr(&b), "SlowDisk: sdb, read: 84 ms, usually 0.4 ms");
	buf_release(&b);
}

#define TEST(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_have_their_units),
		TEST(ratios_are_percent),
		TEST(an_alertmanager_gets_labels_annotations_and_times),
		TEST(times_stay_in_order_when_the_clock_is_set),
		TEST(a_webhook_gets_what_alerts_have_in_common),
		TEST(notices_outlive_the_daemon),
		TEST(a_summary_is_made_of_what_there_is),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
