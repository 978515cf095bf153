// SPDX-License-Identifier: BSD-3-Clause
/* A diagnosis as people read it, on one screen. */
#include <string.h>

#include "diagnose/diagnosis.h"
#include "lib/utf8.h"
#include "rule/text.h"

#define INDENT	    7 /* columns of the word at the beginning */
#define CAUSES_TOLD 3
#define NOTES_TOLD  3

static const char *string_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

/* Characters, not bytes. */
static size_t columns(const char *text, size_t len)
{
	size_t cnt = 0;

	for (size_t i = 0; i < len; i++)
		cnt += (text[i] & 0xc0) != 0x80;
	return cnt;
}

/* A word at the beginning, and the text behind it, broken into lines between words. What is in names rules no terminal. */
static void paragraph_at(struct buf *out, size_t indent, const char *word, const char *unclean)
{
	struct buf clean = { 0 };
	const char *text;
	size_t at = indent;

	if (!*unclean)
		return;
	utf8_printable(&clean, unclean);
	text = buf_cstr(&clean);
	buf_printf(out, "%-*s", (int)indent, word);
	while (*text) {
		size_t len = strcspn(text, " "), wide = columns(text, len);

		if (at > indent && at + 1 + wide > DIAGNOSIS_COLUMNS) {
			buf_printf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			buf_char(out, ' ');
			at++;
		}
		buf_add(out, text, len);
		at += wide;
		text += len;
		/* blanks of the text itself separate what is beside each other */
		while (*text == ' ' && text[1] == ' ') {
			buf_char(out, ' ');
			at++;
			text++;
		}
		text += *text == ' ';
	}
	buf_char(out, '\n');
	buf_release(&clean);
}

static void paragraph(struct buf *out, const char *word, const char *text)
{
	paragraph_at(out, INDENT, word, text);
}

static void paragraph_take(struct buf *out, const char *word, struct buf *text)
{
	paragraph(out, word, buf_cstr(text));
	buf_release(text);
}

/* "a, because of b, because of c" */
static void chain_write(struct buf *out, const json_t *cause)
{
	const json_t *chain = json_object_get(cause, "chain");
	size_t cnt = json_array_size(chain);
	struct buf text = { 0 };

	if (cnt < 3)
		return;
	for (size_t i = 0; i + 1 < cnt; i++)
		buf_printf(&text, "%s%s %s of %s", i ? ", " : "",
			   json_string_value(json_array_get(chain, i)),
			   i ? "because" : "suffers because",
			   json_string_value(json_array_get(chain, i + 1)));
	paragraph_take(out, "", &text);
}

static void victims_write(struct buf *out, const json_t *cause)
{
	const json_t *victim;
	struct buf text = { 0 };
	size_t i = 0;

	json_array_foreach(json_object_get(cause, "victims"), i, victim)
		buf_printf(&text, "%s%s", i ? ", " : "victims: ", string_of(victim, "service"));
	paragraph_take(out, "", &text);
}

static void time_write(struct buf *out, const json_t *cause)
{
	const char *of = string_of(cause, "time_of");
	const json_t *part;
	struct buf text = { 0 };
	bool idle = false;
	size_t i = 0;

	json_array_foreach(json_object_get(cause, "time"), i, part) idle |=
		!strcmp(string_of(part, "part"), "idle");
	if (!*of)
		return;
	buf_printf(&text, "%s, of each second%s:", of, idle ? "" : " that a request is under way");
	json_array_foreach(json_object_get(cause, "time"), i, part)
	{
		const char *name = string_of(part, "part"), *what = string_of(part, "of");

		buf_str(&text, i ? "   " : " ");
		for (const char *c = name; *c; c++)
			buf_char(&text, *c == '_' ? ' ' : *c);
		buf_printf(&text, "%s%s ", *what ? " " : "", what);
		quantity_write(&text, QUANTITY_PERCENT,
			       json_number_value(json_object_get(part, "ratio")));
	}
	paragraph_take(out, "TIME", &text);
}

static void do_write(struct buf *out, const json_t *cause)
{
	const json_t *one;
	size_t i = 0;

	json_array_foreach(json_object_get(cause, "do"), i, one)
	{
		struct buf text = { 0 };

		buf_printf(&text, "%zu. %s", i + 1, json_string_value(one));
		paragraph_take(out, i ? "" : "DO", &text);
	}
}

static void not_write(struct buf *out, const json_t *cause)
{
	const char *runner_up = string_of(cause, "runner_up"), *ruled_out = string_of(cause, "not");
	struct buf text = { 0 };

	paragraph(out, "NOT", ruled_out);
	if (*runner_up)
		buf_printf(&text, "runner-up %s", runner_up);
	paragraph_take(out, *ruled_out ? "" : "NOT", &text);
}

/* The first metric of its figures, and how many sections there are in all. */
static void figures_write(struct buf *out, const json_t *cause)
{
	const json_t *figures = json_object_get(cause, "figures"), *section;
	struct buf text = { 0 };
	size_t i = 0;

	buf_printf(&text, "sure: %s", string_of(cause, "sure"));
	json_array_foreach(figures, i, section)
	{
		const char *key;
		const json_t *value, *labels = json_object_get(section, "labels");
		size_t cnt = 0;

		if (!*string_of(section, "metric"))
			continue;
		buf_printf(&text, "   figures: %s{", string_of(section, "metric"));
		json_object_foreach((json_t *)labels, key, value)
			buf_printf(&text, "%s%s=\"%s\"", cnt++ ? "," : "", key,
				   json_string_value(value));
		buf_printf(&text, "} and %zu more (--format json)", json_array_size(figures) - 1);
		break;
	}
	paragraph_take(out, "", &text);
}

static void cause_write(struct buf *out, const json_t *cause)
{
	struct buf text = { 0 };

	buf_printf(&text, "%s: %s", string_of(cause, "kind"), string_of(cause, "text"));
	paragraph_take(out, "CAUSE", &text);
	chain_write(out, cause);
	victims_write(out, cause);
	if (*string_of(cause, "changed"))
		buf_printf(&text, "changed: %s", string_of(cause, "changed"));
	paragraph_take(out, "", &text);
	not_write(out, cause);
	time_write(out, cause);
	do_write(out, cause);
	figures_write(out, cause);
}

void diagnosis_write(struct buf *out, const json_t *doc)
{
	const char *verdict = string_of(doc, "verdict");
	const json_t *causes = json_object_get(doc, "causes"), *one;
	struct buf text = { 0 };
	size_t i = 0;

	json_array_foreach(json_object_get(doc, "unknown"), i, one)
	{
		buf_printf(&text, "unknown: %s", json_string_value(one));
		paragraph_at(out, 0, "", buf_cstr(&text));
		buf_reset(&text);
	}
	buf_printf(&text, "%s%s%s", strcmp(verdict, "wrong") ? verdict : "",
		   strcmp(verdict, "wrong") ? ": " : "", string_of(doc, "summary"));
	paragraph_at(out, 0, "", buf_cstr(&text));
	json_array_foreach(causes, i, one)
	{
		if (i == CAUSES_TOLD)
			break;
		buf_char(out, '\n');
		cause_write(out, one);
	}
	if (json_array_size(causes) > CAUSES_TOLD)
		buf_printf(out, "\nand %zu more causes (--format json)\n",
			   json_array_size(causes) - CAUSES_TOLD);
	json_array_foreach(json_object_get(doc, "notes"), i, one)
	{
		if (i == NOTES_TOLD)
			break;
		buf_reset(&text);
		buf_printf(&text, "note: %s", json_string_value(one));
		buf_str(out, i ? "" : "\n");
		paragraph_at(out, 0, "", buf_cstr(&text));
	}
	buf_release(&text);
}
