// SPDX-License-Identifier: BSD-3-Clause
/* Rules: how they are read, what contradicts itself, files that are included, and the built-in ones. */
#include "conf.h"

#include <math.h>

#include "conf/pattern.h"
#include "conf/rules.h"
#include "conf/template.h"
#include "rule/builtin.h"

static const struct conf_family none[] = { { .name = NULL } };
const struct conf_family *const conf_families = none;

#define SLOW_DISK                                                                                             \
	"rules:\n"                                                                                            \
	"  - alert: SlowDisk\n"                                                                               \
	"    metric: seismo_block_io_duration_seconds\n"                                                      \
	"    where: { phase: device, device: \"!dm-*|md*\" }\n"                                               \
	"    by: [device, operation]\n"                                                                       \
	"    value: p99.9\n"                                                                                  \
	"    above: 3x baseline\n"                                                                            \
	"    at_least: 10ms\n"                                                                                \
	"    load: { metric: seismo_service_block_io_bytes_total, where: { service: x } }\n"                  \
	"    while:\n"                                                                                        \
	"      - { metric: seismo_blocked_tasks, above: 2 }\n"                                                \
	"      - { metric: seismo_requests_total, where: { direction: inbound }, value: rate, below: 0.5 }\n" \
	"    window: 10s\n"                                                                                   \
	"    for: 15s\n"                                                                                      \
	"    keep_firing_for: 1m\n"                                                                           \
	"    min_events: 20\n"                                                                                \
	"    cause: on\n"                                                                                     \
	"    severity: page\n"                                                                                \
	"    labels: { team: storage }\n"                                                                     \
	"    annotations: { dashboard: \"http://d/{{device}}\" }\n"                                           \
	"    summary: \"{{ device }} {{operation}} takes {{value}}, usually {{baseline}}\"\n"                 \
	"    description: d\n"                                                                                \
	"    runbook_url: http://r\n"                                                                         \
	"    reason: why\n"                                                                                   \
	"    runbook: what\n"

static void full_test(void **state)
{
	struct conf *c = conf_of(SLOW_DISK);
	const struct rule_conf *r = c->rules[0];

	(void)state;
	assert_int_equal(c->rule_cnt, 1);
	assert_string_equal(r->alert, "SlowDisk");
	assert_false(r->off || r->builtin);
	assert_string_equal(r->file, path);
	assert_int_equal(r->line, 2);
	assert_string_equal(r->term.metric, "seismo_block_io_duration_seconds");
	assert_int_equal(r->term.line, 3);
	assert_int_equal(r->term.where_cnt, 2);
	assert_string_equal(r->term.where[1].key, "device");
	assert_string_equal(r->term.where[1].value, "!dm-*|md*");
	assert_int_equal(r->term.where[1].line, 4);
	assert_int_equal(r->by_cnt, 2);
	assert_string_equal(r->by[1], "operation");
	assert_int_equal(r->by_line[1], 5);
	assert_int_equal(r->value, RULE_QUANTILE);
	assert_float_equal(r->quantile, .999, 1e-12);
	assert_int_equal(r->condition, RULE_BASELINE);
	assert_float_equal(r->factor, 3, 0);
	assert_float_equal(r->at_least, .01, 0);
	assert_int_equal(r->at_least_unit, RULE_SECONDS);
	assert_string_equal(r->load.metric, "seismo_service_block_io_bytes_total");
	assert_string_equal(r->load.where[0].value, "x");
	assert_int_equal(r->guard_cnt, 2);
	assert_int_equal(r->guards[0].value, RULE_LAST);
	assert_false(r->guards[0].below);
	assert_float_equal(r->guards[0].threshold, 2, 0);
	assert_int_equal(r->guards[1].value, RULE_RATE);
	assert_true(r->guards[1].below);
	assert_int_equal(r->guards[1].threshold_line, 12);
	assert_int_equal(r->window_ns, 10000000000);
	assert_int_equal(r->for_ns, 15000000000);
	assert_int_equal(r->keep_firing_for_ns, 60000000000);
	assert_int_equal(r->min_events, 20);
	assert_true(r->cause);
	assert_int_equal(r->severity, RULE_PAGE);
	assert_string_equal(r->labels[0].value, "storage");
	assert_string_equal(r->annotations[0].key, "dashboard");
	assert_string_equal(r->summary,
			    "{{ device }} {{operation}} takes {{value}}, usually {{baseline}}");
	assert_string_equal(r->description, "d");
	assert_string_equal(r->runbook_url, "http://r");
	assert_string_equal(r->reason, "why");
	assert_string_equal(r->runbook, "what");
	conf_free(c);
}

#define RULE(more) "rules:\n  - alert: A\n    metric: m\n" more

static void default_test(void **state)
{
	struct conf *c = conf_of(RULE("    value: p50\n    above: 50ms\n"));
	const struct rule_conf *r = c->rules[0];

	(void)state;
	assert_int_equal(r->condition, RULE_ABOVE);
	assert_int_equal(r->window_ns, 30000000000);
	assert_int_equal(r->for_ns + r->keep_firing_for_ns, 0);
	assert_int_equal(r->min_events, 1);
	assert_int_equal(r->severity, RULE_WARNING);
	assert_int_equal(r->by_cnt, 0);
	assert_null(r->summary);
	conf_free(c);
	c = conf_of(RULE("    of: { metric: n }\n    burn_rate: { objective: 99.9% }\n"));
	r = c->rules[0];
	assert_int_equal(r->condition, RULE_BURN_RATE);
	assert_int_equal(r->value, RULE_RATIO);
	assert_float_equal(r->objective, .999, 0);
	assert_float_equal(r->factor, 14.4, 0);
	assert_int_equal(r->long_ns, 3600000000000);
	assert_int_equal(r->short_ns, 300000000000);
	conf_free(c);
	c = conf_of(RULE("    value: count\n    above: 0\n"));
	assert_int_equal(c->rules[0]->min_events, 0);
	conf_free(c);
	c = conf_of("rules: []\n");
	assert_int_equal(c->rule_cnt, 0);
	conf_free(c);
}

static void number_test(void **state)
{
	static const struct {
		const char *text, *written;
		double value;
		enum rule_unit unit;
	} rows[] = {
		{ "50ms", "50ms", .05, RULE_SECONDS },
		{ "0.5", "0.5", .5, RULE_PLAIN },
		{ "10%", "10%", .1, RULE_PERCENT },
		{ "99.9%", "99.9%", .999, RULE_PERCENT },
		{ "64MiB", "64MiB", 64 << 20, RULE_BYTES },
		{ "1.5us", "1.5us", 1.5e-6, RULE_SECONDS },
		{ "90m", "90m", 5400, RULE_SECONDS },
		{ "1.5h", "90m", 5400, RULE_SECONDS },
		{ "1000", "1000", 1000, RULE_PLAIN },
		{ "0.00001", "0.00001", 1e-5, RULE_PLAIN },
		{ "0", "0", 0, RULE_PLAIN },
		{ "0s", "0us", 0, RULE_SECONDS },
		{ "1024B", "1KiB", 1024, RULE_BYTES },
	};
	static const char *const wrong[] = { "",    "ms",  "-1",  "1e5", ".5", "5.",  "1 s",  "1 ",
					     "nan", "inf", "0x1", "5MB", "1x", "1%%", "1.2.3" };
	struct buf out = { 0 };
	enum rule_unit unit;
	double value;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(number_parse(rows[i].text, &value, &unit));
		assert_float_equal(value, rows[i].value, 1e-15 * value);
		assert_int_equal(unit, rows[i].unit);
		buf_reset(&out);
		number_write(value, unit, &out);
		assert_string_equal(buf_cstr(&out), rows[i].written);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (number_parse(wrong[i], &value, &unit))
			fail_msg("%s", wrong[i]);
	buf_release(&out);
}

#define P99 "    value: p99\n    above: 50ms\n"

static const struct {
	const char *text, *expected;
} error_rows[] = {
	/* keys */
	{ "rules: {}\n", ":1: 'rules' must be a list" },
	{ "rules: [ x ]\n", ":1: 'rules' must hold 'key: value' pairs" },
	{ "rules: [ {} ]\n", ":1: missing key 'alert' in 'rules'" },
	{ "rules: [ { alert: A } ]\n", ":1: missing key 'metric' in 'A'" },
	{ "rules: [ { alert: A, enabled: off, for: 1s } ]\n", ":1: missing key 'metric' in 'A'" },
	{ RULE("    above: 1\n"), ":2: missing key 'value' in 'A'" },
	{ RULE("    value: p99\n"), ":2: 'A' has no 'above', 'below' or 'burn_rate'" },
	{ RULE(P99 "    windw: 1s\n"),
	  ":6: unknown key 'windw' in 'rules', did you mean 'window'?" },
	{ RULE(P99 "    severity: pge\n"),
	  ":6: 'severity' is 'pge', must be page or warning or info" },
	{ "rules: [ { alert: 'Slow disk' } ]\n",
	  ":1: 'alert' is 'Slow disk', must be a name of letters, digits and _ such as SlowDisk" },
	{ "rules: [ { alert: A, metric: 'a b' } ]\n",
	  ":1: 'metric' is 'a b', must be the name of a metric" },
	{ RULE(P99 "    by: device\n"), ":6: 'by' must be a list" },
	{ RULE(P99 "    by: [a, b, a]\n"), ":6: 'a' is in 'by' twice" },
	{ RULE(P99 "    by: [a, b, c, d, e]\n"), ":6: 'by' has more than 4 entries" },
	{ RULE(P99 "    by: [\"a b\"]\n"), ":6: 'by' is 'a b', must be the names of labels" },
	{ RULE(P99 "    where: { device: }\n"), ":6: 'device' has no value" },
	/* values */
	{ RULE("    value: p100\n    above: 1\n"),
	  ":4: 'value' is 'p100', must be a percentile such as p99 or p99.9, mean, rate, count, ratio, last or max" },
	{ RULE("    value: p\n    above: 1\n"),
	  ":4: 'value' is 'p', must be a percentile such as p99 or p99.9, mean, rate, count, ratio, last or max" },
	{ RULE("    value: p99\n    above: 50 ms\n"),
	  ":5: 'above' is '50 ms', must be a number such as 0.5, 10%, 50ms or 64MiB" },
	{ RULE("    value: p99\n    above: 1x baseline\n"),
	  ":5: 'above' is '1x baseline', must be more than the baseline" },
	{ RULE("    value: p99\n    above: 3 x baseline\n"),
	  ":5: 'above' is '3 x baseline', must be a number such as 0.5, 10%, 50ms or 64MiB" },
	{ RULE("    value: p99\n    below: 3x baseline\n"),
	  ":5: 'below' is '3x baseline', must be a number such as 0.5, 10%, 50ms or 64MiB" },
	{ RULE("    value: rate\n    below: 0\n"), ":5: 'below' is 0, and nothing is below that" },
	{ RULE(P99 "    window: 25h\n"),
	  ":6: 'window' is '25h', must be a duration from 100ms to 24h" },
	{ RULE(P99 "    for: 2d\n"), ":6: 'for' is '2d', must be a duration from 0h to 24h" },
	{ RULE(P99 "    enabled: maybe\n"), ":6: 'enabled' is 'maybe', must be off or on" },
	{ RULE("    of: { metric: n }\n    burn_rate: { objective: 0.999 }\n"),
	  ":5: 'objective' is '0.999', must be a part of what succeeds such as 99.9%" },
	{ RULE("    of: { metric: n }\n    burn_rate: { objective: 99%, short: 1h }\n"),
	  ":5: 'long' is not longer than 'short'" },
	{ RULE("    of: { metric: n }\n    burn_rate: {}\n"),
	  ":5: missing key 'objective' in 'burn_rate'" },
	/* contradictions */
	{ RULE(P99 "    below: 1ms\n"), ":6: 'A' has 'above' and 'below', it can have one" },
	{ RULE("    value: ratio\n    of: { metric: n }\n    above: 1%\n"
	       "    burn_rate: { objective: 99% }\n"),
	  ":7: 'A' has 'above' and 'burn_rate', it can have one" },
	{ RULE("    value: ratio\n    above: 1%\n"), ":4: a ratio needs 'of': { metric: ... }" },
	{ RULE("    burn_rate: { objective: 99% }\n"), ":2: a ratio needs 'of': { metric: ... }" },
	{ RULE("    value: p99\n    of: { metric: n }\n    burn_rate: { objective: 99% }\n"),
	  ":4: 'burn_rate' is of a ratio" },
	{ RULE(P99 "    of: { metric: n }\n"), ":6: 'of' is of a ratio only" },
	{ RULE("    of: { metric: n }\n    burn_rate: { objective: 99% }\n    window: 1m\n"),
	  ":6: the windows of 'burn_rate' are its 'long' and 'short'" },
	{ RULE(P99 "    at_least: 1ms\n"),
	  ":6: 'at_least' needs a baseline: above: \"3x baseline\"" },
	{ RULE(P99 "    load: { metric: n }\n"),
	  ":6: 'load' needs a baseline: above: \"3x baseline\"" },
	{ RULE("    value: last\n    above: 1\n    min_events: 5\n"),
	  ":6: 'min_events' is not for values of gauges: last, max" },
	{ RULE(P99 "    while: [ { metric: n } ]\n"),
	  ":6: a condition of 'while' needs 'above' or 'below'" },
	{ RULE(P99 "    while: [ { metric: n, above: 1, below: 2 } ]\n"),
	  ":6: a condition has either 'above' or 'below'" },
	{ RULE(P99 "    while: [ { metric: n, value: p99, above: 1 } ]\n"),
	  ":6: 'value' is 'p99', must be mean, rate, count, last or max" },
	{ RULE(P99 "    labels: { severity: x }\n"),
	  ":6: the label 'severity' is one that the alert has anyway" },
	{ RULE(P99 "    by: [a]\n    labels:\n      a: x\n"),
	  ":8: the label 'a' is one that the alert has anyway" },
	{ RULE(P99 "    annotations: { summary: x }\n"),
	  ":6: 'summary' is a key of the rule, not one of 'annotations'" },
	{ RULE(P99 "  - { alert: B, metric: m, value: p99, above: 1s }\n"
		   "  - { alert: B, metric: m, value: p99, above: 2s }\n"),
	  NULL },
	/* texts */
	{ RULE(P99 "    by: [device]\n    summary: \"{{ devic }} is slow\"\n"),
	  ":7: unknown '{{devic}}' in a text of 'A', did you mean 'device'?" },
	{ RULE(P99 "    summary: \"{{$labels.device}}\"\n"),
	  ":6: unknown '{{$labels.device}}' in a text of 'A' (known: value, baseline, threshold)" },
	{ RULE(P99 "    annotations: { a: \"{{service}}\" }\n"),
	  ":6: unknown '{{service}}' in a text of 'A' (known: value, baseline, threshold)" },
	{ RULE(P99 "    description: \"{{baseline}}\"\n"), ":6: '{{baseline}}', but 'A' has none" },
	{ RULE(P99 "    summary: \"{{value\"\n"), ":6: '{{' without '}}' in a text of 'A'" },
};

static void error_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(error_rows) / sizeof(*error_rows); i++) {
		struct buf expected = { 0 };

		if (!error_rows[i].expected) /* a message that has the path in it */
			buf_printf(&expected, ":7: duplicate rule 'B', which is in %s:6", path);
		error_check(error_rows[i].text, strlen(error_rows[i].text),
			    error_rows[i].expected ?: buf_cstr(&expected));
		buf_release(&expected);
	}
}

/* What is written of a rule is read as the same rule again. */
static void write_test(void **state)
{
	struct conf *c = conf_of(SLOW_DISK "  - alert: B\n    metric: m\n    of: { metric: n }\n"
					   "    burn_rate: { objective: 99.9%, factor: 6 }\n"
					   "    enabled: off\n");
	struct buf text = { 0 }, again = { 0 };
	struct conf *same;

	(void)state;
	buf_str(&text, "rules:\n");
	for (unsigned i = 0; i < 2; i++) {
		struct buf rule = { 0 };

		rule_write(c->rules[i], &rule);
		buf_printf(&text, "  - { alert: %s, %s\n", c->rules[i]->alert, buf_cstr(&rule) + 1);
		buf_release(&rule);
	}
	same = conf_of(buf_cstr(&text));
	assert_int_equal(same->rule_cnt, 2);
	assert_true(same->rules[1]->off);
	buf_str(&again, "rules:\n");
	for (unsigned i = 0; i < 2; i++) {
		struct buf rule = { 0 };

		rule_write(same->rules[i], &rule);
		buf_printf(&again, "  - { alert: %s, %s\n", same->rules[i]->alert,
			   buf_cstr(&rule) + 1);
		buf_release(&rule);
		assert_true(rule_same(c->rules[i], same->rules[i]));
	}
	assert_string_equal(buf_cstr(&text), buf_cstr(&again));
	assert_false(rule_same(c->rules[0], c->rules[1]));
	conf_free(c);
	conf_free(same);
	buf_release(&text);
	buf_release(&again);
}

/* Which changes make another alert of it. */
static void same_test(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ P99, "    value: p99\n    above: 60ms\n    for: 1m\n    summary: x\n", true },
		{ P99, "    value: p95\n    above: 50ms\n", false },
		{ P99, P99 "    by: [device]\n", false },
		{ P99, P99 "    where: { a: b }\n", false },
		{ P99 "    where: { a: b }\n", P99 "    where: { a: c }\n", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[512];
		struct conf *a, *b;

		snprintf(text, sizeof(text), RULE("%s"), rows[i].a);
		a = conf_of(text);
		snprintf(text, sizeof(text), RULE("%s"), rows[i].b);
		b = conf_of(text);
		assert_int_equal(rule_same(a->rules[0], b->rules[0]), rows[i].same);
		conf_free(a);
		conf_free(b);
	}
}

/* --- built-in rules */

#define BUILTIN                                                        \
	"rules:\n  - { alert: A, metric: m, value: p99, above: 1s }\n" \
	"  - { alert: B, metric: m, value: p99, above: 1s }\n"

static void builtin_check(const char *text, const char *expected)
{
	struct conf *c = conf_of(text);
	struct buf error = { 0 }, out = { 0 };
	int err = rules_add_builtin(c, BUILTIN, strlen(BUILTIN), &error);

	for (unsigned i = 0; i < c->rule_cnt && !err; i++) {
		const struct rule_conf *r = c->rules[i];

		buf_printf(&out, "%s%s %s%s", i ? ", " : "", r->alert,
			   r->builtin ? "built-in" : "own", r->off ? " off" : "");
	}
	if (err) {
		assert_int_equal(strncmp(buf_cstr(&error), path, strlen(path)), 0);
		buf_str(&out, buf_cstr(&error) + strlen(path));
	}
	assert_string_equal(buf_cstr(&out), expected);
	buf_release(&out);
	buf_release(&error);
	conf_free(c);
}

static void builtin_test(void **state)
{
	(void)state;
	builtin_check("", "A built-in, B built-in");
	builtin_check(RULE(P99), "A own, B built-in");
	builtin_check(RULE(P99 "    enabled: off\n"), "A own off, B built-in");
	builtin_check("rules: [ { alert: A, enabled: off } ]\n", "A built-in off, B built-in");
	builtin_check("builtin_rules: off\n", "");
	builtin_check("builtin_rules: off\n" RULE(P99), "A own");
	builtin_check(RULE(P99) "  - { alert: A, enabled: off }\n", "A own off, B built-in");
	builtin_check(
		"rules: [ { alert: SlowDisks, enabled: off },\n"
		"         { alert: SlowDisk, metric: m, value: p99, above: 1s } ]\n",
		":1: there is no rule 'SlowDisks' to be switched off, did you mean 'SlowDisk'?");
}

/* --- files that are included */

static char rules_folder[sizeof(folder) + 16];

static void rules_file_write(const char *name, const char *text)
{
	char file[sizeof(rules_folder) + 64];

	snprintf(file, sizeof(file), "%s/%s", rules_folder, name);
	if (text)
		text_write(file, text, strlen(text));
	else
		assert_int_equal(unlink(file), 0);
}

static void include_check(const char *text, const char *expected)
{
	struct buf out = { 0 };
	struct conf *c = conf_of(text);

	for (unsigned i = 0; i < c->rule_cnt; i++)
		buf_printf(&out, "%s%s", i ? " " : "", c->rules[i]->alert);
	assert_string_equal(buf_cstr(&out), expected);
	buf_release(&out);
	conf_free(c);
}

/* How an error that is about a file of the folder begins, and ends. */
static void include_error_check(const char *text, const char *begin, const char *end)
{
	struct buf error = { 0 };
	struct conf *c;
	const char *said;

	file_write(text, strlen(text));
	assert_int_not_equal(conf_load(&c, path, none, &error), 0);
	said = buf_cstr(&error);
	assert_int_equal(strncmp(said, folder, strlen(folder)), 0);
	said += strlen(folder);
	if (strncmp(said, begin, strlen(begin)) != 0 || strlen(said) < strlen(end) ||
	    strcmp(said + strlen(said) - strlen(end), end) != 0)
		fail_msg("%s\nnot %s ... %s", said, begin, end);
	buf_release(&error);
}

#define ONE(name) "rules: [ { alert: " name ", metric: m, value: p99, above: 1s } ]\n"

static void include_test(void **state)
{
	char text[256];

	(void)state;
	snprintf(rules_folder, sizeof(rules_folder), "%s/rules.d", folder);
	assert_int_equal(mkdir(rules_folder, 0700), 0);
	include_check("include: rules.d\n", "");
	include_check("include: rules.d/*.yaml\n", "");
	rules_file_write("20.yaml", ONE("Twenty"));
	rules_file_write("10.yaml", ONE("Ten"));
	rules_file_write("30.yaml", "# nothing\n");
	rules_file_write(".hidden.yaml", "not: rules\n");
	rules_file_write("40.yaml.dpkg-old", "not: rules\n");
	include_check("include: rules.d\n" ONE("Own"), "Own Ten Twenty");
	snprintf(text, sizeof(text), "include: [ %s/2*.yaml, rules.d/10.yaml ]\n", rules_folder);
	include_check(text, "Twenty Ten");
	include_error_check("include: [ rules.d, rules.d/10.yaml ]\n",
			    "/rules.d/10.yaml:1: duplicate rule 'Ten', which is in /",
			    "/10.yaml:1");
	include_error_check("\ninclude: rules.e\n", "/seismo.yaml:2: cannot include '/",
			    "/rules.e': No such file or directory");
	include_error_check("include:\n  - rules.d\n  - rules.e/*.yaml\n",
			    "/seismo.yaml:3: cannot include '/",
			    "/rules.e/*.yaml': No such file or directory");
	rules_file_write("20.yaml", "rules:\n  - alert: A\n    metrc: m\n");
	include_error_check(
		"include: rules.d\n",
		"/rules.d/20.yaml:3: unknown key 'metrc' in 'rules', did you mean 'metric'?", "");
	rules_file_write("20.yaml", "\nexpect: []\n");
	include_error_check("include: rules.d\n",
			    "/rules.d/20.yaml:2: unknown key 'expect' (known: rules)", "");
	rules_file_write("20.yaml", "rules: [");
	include_error_check(
		"include: rules.d\n",
		"/rules.d/20.yaml:2: while parsing a flow node, did not find expected node content",
		"");
	for (const char *const *name =
		     (const char *const[]){ "10.yaml", "20.yaml", "30.yaml", ".hidden.yaml",
					    "40.yaml.dpkg-old", NULL };
	     *name; name++)
		rules_file_write(*name, NULL);
	assert_int_equal(rmdir(rules_folder), 0);
}

/* --- patterns and templates */

static void pattern_test(void **state)
{
	static const struct {
		const char *pattern, *value;
		bool match;
	} rows[] = {
		{ "read", "read", true },
		{ "read", "write", false },
		{ "read|write", "write", true },
		{ "read|write", "flush", false },
		{ "dm-*|md*", "md0", true },
		{ "!dm-*|md*", "md0", false },
		{ "!dm-*|md*", "sda", true },
		{ "5*", "503", true },
		{ "*", "", true },
		{ "", "", true },
		{ "", "x", false },
		{ "!", "", false },
		{ "!", "x", true },
		{ "a*", "a/b/c", true },
		{ "a||b", "", true },
		{ "[ab]?", "bx", true },
		{ "\\*", "*", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (pattern_match(rows[i].pattern, rows[i].value) != rows[i].match)
			fail_msg("'%s' '%s'", rows[i].pattern, rows[i].value);
}

static void template_test(void **state)
{
	static const struct {
		const char *template, *parts;
	} rows[] = {
		{ "", "" },
		{ "text", "(text)" },
		{ "{{a}}", "[a]" },
		{ "x{{ a }}{{b}}y", "(x)[a][b](y)" },
		{ "{{a", "({{a)" },
		{ "{{}}", "[]" },
		{ "{ a }", "({ a })" },
		{ "}}{{", "(}})({{)" },
		{ "{{{a}}}", "[{a](})" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *rest = rows[i].template;
		struct template_part part;
		struct buf out = { 0 };

		while (template_next(&rest, &part))
			buf_printf(&out, part.variable ? "[%.*s]" : "(%.*s)", (int)part.len,
				   part.text);
		assert_string_equal(buf_cstr(&out), rows[i].parts);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_test),	cmocka_unit_test(default_test),
		cmocka_unit_test(number_test),	cmocka_unit_test(error_test),
		cmocka_unit_test(write_test),	cmocka_unit_test(same_test),
		cmocka_unit_test(builtin_test), cmocka_unit_test(include_test),
		cmocka_unit_test(pattern_test), cmocka_unit_test(template_test),
	};

	return cmocka_run_group_tests_name("rules", tests, folder_make, folder_remove);
}
