// SPDX-License-Identifier: BSD-3-Clause
/* Who is told of alerts, what is expected, where events go. */
#include "conf.h"

#include "conf/describe.h"

static const struct conf_family none[] = { { .name = NULL } };
const struct conf_family *const conf_families = none;

static const char targets[] =
	"data_dir: /data\n"
	"builtin_rules: off\n"
	"alertmanagers:\n"
	"  - url: http://127.0.0.1:9093\n"
	"  - url: https://am.example:9093/prefix\n"
	"    basic_auth: { username: seismo, password_file: /etc/seismo/password }\n"
	"    tls: { ca_file: /ca.pem, cert_file: /cert.pem, key_file: /key.pem,\n"
	"           insecure_skip_verify: true }\n"
	"webhooks: [ { url: 'http://[::1]/hook?a=b@c' } ]\n"
	"commands:\n"
	"  - command: [ /usr/bin/page, --now, x y ]\n"
	"    user: oncall\n"
	"    timeout: 1m\n"
	"    severity: warning\n"
	"  - command: /bin/true\n"
	"alert_labels: { team: storage, site: \"\" }\n"
	"alert_resend: 10s\n"
	"external_url: https://seismo.example/\n"
	"events: { file: off, max_size: 1MiB, keep: 0, journald: on }\n";

static void targets_test(void **state)
{
	struct conf *c = conf_of(targets);
	const struct http_target *am = c->alertmanagers;

	(void)state;
	assert_string_equal(c->data_dir, "/data");
	assert_int_equal(c->builtin_rules, 0);
	assert_int_equal(c->alertmanager_cnt, 2);
	assert_string_equal(am[0].url, "http://127.0.0.1:9093");
	assert_null(am[0].basic_auth.username);
	assert_int_equal(am[0].tls.insecure_skip_verify, 0);
	assert_int_equal(am[0].severity, RULE_INFO);
	assert_string_equal(am[1].url, "https://am.example:9093/prefix");
	assert_string_equal(am[1].basic_auth.username, "seismo");
	assert_string_equal(am[1].basic_auth.password_file, "/etc/seismo/password");
	assert_string_equal(am[1].tls.ca_file, "/ca.pem");
	assert_string_equal(am[1].tls.cert_file, "/cert.pem");
	assert_string_equal(am[1].tls.key_file, "/key.pem");
	assert_int_equal(am[1].tls.insecure_skip_verify, 1);
	assert_int_equal(c->webhook_cnt, 1);
	assert_string_equal(c->webhooks[0].url, "http://[::1]/hook?a=b@c");
	conf_free(c);
}

static void others_test(void **state)
{
	struct conf *c = conf_of(targets);

	(void)state;
	assert_int_equal(c->command_cnt, 2);
	assert_string_equal(c->commands[0].command[0], "/usr/bin/page");
	assert_string_equal(c->commands[0].command[2], "x y");
	assert_null(c->commands[0].command[3]);
	assert_string_equal(c->commands[0].user, "oncall");
	assert_int_equal(c->commands[0].timeout_ns, 60000000000);
	assert_int_equal(c->commands[0].severity, RULE_WARNING);
	assert_int_equal(c->commands[1].severity, RULE_INFO);
	assert_string_equal(c->commands[1].command[0], "/bin/true");
	assert_null(c->commands[1].command[1]);
	assert_string_equal(c->commands[1].user, "nobody");
	assert_int_equal(c->commands[1].timeout_ns, 10000000000);
	assert_int_equal(c->alert_label_cnt, 2);
	assert_string_equal(c->alert_labels[0].value, "storage");
	assert_string_equal(c->alert_labels[1].key, "site");
	assert_string_equal(c->alert_labels[1].value, "");
	assert_int_equal(c->alert_resend_ns, 10000000000);
	assert_string_equal(c->external_url, "https://seismo.example/");
	assert_null(c->events.file);
	assert_int_equal(c->events.max_size_bytes, 1 << 20);
	assert_int_equal(c->events.keep, 0);
	assert_int_equal(c->events.journald, JOURNALD_ON);
	conf_free(c);
}

#define NS   1000000000LL
#define NOON (1795651200 + 12 * 3600) /* 2026-11-26 */

static void expect_test(void **state)
{
	struct conf *c =
		conf_of("expect:\n"
			"  - match: { alertname: \"Slow*\", service: x }\n"
			"    from: 2026-11-26T12:00:00Z\n"
			"    to: 2026-11-26T14:00:00+01:30\n"
			"    reason: drill\n"
			"  - { match: { service: y }, daily: \"02:00-04:30\", reason: backup }\n"
			"  - { match: { service: y }, daily: 23:00-01:00, reason: night }\n"
			"  - { match: { service: y }, daily: 00:00-24:00, reason: all }\n");
	const struct {
		unsigned i;
		s64 wall_s;
		bool expected;
	} rows[] = {
		{ 0, NOON - 1, false },	    { 0, NOON, true },
		{ 0, NOON + 1799, true },   { 0, NOON + 1800, false },
		{ 1, NOON, false },	    { 1, NOON - 10 * 3600, true },
		{ 1, NOON - 27000, false }, { 1, NOON - 27001 - 86400, true },
		{ 2, NOON, false },	    { 2, NOON + 11 * 3600, true },
		{ 2, NOON - 39601, true },  { 2, NOON - 39600, false },
		{ 3, NOON, true },	    { 3, NOON + 12 * 3600, true },
	};

	(void)state;
	assert_int_equal(c->expect_cnt, 4);
	assert_string_equal(c->expect[0].match[0].key, "alertname");
	assert_string_equal(c->expect[0].match[0].value, "Slow*");
	assert_string_equal(c->expect[0].reason, "drill");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (expectation_in_effect(&c->expect[rows[i].i], rows[i].wall_s * NS) !=
		    rows[i].expected)
			fail_msg("row %zu", i);
	conf_free(c);
}

#define AM     "alertmanagers:\n  - "
#define EXPECT "expect:\n  - match: { service: x }\n    reason: r\n    "

static const struct {
	const char *text, *expected;
} error_rows[] = {
	{ AM "url: am:9093\n",
	  ":2: 'url' is 'am:9093', must be http://HOST:PORT or https://HOST:PORT" },
	{ AM "url: http:///x\n",
	  ":2: 'url' is 'http:///x', must be http://HOST:PORT or https://HOST:PORT" },
	{ AM "url: http://me:secret@am\n", ":2: 'url' has credentials in it, use 'basic_auth'" },
	{ AM "{ url: http://a }\n  - { url: http://a }\n", ":3: duplicate url" },
	{ AM "{ ulr: http://a }\n",
	  ":2: unknown key 'ulr' in 'alertmanagers', did you mean 'url'?" },
	{ AM "{}\n", ":2: missing key 'url' in 'alertmanagers'" },
	{ AM "url: http://a\n    basic_auth: { username: x }\n",
	  ":3: missing key 'password_file' in 'basic_auth'" },
	{ AM "url: http://a\n    basic_auth: { username: x, password_file: pw }\n",
	  ":3: 'password_file' is 'pw', must be an absolute path" },
	{ AM "url: http://a\n    tls: { ca_file: /ca }\n", ":3: 'tls' needs a url with https://" },
	{ AM "url: https://a\n    tls: { cert_file: /c }\n",
	  ":3: 'cert_file' and 'key_file' need each other" },
	{ "commands: [ { command: [ page ] } ]\n",
	  ":1: 'page' must be an absolute path: no shell and no search path is used" },
	{ "commands: [ { command: [] } ]\n", ":1: 'command' has no entry" },
	{ "webhooks: [ { url: http://x, severity: page+ } ]\n",
	  ":1: 'severity' is 'page+', must be page or warning or info" },
	{ "commands: [ { command: /x, timeout: 6m } ]\n",
	  ":1: 'timeout' is '6m', must be a duration from 100ms to 5m" },
	{ "alert_labels: { 1a: x }\n",
	  ":1: '1a' in 'alert_labels' is no name of letters, digits and _" },
	{ "alert_labels:\n  a: x\n  a: y\n", ":3: duplicate key 'a'" },
	{ "alert_labels: { a: }\n", ":1: 'a' has no value" },
	{ "events: { file: events.jsonl }\n",
	  ":1: 'file' is 'events.jsonl', must be an absolute path" },
	{ "events: { max_size: 1KiB }\n",
	  ":1: 'max_size' is '1KiB', must be a size such as 64MiB, at least 64KiB" },
	{ "events: { journald: maybe }\n", ":1: 'journald' is 'maybe', must be auto or on or off" },
	{ "data_dir: x\n", ":1: 'data_dir' is 'x', must be an absolute path" },
	{ EXPECT "from: 2026-11-26T12:00:00Z\n",
	  ":2: 'expect' needs either 'from' and 'to', or 'daily'" },
	{ EXPECT "daily: 01:00-02:00\n    to: 2026-11-26T12:00:00Z\n",
	  ":2: 'expect' needs either 'from' and 'to', or 'daily'" },
	{ EXPECT "from: 2026-11-26T12:00:00Z\n    to: 2026-11-26T12:00:00Z\n",
	  ":5: 'to' is not later than 'from'" },
	{ EXPECT "from: tomorrow\n",
	  ":4: 'from' is 'tomorrow', must be a time such as 2026-11-26T02:00:00Z" },
	{ EXPECT "daily: 02:00-25:00\n",
	  ":4: 'daily' is '02:00-25:00', must be a part of the day in UTC such as \"02:00-04:00\"" },
	{ EXPECT "daily: 02:00-02:00\n",
	  ":4: 'daily' is '02:00-02:00', must be a part of the day in UTC such as \"02:00-04:00\"" },
	{ "expect: [ { match: {}, daily: 01:00-02:00, reason: x } ]\n",
	  ":1: 'match' is empty: it would expect every alert; write { alertname: \"*\" } for that" },
	{ "expect: [ { match: { a: b }, daily: 01:00-02:00 } ]\n",
	  ":1: missing key 'reason' in 'expect'" },
};

static void error_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(error_rows) / sizeof(*error_rows); i++)
		error_check(error_rows[i].text, strlen(error_rows[i].text), error_rows[i].expected);
}

/* --- what a reload would change */

static void change_add(void *ctx, const char *key, const char *from, const char *to, bool live)
{
	buf_printf(ctx, "%s%s: %s -> %s\n", live ? "" : "restart ", key, from, to);
}

static void compare_test(void **state)
{
	struct conf *a = conf_of("alertmanagers: [ { url: http://a:1 } ]\n"
				 "commands: [ { command: [ /x, 'a b' ] } ]\n");
	struct conf *b = conf_of(
		"alertmanagers: [ { url: 'https://a:1', tls: { ca_file: /ca } } ]\n"
		"data_dir: /data\n"
		"alert_labels: { team: a }\n"
		"expect: [ { match: { service: \"*\" }, daily: 01:00-02:00, reason: it's, },\n"
		"          { match: { a: b }, from: 2026-11-26T12:00:00Z, to: 2026-11-26T12:00:01Z, reason: r } ]\n"
		"events: { file: off, keep: 9 }\n");
	struct buf changes = { 0 };

	(void)state;
	conf_compare(a, b, change_add, &changes);
	assert_string_equal(
		buf_cstr(&changes),
		"restart data_dir: /var/lib/seismo -> /data\n"
		"alertmanagers: [ { url: http://a:1 } ] -> [ { url: https://a:1, tls: { ca_file: /ca } } ]\n"
		"commands: [ { command: [ /x, \"a b\" ] } ] -> none\n"
		"alert_labels: none -> { team: a }\n"
		"expect: none -> [ { match: { service: \"*\" }, daily: \"01:00-02:00\", reason: \"it's\" }, "
		"{ match: { a: b }, from: 2026-11-26T12:00:00Z, to: 2026-11-26T12:00:01Z, reason: r } ]\n"
		"restart events.file: /var/log/seismo/events.jsonl -> off\n"
		"events.keep: 8 -> 9\n");
	buf_reset(&changes);
	conf_keep_fixed(b, a);
	assert_string_equal(b->data_dir, "/var/lib/seismo");
	assert_string_equal(b->events.file, "/var/log/seismo/events.jsonl");
	conf_compare(b, b, change_add, &changes);
	assert_int_equal(changes.len, 0);
	buf_release(&changes);
	conf_free(a);
	conf_free(b);
}

/* From and to none, too. */
static void web_test(void **state)
{
	struct conf *none = conf_of(""), *a = conf_of("web: /a.yml\n"),
		    *b = conf_of("web: /b.yml\n");
	struct buf changes = { 0 };

	(void)state;
	conf_compare(none, a, change_add, &changes);
	conf_compare(a, b, change_add, &changes);
	conf_compare(b, none, change_add, &changes);
	assert_string_equal(buf_cstr(&changes), "web: none -> /a.yml\n"
						"web: /a.yml -> /b.yml\n"
						"web: /b.yml -> none\n");
	conf_keep_fixed(b, a);
	assert_string_equal(b->web_file, "/b.yml");
	conf_keep_fixed(b, none);
	assert_string_equal(b->web_file, "/b.yml");
	buf_release(&changes);
	conf_free(none);
	conf_free(a);
	conf_free(b);
}

/* What comes behind the host of a URL may be a secret: that it changes is told, not what it is. */
static void secret_test(void **state)
{
	struct conf *a = conf_of("webhooks: [ { url: 'http://h:1/token-a' } ]\n");
	struct conf *b = conf_of("webhooks: [ { url: 'http://h:1/token-b' } ]\n");
	struct buf changes = { 0 };

	(void)state;
	conf_compare(a, b, change_add, &changes);
	assert_non_null(strstr(buf_cstr(&changes), "webhooks: [ { url: http://h:1/..."));
	assert_null(strstr(buf_cstr(&changes), "token"));
	buf_release(&changes);
	conf_free(a);
	conf_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_test), cmocka_unit_test(others_test),
		cmocka_unit_test(expect_test),	cmocka_unit_test(error_test),
		cmocka_unit_test(compare_test), cmocka_unit_test(web_test),
		cmocka_unit_test(secret_test),
	};

	return cmocka_run_group_tests_name("target", tests, folder_make, folder_remove);
}
