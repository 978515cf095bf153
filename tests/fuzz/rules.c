// SPDX-License-Identifier: BSD-3-Clause
/*
 * Files of rules: no crash, one line for whatever is refused, what is written of a rule is the same rule again, and what is
 * exported for Prometheus is YAML.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"
#include "rule/rule_file.h"

/* Adds the rules of a text; false: it is refused. */
static bool rules_add(struct conf *c, const char *text, size_t len)
{
	struct buf error = { 0 };
	int err = rules_add_builtin(c, text, len, &error);

	if (!err != !error.len || (error.len && memchr(error.data, '\n', error.len)))
		abort();
	buf_release(&error);
	return !err;
}

static void rules_write(const struct conf *c, struct buf *out)
{
	buf_str(out, "rules:\n");
	for (unsigned i = 0; i < c->rule_cnt; i++) {
		struct buf rule = { 0 };

		rule_write(c->rules[i], &rule);
		buf_printf(out, "  - { alert: %s, %s\n", c->rules[i]->alert, buf_cstr(&rule) + 1);
		buf_release(&rule);
	}
}

static bool is_ascii(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if ((unsigned char)b->data[i] > 0x7f)
			return false;
	return true;
}

static struct conf *conf_new(void)
{
	static const struct conf_family none[] = { { .name = NULL } };
	struct conf *c = conf_default(none);

	if (!c)
		abort();
	return c;
}

static const struct metric *metric_of(const char *name)
{
	static const struct metric rows[] = {
		{ "m_total", METRIC_COUNTER },
		{ "m", METRIC_GAUGE, .largest = true },
		{ "m_seconds", METRIC_HISTOGRAM, UNIT_SECONDS, .labels = { { "a" }, { "b" } } },
	};

	return *name == 'x' ? NULL : &rows[strlen(name) % 3];
}

/* What is for Prometheus is YAML as well. */
static void rules_export(const struct conf *c)
{
	const struct rule_file file = { (const struct rule_conf *const *)c->rules, c->rule_cnt,
					5000000000, metric_of };
	struct buf out = { 0 }, error = { 0 };
	struct yaml_doc d;

	rule_file_write(&file, &out);
	if (yaml_doc_load(&d, "exported", out.data, out.len, &error))
		abort();
	yaml_doc_release(&d);
	buf_release(&out);
	buf_release(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = { 0 }, first = { 0 }, second = { 0 };
	struct conf *c = conf_new(), *again = conf_new();

	/* any text, or what may follow the beginning of a rule */
	if (size && data[0] != 'r')
		buf_str(&text, "rules:\n  - alert: A\n    metric: m\n    value: rate\n    ");
	buf_add(&text, data, size);
	if (rules_add(c, buf_cstr(&text), text.len)) {
		rules_write(c, &first);
		rules_export(c);
	}
	/* beyond ASCII there is what YAML wants to be escaped */
	if (c->rule_cnt && is_ascii(&first)) {
		if (!rules_add(again, buf_cstr(&first), first.len))
			abort();
		rules_write(again, &second);
		if (strcmp(buf_cstr(&first), buf_cstr(&second)) != 0)
			abort();
	}
	buf_release(&text);
	buf_release(&first);
	buf_release(&second);
	conf_free(c);
	conf_free(again);
	return 0;
}
