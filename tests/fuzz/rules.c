// SPDX-License-Identifier: BSD-3-Clause
/* Files of rules: no crash, one line for whatever is refused, and what is written of a rule is the same rule again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = { 0 }, first = { 0 }, second = { 0 };
	struct conf *c = conf_new(), *again = conf_new();

	/* any text, or what may follow the beginning of a rule */
	if (size && data[0] != 'r')
		buf_str(&text, "rules:\n  - alert: A\n    metric: m\n    value: rate\n    ");
	buf_add(&text, data, size);
	if (rules_add(c, buf_cstr(&text), text.len))
		rules_write(c, &first);
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
