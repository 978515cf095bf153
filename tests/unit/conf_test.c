// SPDX-License-Identifier: BSD-3-Clause
#include "conf.h"

#include "conf/probes.h"

struct request_settings {
	u64 quota, status, peer, wait, names;
};

static const char *const status_words[] = { "code", "class", NULL };

static const struct setting request_settings[] = {
	{ "status", SETTING_ENUM, offsetof(struct request_settings, status),
	  .words = status_words },
	{ "peer", SETTING_BOOL, offsetof(struct request_settings, peer), .initial = 1 },
	{ "wait", SETTING_DURATION, offsetof(struct request_settings, wait), .min = 1000000000,
	  .max = 3600000000000, .can_be_off = true },
	{ "quota", SETTING_SIZE, offsetof(struct request_settings, quota), .initial = 4096,
	  .min = 512, .max = 1 << 30 },
	{ "names", SETTING_PATTERNS, offsetof(struct request_settings, names), .can_be_off = true },
	{ .name = NULL },
};

static const struct conf_family known[] = {
	{ "syscall", true },  { "block", false },
	{ "tcp", true },      { "request", false, request_settings },
	{ "process", false }, { .name = NULL },
};
#define KNOWN 5

const struct conf_family *const conf_families = known;

static void settings_check(const struct conf *c, struct request_settings expected)
{
	const struct request_settings *s = conf_probe_settings(c, "request");

	assert_memory_equal(s, &expected, sizeof(expected));
}

static void default_check(struct conf *c)
{
	assert_string_equal(c->listen[0], "127.0.0.1:9469");
	assert_null(c->listen[1]);
	assert_null(c->socket);
	assert_int_equal(c->service_cnt, 0);
	assert_int_equal(c->probe_cnt, KNOWN);
	for (unsigned i = 0; i < KNOWN; i++)
		assert_int_equal(conf_probe_mode(c, known[i].name), PROBE_MODE_ON);
	assert_int_equal(conf_probe_mode(c, "core"), PROBE_MODE_ON);
	settings_check(c, (struct request_settings){ .quota = 4096, .peer = 1 });
	assert_int_equal(c->limits.services, 1024);
	assert_int_equal(c->limits.series, 50000);
	assert_int_equal(c->limits.memory_bytes, 64 << 20);
	assert_int_equal(c->interval_ns, 5000000000);
	assert_int_equal(c->limits.forget_after_ns, 3600000000000);
	assert_int_equal(c->short_commands, SHORT_COMMANDS_FOLD);
	assert_int_equal(c->buckets, BUCKETS_DEFAULT);
	assert_int_equal(c->bucket_cnt, 0);
	assert_string_equal(c->data_dir, "/var/lib/seismo");
	assert_int_equal(c->alert_resend_ns, 60000000000);
	assert_null(c->external_url);
	assert_int_equal(c->builtin_rules, 1);
	assert_null(c->includes);
	assert_int_equal(c->rule_cnt + c->alertmanager_cnt + c->webhook_cnt + c->command_cnt +
				 c->alert_label_cnt + c->expect_cnt,
			 0);
	assert_string_equal(c->events.file, "/var/log/seismo/events.jsonl");
	assert_int_equal(c->events.max_size_bytes, 64 << 20);
	assert_int_equal(c->events.keep, 8);
	assert_int_equal(c->events.journald, JOURNALD_AUTO);
	conf_free(c);
}

static void default_test(void **state)
{
	static const char *const nothing[] = { "", "# only this\n", "---\n", "{}\n", "\n\n\n" };

	(void)state;
	default_check(conf_default(known));
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
		default_check(conf_of(nothing[i]));
	conf_free(NULL);
}

static void patterns_check(const char *text, const char *pattern, const char *written)
{
	const struct setting *s = &request_settings[4];
	struct conf *c = conf_of(text), *again = conf_of(text);
	const struct request_settings *settings = conf_probe_settings(c, "request"),
				      *others = conf_probe_settings(again, "request");
	struct buf out = { 0 };

	assert_int_equal(settings->names, others->names);
	if (pattern)
		assert_string_equal(setting_pattern(settings->names), pattern);
	else
		assert_int_equal(settings->names, 0);
	setting_write(s, settings->names, &out);
	assert_string_equal(buf_cstr(&out), written);
	buf_release(&out);
	conf_free(c);
	conf_free(again);
}

static void patterns_test(void **state)
{
	(void)state;
	patterns_check("probes: { request: { names: off } }\n", NULL, "off");
	patterns_check("probes: { request: { names: 'a*' } }\n", "a*", "[ \"a*\" ]");
	patterns_check("probes: { request: { names: [ a, 'b \"c\"' ] } }\n", "a|b \"c\"",
		       "[ \"a\", \"b \\\"c\\\"\" ]");
}

static void full_test(void **state)
{
	struct conf *c = conf_of("listen: [ '[::1]:80', unix:/x ]\n"
				 "socket: /run/x.sock\n"
				 "services:\n"
				 "  - name: checkout\n"
				 "    match: { cgroup: \"*/checkout*.service\" }\n"
				 "  - name: \"a \\\"b\\\" \\\\ c\"\n"
				 "    match: { exe: java, command: '*-jar app*', port: 8080 }\n"
				 "probes:\n"
				 "  syscall: { mode: full }\n"
				 "  block: off\n"
				 "  tcp: true\n"
				 "  request: { status: class, peer: off, wait: 5m, quota: 2KiB }\n"
				 "limits: { services: 16, series: 1000, memory: 8MiB,\n"
				 "          forget_after: 5m }\n"
				 "interval: 250ms\n"
				 "short_commands: name\n"
				 "buckets: [ 500us, 10ms, 2s ]\n");

	(void)state;
	assert_string_equal(c->listen[0], "[::1]:80");
	assert_string_equal(c->listen[1], "unix:/x");
	assert_null(c->listen[2]);
	assert_string_equal(c->socket, "/run/x.sock");
	assert_int_equal(c->service_cnt, 2);
	assert_string_equal(c->services[0].name, "checkout");
	assert_string_equal(c->services[0].match.cgroup, "*/checkout*.service");
	assert_null(c->services[0].match.exe);
	assert_int_equal(c->services[0].match.port, 0);
	assert_string_equal(c->services[1].name, "a \"b\" \\ c");
	assert_string_equal(c->services[1].match.exe, "java");
	assert_string_equal(c->services[1].match.command, "*-jar app*");
	assert_int_equal(c->services[1].match.port, 8080);
	settings_check(c, (struct request_settings){ 2048, 1, 0, 300000000000 });
	assert_int_equal(conf_probe_mode(c, "request"), PROBE_MODE_ON);
	assert_int_equal(conf_probe_mode(c, "syscall"), PROBE_MODE_FULL);
	assert_int_equal(conf_probe_mode(c, "block"), PROBE_MODE_OFF);
	assert_int_equal(conf_probe_mode(c, "tcp"), PROBE_MODE_ON);
	assert_int_equal(conf_probe_mode(c, "process"), PROBE_MODE_ON);
	assert_int_equal(c->limits.services, 16);
	assert_int_equal(c->limits.series, 1000);
	assert_int_equal(c->limits.memory_bytes, 8 << 20);
	assert_int_equal(c->interval_ns, 250000000);
	assert_int_equal(c->limits.forget_after_ns, 300000000000);
	assert_int_equal(c->short_commands, SHORT_COMMANDS_NAME);
	assert_int_equal(c->buckets, BUCKETS_LIST);
	assert_int_equal(c->bucket_cnt, 3);
	assert_int_equal(c->bucket_ns[0], 500000);
	assert_int_equal(c->bucket_ns[2], 2000000000);
	conf_free(c);
}

/* What is written for a value is read back as the same. */
static void setting_test(void **state)
{
	static const struct {
		const struct setting *setting;
		u64 value;
		const char *text;
	} rows[] = {
		{ &request_settings[0], 1, "class" },
		{ &request_settings[1], 0, "off" },
		{ &request_settings[2], 0, "off" },
		{ &request_settings[2], 1500000000, "1500ms" },
		{ &request_settings[2], 120000000000, "2m" },
		{ &request_settings[3], 1025, "1025" },
		{ &request_settings[3], 3 << 20, "3MiB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf text = { 0 };
		u64 value = 77;

		setting_write(rows[i].setting, rows[i].value, &text);
		assert_string_equal(buf_cstr(&text), rows[i].text);
		assert_int_equal(setting_parse(rows[i].setting, buf_cstr(&text), &value), 0);
		assert_int_equal(value, rows[i].value);
		buf_release(&text);
	}
}

static void section_test(void **state)
{
	struct conf *c = conf_of("probes: { syscall: sampled }\n");

	(void)state;
	assert_int_equal(conf_probe_mode(c, "syscall"), PROBE_MODE_SAMPLED);
	conf_free(c);
	c = conf_of("services: []\nlimits: {}\nprobes: {}\n");
	default_check(c);
}

#define TOP_KEYS                                                                                     \
	"(known: listen, web, socket, data_dir, interval, short_commands, services, builtin_rules, " \
	"include, alertmanagers, webhooks, commands, alert_labels, "                                 \
	"alert_resend, external_url, expect, buckets, probes, "                                      \
	"limits, events, log, rules)"

#define S "services:\n  - name: a\n    match: "

static const struct {
	const char *text, *expected;
} error_rows[] = {
	/* keys */
	{ "lisen: x\n", ":1: unknown key 'lisen', did you mean 'listen'?" },
	{ "# c\nlisten: a:1\nwhat: x\n", ":3: unknown key 'what' " TOP_KEYS },
	{ "rule: []\n", ":1: unknown key 'rule', did you mean 'rules'?" },
	{ "events: { maxsize: 1MiB }\n",
	  ":1: unknown key 'maxsize' in 'events', did you mean 'max_size'?" },
	{ "limits:\n  services: 5\n  memry: 64MiB\n",
	  ":3: unknown key 'memry' in 'limits', did you mean 'memory'?" },
	{ S "{ cgrup: x }\n", ":3: unknown key 'cgrup' in 'match', did you mean 'cgroup'?" },
	{ "services:\n  - name: a\n    mtach: 5\n",
	  ":3: unknown key 'mtach' in 'services', did you mean 'match'?" },
	{ "probes:\n  blok: on\n", ":2: unknown key 'blok' in 'probes', did you mean 'block'?" },
	{ "probes:\n  syscall: { mod: full }\n",
	  ":2: unknown key 'mod' in 'syscall', did you mean 'mode'?" },
	{ "probes:\n  request: { peers: on }\n",
	  ":2: unknown key 'peers' in 'request', did you mean 'peer'?" },
	{ "probes:\n  request: { status: on }\n", ":2: 'status' is 'on', must be code or class" },
	{ "probes:\n  request:\n    peer: maybe\n", ":3: 'peer' is 'maybe', must be off or on" },
	{ "probes:\n  request: { peer: }\n", ":2: 'peer' has no value" },
	{ "probes:\n  request: { wait: 500ms }\n",
	  ":2: 'wait' is '500ms', must be a duration from 1s to 1h, or off" },
	{ "probes:\n  request: { quota: off }\n",
	  ":2: 'quota' is 'off', must be a size from 512 to 1GiB" },
	{ "probes:\n  block: full\n", ":2: 'full' is not a mode of 'block' (known: off, on)" },
	{ "probes:\n  request: { peer: on, peer: off }\n", ":2: duplicate key 'peer'" },
	{ "probes:\n  tcp: { peer: on }\n", ":2: unknown key 'peer' in 'tcp' (known: mode)" },
	{ "listen: a:1\n\nlisten: b:1\n", ":3: duplicate key 'listen'" },
	{ "probes:\n  tcp: on\n  tcp: off\n", ":3: duplicate key 'tcp'" },
	{ "probes:\n  tcp: { mode: full, mode: full }\n", ":2: duplicate key 'mode'" },
	{ "? [a]\n: b\n", ":1: a key must be a plain word" },
	{ "probes:\n  ? {a: b}\n  : c\n", ":2: a key must be a plain word" },
	{ "services:\n  - match: { exe: a }\n", ":2: missing key 'name' in 'services'" },
	{ "services:\n  - name: a\n", ":2: missing key 'match' in 'services'" },
	{ "\"li\\nsten\": x\n", ":1: unknown key 'li?sten', did you mean 'listen'?" },
	/* types */
	{ "- a\n", ":1: the file must hold 'key: value' pairs" },
	{ "5\n", ":1: the file must hold 'key: value' pairs" },
	{ "limits: 5\n", ":1: 'limits' must hold 'key: value' pairs" },
	{ "services: 5\n", ":1: 'services' must be a list" },
	{ "services:\n", ":1: 'services' must be a list" },
	{ "services:\n  -\n", ":2: 'services' must hold 'key: value' pairs" },
	{ "probes: [ tcp ]\n", ":1: 'probes' must hold 'key: value' pairs" },
	{ "listen: [ a ]\n",
	  ":1: 'listen' is 'a', must be ADDR:PORT such as 127.0.0.1:9469, unix:PATH, or none" },
	{ "listen: [ unix:a ]\n",
	  ":1: 'listen' is 'unix:a', must be ADDR:PORT such as 127.0.0.1:9469, unix:PATH, or none" },
	{ "listen: []\n", ":1: 'listen' has no entry" },
	{ "data_dir: [ a ]\n", ":1: 'data_dir' must be a single value of plain text" },
	{ "listen:\n", ":1: 'listen' has no value" },
	/* values */
	{ "socket: api.sock\n",
	  ":1: 'socket' is 'api.sock', must be an absolute path of at most 107 bytes" },
	{ "listen: localhost\n",
	  ":1: 'listen' is 'localhost', must be ADDR:PORT such as 127.0.0.1:9469, unix:PATH, or none" },
	{ "listen: ':99999'\n",
	  ":1: 'listen' is ':99999', must be ADDR:PORT such as 127.0.0.1:9469, unix:PATH, or none" },
	{ "limits:\n  memory: 64MB\n",
	  ":2: 'memory' is '64MB', must be a size such as 64MiB, at least 8MiB" },
	{ "limits:\n  memory: 1MiB\n",
	  ":2: 'memory' is '1MiB', must be a size such as 64MiB, at least 8MiB" },
	{ "limits: { series: 63 }\n",
	  ":1: 'series' is '63', must be an integer from 1000 to 1000000" },
	{ "limits: { services: 16385 }\n",
	  ":1: 'services' is '16385', must be an integer from 1 to 16384" },
	{ "limits:\n\n  cpu_percent: 1\n",
	  ":3: unknown key 'cpu_percent' in 'limits' (known: services, series, memory, forget_after)" },
	{ "interval: 99ms\n", ":1: 'interval' is '99ms', must be a duration from 100ms to 1m" },
	{ "interval: 61s\n", ":1: 'interval' is '61s', must be a duration from 100ms to 1m" },
	{ "short_commands: yes\n", ":1: 'short_commands' is 'yes', must be fold or name" },
	{ "buckets: many\n",
	  ":1: 'buckets' is 'many', must be default or fine, or a list of durations such as [10ms, 100ms, 1s]" },
	{ "buckets: []\n",
	  ":1: 'buckets' is '', must be default or fine, or a list of durations such as [10ms, 100ms, 1s]" },
	{ "buckets:\n  - 1ms\n  - 1ms\n", ":3: 'buckets' must increase, '1ms' does not" },
	{ "buckets: [ 1ms, 2 ]\n",
	  ":1: a bound of 'buckets' is '2', must be a duration from 1us to 64s" },
	{ "buckets: [ 1ms, 65s ]\n",
	  ":1: a bound of 'buckets' is '65s', must be a duration from 1us to 64s" },
	{ "buckets: [ [1ms] ]\n",
	  ":1: a bound of 'buckets' is '', must be a duration from 1us to 64s" },
	{ "limits: { forget_after: 5 }\n",
	  ":1: 'forget_after' is '5', must be a duration such as 1h" },
	{ S "{ port: 0 }\n", ":3: 'port' is '0', must be an integer from 1 to 65535" },
	{ S "{ port: 65536 }\n", ":3: 'port' is '65536', must be an integer from 1 to 65535" },
	{ S "{ port: 010 }\n", ":3: 'port' is '010', must be an integer from 1 to 65535" },
	{ S "{ port: http }\n", ":3: 'port' is 'http', must be an integer from 1 to 65535" },
	{ "services:\n  - name: ''\n    match: { exe: a }\n", ":2: 'name' has no value" },
	{ "probes:\n  syscall: { mode: ful }\n",
	  ":2: 'ful' is not a mode of 'syscall', did you mean 'full'?" },
	{ "probes:\n  block:\n", ":2: 'block' must be a mode (known: off, on)" },
	{ "probes:\n  syscall: {}\n", ":2: missing key 'mode' in 'syscall'" },
	/* contradictions */
	{ S "{}\n", ":2: service 'a' has no condition: it needs cgroup, exe, command or port" },
	{ S "{ exe: x }\n  - name: a\n    match: { exe: x }\n", ":4: duplicate service 'a'" },
	{ S "{ exe: x }\n  - name: b\n    match: { exe: x }\n",
	  ":4: service 'b' can never match: 'a' before it has the same conditions" },
	/* documents */
	{ "a: &x [1]\nb: *x\n", ":2: aliases (*name) are not supported" },
	{ "listen: a:1\n---\nlisten: b:1\n", ":2: a second document: a file can have only one" },
	{ "probes: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\n", ":1: nested too deeply" },
	{ "\n\tlisten: x\n", ":2: while scanning for the next token, found character that "
			     "cannot start any token" },
	{ "a:\n  - {b\nc: d\n",
	  ":3: while parsing a flow mapping, did not find expected ',' or '}'" },
	{ "\nlisten: \xff\n", ":2: invalid leading UTF-8 octet" },
};

static void error_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(error_rows) / sizeof(*error_rows); i++)
		error_check(error_rows[i].text, strlen(error_rows[i].text), error_rows[i].expected);
	error_check("listen: \"a\\0b:1\"\n", 17,
		    ":1: 'listen' must be a single value of plain text");
}

/* A service may come twice as long as one of its rules can still match something else. */
static void services_test(void **state)
{
	struct conf *c = conf_of(S "{ exe: x }\n  - name: a\n    match: { exe: y }\n");

	(void)state;
	assert_int_equal(c->service_cnt, 2);
	conf_free(c);
}

static void file_error_check(const char *name, int expected, const char *what)
{
	struct buf error = { 0 };
	struct conf *c;
	int err = conf_load(&c, name, known, &error);

	assert_int_equal(err, expected);
	assert_string_equal(buf_cstr(&error) + strlen(name), what);
	buf_release(&error);
}

static void file_test(void **state)
{
	char *big = malloc((10 << 20) + 1);

	(void)state;
	assert_non_null(big);
	memset(big, '#', 10 << 20);
	file_write(big, 10 << 20);
	file_error_check(path, -EFBIG, ": larger than 1 MiB");
	file_write(big, 1 << 20);
	big[1 << 20] = '\0';
	default_check(conf_of(big));
	free(big);
	file_error_check("/nonexistent/seismo.yaml", -ENOENT, ": No such file or directory");
	file_error_check("/tmp", -EISDIR, ": Is a directory");
	file_error_check("/dev/null", -EINVAL, ": not a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	file_error_check(path, -EINVAL, ": not a regular file");
	assert_int_equal(unlink(path), 0);
}

static void long_test(void **state)
{
	struct buf text = { 0 }, expected = { 0 };

	(void)state;
	buf_str(&text, "services:\n  - name: ");
	for (int i = 0; i < 256; i++)
		buf_char(&text, 'n');
	buf_str(&text, "\n    match: { exe: a }\n");
	error_check(buf_cstr(&text), text.len, ":2: 'name' is longer than 255 bytes");
	buf_reset(&text);
	buf_str(&text, "? ");
	for (int i = 0; i < 900; i++)
		buf_str(&text, "long");
	buf_printf(&expected, ":1: unknown key '%.64s' " TOP_KEYS, buf_cstr(&text) + 2);
	buf_str(&text, "\n: x\n");
	error_check(buf_cstr(&text), text.len, buf_cstr(&expected));
	buf_release(&text);
	buf_release(&expected);
}

static void services_max_test(void **state)
{
	struct buf text = { 0 };

	(void)state;
	buf_str(&text, "services:\n");
	for (int i = 0; i < 1025; i++)
		buf_printf(&text, "  - { name: s%d, match: { port: %d } }\n", i, i + 1);
	error_check(buf_cstr(&text), text.len, ":2: 'services' has more than 1024 entries");
	buf_release(&text);
}

static void buckets_max_test(void **state)
{
	struct buf text = { 0 };

	(void)state;
	buf_str(&text, "buckets:\n");
	for (int i = 1; i <= CONF_BUCKETS + 1; i++)
		buf_printf(&text, "  - %dms\n", i);
	error_check(buf_cstr(&text), text.len, ":34: 'buckets' has more than 32 entries");
	buf_release(&text);
}

static void list_check(const char *list, const enum probe_mode *modes, const char *message)
{
	struct buf error = { 0 };
	struct conf *c = conf_of("probes: { tcp: full }\n");

	assert_int_equal(conf_probes_parse(c, list, &error), modes ? 0 : -EINVAL);
	assert_string_equal(buf_cstr(&error), message);
	for (int i = 0; modes && known[i].name; i++)
		assert_int_equal(conf_probe_mode(c, known[i].name), modes[i]);
	if (!modes)
		assert_int_equal(conf_probe_mode(c, "tcp"), PROBE_MODE_FULL);
	buf_release(&error);
	conf_free(c);
}

static void list_test(void **state)
{
	const enum probe_mode OFF = PROBE_MODE_OFF, ON = PROBE_MODE_ON, COUNT = PROBE_MODE_COUNT,
			      FULL = PROBE_MODE_FULL;
#define MODES(...) ((const enum probe_mode[]){ __VA_ARGS__ })

	(void)state;
	list_check("block,tcp", MODES(OFF, ON, ON, OFF, OFF), "");
	list_check("syscall=count,block", MODES(COUNT, ON, OFF, OFF, OFF), "");
	list_check("all", MODES(ON, ON, ON, ON, ON), "");
	list_check("none", MODES(OFF, OFF, OFF, OFF, OFF), "");
	list_check("all,syscall=off", MODES(OFF, ON, ON, ON, ON), "");
	list_check("syscall=off", MODES(OFF, ON, FULL, ON, ON), "");
	list_check("syscall=off,block=off", MODES(OFF, OFF, FULL, ON, ON), "");
	list_check("syscall=off,block", MODES(OFF, ON, OFF, OFF, OFF), "");
	list_check("syscall=off,", NULL,
		   "unknown probe '' (known: syscall, block, tcp, request, process)");
	list_check("blok", NULL, "unknown probe 'blok', did you mean 'block'?");
	list_check("", NULL, "unknown probe '' (known: syscall, block, tcp, request, process)");
	list_check("block,", NULL,
		   "unknown probe '' (known: syscall, block, tcp, request, process)");
	list_check("syscall=cuont", NULL,
		   "'cuont' is not a mode of 'syscall', did you mean 'count'?");
	list_check("block=full", NULL, "'full' is not a mode of 'block' (known: off, on)");
	list_check("syscall=", NULL,
		   "'' is not a mode of 'syscall' (known: off, on, count, sampled, full)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_test),	    cmocka_unit_test(full_test),
		cmocka_unit_test(patterns_test),    cmocka_unit_test(section_test),
		cmocka_unit_test(error_test),	    cmocka_unit_test(services_test),
		cmocka_unit_test(long_test),	    cmocka_unit_test(services_max_test),
		cmocka_unit_test(buckets_max_test), cmocka_unit_test(list_test),
		cmocka_unit_test(file_test),	    cmocka_unit_test(setting_test),
	};

	return cmocka_run_group_tests_name("conf", tests, folder_make, folder_remove);
}
