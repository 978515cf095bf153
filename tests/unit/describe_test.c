// SPDX-License-Identifier: BSD-3-Clause
/* What a configuration says, what has set it, and what of that a reload leaves; the reference of its keys. */
#include "conf.h"

#include "conf/describe.h"
#include "conf/probes.h"
#include "conf/reference.h"
#include "conf/rules.h"

struct settings {
	u64 fixed, live;
};

static const struct setting settings[] = {
	{ "fixed", SETTING_COUNT, offsetof(struct settings, fixed), .initial = 1, .max = 100 },
	{ "live", SETTING_COUNT, offsetof(struct settings, live), .initial = 2, .max = 100,
	  .live = true, .help = "What it is." },
	{ .name = NULL },
};

static const struct conf_family known[] = {
	{ "syscall", true, NULL, "system calls" },
	{ "request", false, settings, "requests" },
	{ .name = NULL },
};
const struct conf_family *const conf_families = known;

static void item_write(void *ctx, const struct conf_item *item)
{
	const char *name = item->file ? strrchr(item->file, '/') : NULL;

	if (item->option)
		buf_printf(ctx, "%s=%s %s\n", item->key, item->value, item->option);
	else if (item->file)
		buf_printf(ctx, "%s=%s %s:%u\n", item->key, item->value,
			   name ? name + 1 : item->file, item->line);
}

/* What is not as built in. */
static void said_check(const struct conf *c, const char *expected)
{
	struct buf said = { 0 };

	conf_describe(c, item_write, &said);
	assert_string_equal(buf_cstr(&said), expected);
	buf_release(&said);
}

static void origin_test(void **state)
{
	struct conf *c = conf_of("listen: 127.0.0.1:1\n"
				 "probes:\n"
				 "  syscall: full\n"
				 "  request: {\n"
				 "    live: 7,\n"
				 "    mode: off }\n"
				 "limits: { series: 2000,\n"
				 "  services: 1 }\n"
				 "buckets: [1ms, 2ms]\n");

	(void)state;
	said_check(c, "listen=127.0.0.1:1 seismo.yaml:1\n"
		      "limits.services=1 seismo.yaml:8\n"
		      "limits.series=2000 seismo.yaml:7\n"
		      "buckets=[1ms, 2ms] seismo.yaml:9\n"
		      "probes.syscall=full seismo.yaml:3\n"
		      "probes.request=off seismo.yaml:6\n"
		      "probes.request.live=7 seismo.yaml:5\n");
	conf_free(c);
	c = conf_of("");
	said_check(c, "");
	conf_free(c);
}

static void option_test(void **state)
{
	struct conf *c = conf_of("interval: 1s\nprobes: { request: off }\n");
	struct buf error = { 0 };

	(void)state;
	conf_origin_option(c, "interval", "--interval");
	conf_origin_option(c, "series", "--nothing"); /* it is not at the top */
	assert_int_equal(conf_probes_parse(c, "request=off", &error), 0);
	said_check(c, "interval=1s --interval\nprobes.request=off seismo.yaml:2\n");
	assert_int_equal(conf_probes_parse(c, "syscall=off", &error), 0);
	said_check(c, "interval=1s --interval\nprobes.syscall=off --probes\n"
		      "probes.request=off seismo.yaml:2\n");
	assert_int_equal(conf_probes_parse(c, "request", &error), 0);
	said_check(c, "interval=1s --interval\nprobes.syscall=off --probes\n"
		      "probes.request=on --probes\n");
	assert_int_equal(conf_probes_parse(c, "none,bad", &error), -EINVAL);
	said_check(c, "interval=1s --interval\nprobes.syscall=off --probes\n"
		      "probes.request=on --probes\n");
	buf_release(&error);
	conf_free(c);
}

static void rules_test(void **state)
{
	static const char builtin[] = "rules:\n"
				      "  - { alert: A, metric: m, value: rate, above: 1 }\n"
				      "  - { alert: B, metric: m, value: rate, above: 1 }\n";
	struct conf *c = conf_of("rules:\n"
				 "  - alert: Mine\n"
				 "    metric: m\n"
				 "\n"
				 "    value: rate\n"
				 "    above: 3\n"
				 "  - alert: A\n"
				 "    enabled: off\n");
	struct buf error = { 0 };

	(void)state;
	assert_int_equal(rules_add_builtin(c, builtin, sizeof(builtin) - 1, &error), 0);
	said_check(c, "rules.Mine=on seismo.yaml:2\n"
		      "rules.Mine.metric=m seismo.yaml:3\n"
		      "rules.Mine.value=rate seismo.yaml:5\n"
		      "rules.Mine.above=3 seismo.yaml:6\n"
		      "rules.A=built-in, off seismo.yaml:7\n");
	conf_free(c);
	buf_release(&error);
}

static void reload_test(void **state)
{
	struct conf *now = conf_of("\n\ndata_dir: /d\ninterval: 2s\nbuckets: fine\n"
				   "probes: { syscall: full, request: { fixed: 3, live: 4 } }\n"
				   "events: { file: off }\n");
	struct conf *next = conf_of("interval: 3s\nevents: { file: /e }\n"
				    "probes: { request: { fixed: 5, live: 6 } }\n");

	(void)state;
	conf_keep_fixed(next, now);
	said_check(next, "data_dir=/d seismo.yaml:3\n"
			 "interval=3s seismo.yaml:1\n"
			 "events.file=off seismo.yaml:7\n"
			 "buckets=fine seismo.yaml:5\n"
			 "probes.syscall=full seismo.yaml:6\n"
			 "probes.request.fixed=3 seismo.yaml:6\n"
			 "probes.request.live=6 seismo.yaml:3\n");
	conf_free(now);
	/* the file has gone, what cannot change is still from it */
	now = next;
	next = conf_default(conf_families);
	assert_non_null(next);
	conf_keep_fixed(next, now);
	conf_free(now);
	said_check(next, "data_dir=/d seismo.yaml:3\n"
			 "events.file=off seismo.yaml:7\n"
			 "buckets=fine seismo.yaml:5\n"
			 "probes.syscall=full seismo.yaml:6\n"
			 "probes.request.fixed=3 seismo.yaml:6\n");
	conf_free(next);
}

static void key_check(void *ctx, const struct conf_key *key)
{
	unsigned *cnt = ctx;

	(*cnt)++;
	if (!*key->help && strcmp(key->key, "fixed") != 0)
		fail_msg("%s.%s has no help", key->path, key->key);
	if (!key->in_list && *key->accepts && !*key->initial && !key->example)
		fail_msg("%s.%s has neither a default nor an example", key->path, key->key);
}

static void reference_test(void **state)
{
	unsigned cnt = 0;

	(void)state;
	conf_reference(conf_families, key_check, &cnt);
	assert_in_range(cnt, 80, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origin_test),	  cmocka_unit_test(option_test),
		cmocka_unit_test(rules_test),	  cmocka_unit_test(reload_test),
		cmocka_unit_test(reference_test),
	};

	return cmocka_run_group_tests_name("describe", tests, folder_make, folder_remove);
}
