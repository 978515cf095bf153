// SPDX-License-Identifier: BSD-3-Clause
#include "conf/field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/suggest.h"

static void *member(const struct field *f, const void *structure)
{
	return (char *)structure + f->offset;
}

int key_unknown(struct yaml_doc *d, const char *name, const yaml_node_t *key,
		const char *const *known)
{
	const char *text = yaml_doc_text(key);

	if (!text)
		return yaml_doc_error(d, key, "a key must be a plain word");
	yaml_doc_error(d, key, "unknown key '%.64s'%s%s%s", text, *name ? " in '" : "", name,
		       *name ? "'" : "");
	suggest(d->error, text, known);
	return -EINVAL;
}

int value_wrong(struct yaml_doc *d, const char *key, const yaml_node_t *value, const char *expected)
{
	return yaml_doc_error(d, value, "'%s' is '%.64s', must be %s", key,
			      yaml_doc_text(value) ?: "", expected);
}

const char *value_text(struct yaml_doc *d, const char *key, const yaml_node_t *value, unsigned max)
{
	const char *text = yaml_doc_text(value);

	if (!text)
		yaml_doc_error(d, value, "'%s' must be a single value of plain text", key);
	else if (!*text)
		yaml_doc_error(d, value, "'%s' has no value", key);
	else if (strlen(text) > max)
		yaml_doc_error(d, value, "'%s' is longer than %u bytes", key, max);
	else
		return text;
	return NULL;
}

static int list_check(struct yaml_doc *d, const char *key, const yaml_node_t *value, unsigned max)
{
	if (value->type != YAML_SEQUENCE_NODE)
		return yaml_doc_error(d, value, "'%s' must be a list", key);
	if (value->data.sequence.items.top - value->data.sequence.items.start > max)
		return yaml_doc_error(d, value, "'%s' has more than %u entries", key, max);
	return 0;
}

static int mapping_check(struct yaml_doc *d, const char *name, const yaml_node_t *node)
{
	if (node->type == YAML_MAPPING_NODE)
		return 0;
	return yaml_doc_error(d, node, "%s%s%s must hold 'key: value' pairs", *name ? "'" : "",
			      *name ? name : "the file", *name ? "'" : "");
}

/* --- texts */

int path_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
	       const char *text)
{
	return *text == '/' ? 0 : value_wrong(d, f->key, value, "an absolute path");
}

static int text_keep(struct yaml_doc *d, const struct field *f, const yaml_node_t *value, char **to)
{
	const char *text = value_text(d, f->key, value, f->max ?: CONF_TEXT_MAX);

	if (!text || (f->check && f->check(d, f, value, text)))
		return -EINVAL;
	free(*to);
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

static int text_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value, void *structure)
{
	return text_keep(d, f, value, member(f, structure));
}

/* 127.0.0.1:9469 and URLs are no mappings, and unlike 12:30 no numbers of YAML 1.1. */
static bool is_plain(const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-:";
	size_t len = strlen(text);

	if (!len || text[strspn(text, plain)])
		return false;
	return !strchr(text, ':') || (*text != ':' && text[len - 1] != ':' && strpbrk(text, "./"));
}

void yaml_text_write(const char *text, struct buf *out)
{
	if (is_plain(text)) {
		buf_str(out, text);
		return;
	}
	buf_char(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_char(out, '\\');
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			buf_printf(out, "\\x%02x", (unsigned char)*text);
		else
			buf_char(out, *text);
	}
	buf_char(out, '"');
}

static void text_field_write(const struct field *f, const void *structure, struct buf *out)
{
	const char *const *text = member(f, structure);

	if (!*text || (f->row && !strcmp(*text, f->row)))
		return;
	if (f->show)
		f->show(*text, out);
	else
		yaml_text_write(*text, out);
}

static void text_init(const struct field *f, void *structure)
{
	char **text = member(f, structure);

	*text = f->row ? strdup(f->row) : NULL;
}

static void text_release(const struct field *f, void *structure)
{
	char **text = member(f, structure);

	free(*text);
	*text = NULL;
}

const struct field_type field_text = { text_load, text_field_write, text_init, text_release,
				       "text" };

static int text_or_off_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			    void *structure)
{
	const char *text = yaml_doc_text(value);

	if (!text || switch_parse(text))
		return text_load(d, f, value, structure);
	text_release(f, structure);
	return 0;
}

static void text_or_off_write(const struct field *f, const void *structure, struct buf *out)
{
	if (*(char *const *)member(f, structure))
		text_field_write(f, structure, out);
	else
		buf_str(out, "off");
}

const struct field_type field_text_or_off = { text_or_off_load, text_or_off_write, text_init,
					      text_release, "text, or off" };

static void texts_init(const struct field *f, void *structure)
{
	char ***list = member(f, structure);

	*list = f->row ? calloc(2, sizeof(**list)) : NULL;
	if (*list)
		(*list)[0] = strdup(f->row);
}

static void texts_release(const struct field *f, void *structure)
{
	char ***list = member(f, structure);

	for (size_t i = 0; *list && (*list)[i]; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
}

static int texts_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		      void *structure)
{
	char ***list = member(f, structure);
	const yaml_node_item_t *item;
	int err = 0;

	texts_release(f, structure);
	if (value->type == YAML_SCALAR_NODE) {
		*list = calloc(2, sizeof(**list));
		return *list ? text_keep(d, f, value, &(*list)[0]) : -ENOMEM;
	}
	err = list_check(d, f->key, value, CONF_LIST_MAX);
	if (err)
		return err;
	item = value->data.sequence.items.start;
	if (item == value->data.sequence.items.top)
		return yaml_doc_error(d, value, "'%s' has no entry", f->key);
	*list = calloc((size_t)(value->data.sequence.items.top - item) + 1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	for (size_t i = 0; item < value->data.sequence.items.top && !err; item++, i++)
		err = text_keep(d, f, yaml_doc_node(d, *item), &(*list)[i]);
	return err;
}

static void texts_write(const struct field *f, const void *structure, struct buf *out)
{
	char *const *list = *(char ***)member(f, structure);

	if (!list)
		return;
	buf_char(out, '[');
	for (size_t i = 0; list[i]; i++) {
		buf_str(out, i ? ", " : " ");
		yaml_text_write(list[i], out);
	}
	buf_str(out, " ]");
}

const struct field_type field_texts = { texts_load, texts_write, texts_init, texts_release,
					"a text or a list of texts" };

/* --- numbers and words */

/* A list of patterns is one pattern of alternatives. */
static int patterns_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			 void *structure)
{
	const yaml_node_item_t *item = value->data.sequence.items.start;
	struct buf all = { 0 };
	const char *text = "";
	int err = list_check(d, f->key, value, CONF_LIST_MAX);

	for (; !err && text && item < value->data.sequence.items.top; item++) {
		text = value_text(d, f->key, yaml_doc_node(d, *item), CONF_TEXT_MAX);
		buf_printf(&all, "%s%s", all.len ? "|" : "", text ?: "");
	}
	if (!err && text && setting_parse(f->row, buf_cstr(&all), member(f, structure)))
		err = yaml_doc_error(d, value, "'%s' has no entry", f->key);
	buf_release(&all);
	return text ? err : -EINVAL;
}

static int setting_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			void *structure)
{
	const struct setting *s = f->row;
	struct buf accepted = { 0 };
	const char *text;

	if (s->kind == SETTING_PATTERNS && value->type == YAML_SEQUENCE_NODE)
		return patterns_load(d, f, value, structure);
	text = value_text(d, f->key, value, CONF_TEXT_MAX);

	if (!text)
		return -EINVAL;
	if (!setting_parse(f->row, text, member(f, structure)))
		return 0;
	setting_accepts(f->row, &accepted);
	value_wrong(d, f->key, value, buf_cstr(&accepted));
	buf_release(&accepted);
	return -EINVAL;
}

static void setting_field_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct setting *s = f->row;
	const u64 *value = member(f, structure);

	if (*value != s->initial)
		setting_write(s, *value, out);
}

static void setting_init(const struct field *f, void *structure)
{
	*(u64 *)member(f, structure) = ((const struct setting *)f->row)->initial;
}

const struct field_type field_setting = { setting_load, setting_field_write, setting_init, NULL };

static int switch_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		       void *structure)
{
	const char *text = value_text(d, f->key, value, CONF_TEXT_MAX);
	int on = text ? switch_parse(text) : 0;

	if (!text)
		return -EINVAL;
	if (on < 0)
		return value_wrong(d, f->key, value, "off or on");
	*(bool *)member(f, structure) = on != (f->type == &field_switch_off);
	return 0;
}

static void switch_write(const struct field *f, const void *structure, struct buf *out)
{
	if (*(const bool *)member(f, structure))
		buf_str(out, f->type == &field_switch_off ? "off" : "on");
}

const struct field_type field_switch = { switch_load, switch_write, NULL, NULL, "off or on" };
const struct field_type field_switch_off = { switch_load, switch_write, NULL, NULL, "off or on" };

static int word_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value, void *structure)
{
	const struct setting words = { .kind = SETTING_ENUM, .words = f->row };
	u64 word = 0;
	const struct field number = { f->key, &field_setting, 0, &words };
	int err = setting_load(d, &number, value, &word);

	if (!err)
		*(int *)member(f, structure) = (int)word;
	return err;
}

static void word_write(const struct field *f, const void *structure, struct buf *out)
{
	buf_str(out, ((const char *const *)f->row)[*(const int *)member(f, structure)]);
}

const struct field_type field_word = { word_load, word_write, NULL, NULL };

/* --- mappings */

static const struct field *field_find(const struct field *fields, const char *key)
{
	for (; key && fields->key; fields++)
		if (!strcmp(fields->key, key))
			return fields;
	return NULL;
}

static int field_unknown(struct yaml_doc *d, const char *name, const yaml_node_t *key,
			 const struct field *fields)
{
	const char *names[CONF_ROWS_MAX + 1] = { NULL };

	for (unsigned i = 0; i < CONF_ROWS_MAX && fields[i].key; i++)
		names[i] = fields[i].key;
	return key_unknown(d, name, key, names);
}

int fields_load(struct yaml_doc *d, const char *name, yaml_node_t *node, const struct field *fields,
		void *structure)
{
	int err = mapping_check(d, name, node);
	unsigned seen = 0;

	if (err)
		return err;
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = yaml_doc_node(d, p->key);
		const struct field *f = field_find(fields, yaml_doc_text(key));

		if (!f)
			return field_unknown(d, name, key, fields);
		if (seen & 1U << (f - fields))
			return yaml_doc_error(d, key, "duplicate key '%s'", f->key);
		seen |= 1U << (f - fields);
		err = f->type->load(d, f, yaml_doc_node(d, p->value), structure);
		if (err)
			return err;
	}
	for (const struct field *f = fields; f->key; f++)
		if (f->required && !(seen & 1U << (f - fields)))
			return yaml_doc_error(d, node, "missing key '%s' in '%s'", f->key, name);
	return 0;
}

void fields_init(const struct field *fields, void *structure)
{
	for (const struct field *f = fields; f->key; f++)
		if (f->type->init)
			f->type->init(f, structure);
}

void fields_write(const struct field *fields, const void *structure, struct buf *out)
{
	bool any = false;

	buf_char(out, '{');
	for (const struct field *f = fields; f->key; f++) {
		size_t before = out->len, begin;

		buf_printf(out, "%s%s: ", any ? ", " : " ", f->key);
		begin = out->len;
		f->type->write(f, structure, out);
		if (out->len == begin)
			out->len = before;
		else
			any = true;
	}
	buf_str(out, any ? " }" : "}");
}

void fields_release(const struct field *fields, void *structure)
{
	for (const struct field *f = fields; f->key; f++)
		if (f->type->release)
			f->type->release(f, structure);
}

static int mapping_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			void *structure)
{
	return fields_load(d, f->key, value, f->row, member(f, structure));
}

static void mapping_write(const struct field *f, const void *structure, struct buf *out)
{
	size_t begin = out->len;

	fields_write(f->row, member(f, structure), out);
	if (out->len == begin + 2) /* {} */
		out->len = begin;
}

static void mapping_init(const struct field *f, void *structure)
{
	fields_init(f->row, member(f, structure));
}

static void mapping_release(const struct field *f, void *structure)
{
	fields_release(f->row, member(f, structure));
}

const struct field_type field_mapping = { mapping_load, mapping_write, mapping_init,
					  mapping_release };

/* --- lists */

static unsigned *list_cnt(const struct field *f, const void *structure)
{
	return (unsigned *)((char *)structure + ((const struct field_list *)f->row)->cnt_offset);
}

static int list_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value, void *structure)
{
	const struct field_list *l = f->row;
	unsigned *cnt = list_cnt(f, structure);
	char **elements = member(f, structure);
	int err = list_check(d, f->key, value, f->max ?: CONF_LIST_MAX);

	if (err)
		return err;
	*elements =
		calloc((size_t)(value->data.sequence.items.top - value->data.sequence.items.start) +
			       1,
		       l->size);
	if (!*elements)
		return -ENOMEM;
	for (const yaml_node_item_t *item = value->data.sequence.items.start;
	     item < value->data.sequence.items.top && !err; item++) {
		yaml_node_t *node = yaml_doc_node(d, *item);
		unsigned i = (*cnt)++;

		fields_init(l->fields, *elements + i * l->size);
		err = fields_load(d, f->key, node, l->fields, *elements + i * l->size);
		if (!err && l->check)
			err = l->check(d, node, *elements, i);
	}
	return err;
}

static void list_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct field_list *l = f->row;
	const char *elements = *(char **)member(f, structure);

	for (unsigned i = 0; i < *list_cnt(f, structure); i++) {
		buf_str(out, i ? ", " : "[ ");
		fields_write(l->fields, elements + i * l->size, out);
	}
	buf_str(out, *list_cnt(f, structure) ? " ]" : "");
}

static void list_release(const struct field *f, void *structure)
{
	const struct field_list *l = f->row;
	char **elements = member(f, structure);
	unsigned *cnt = list_cnt(f, structure);

	for (unsigned i = 0; i < *cnt; i++)
		fields_release(l->fields, *elements + i * l->size);
	free(*elements);
	*elements = NULL;
	*cnt = 0;
}

const struct field_type field_list = { list_load, list_write, .release = list_release };

/* --- names and texts */

bool is_label_name(const char *text)
{
	return *text && strchr("0123456789", *text) == NULL &&
	       !text[strspn(text,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")];
}

static int pair_load(struct yaml_doc *d, const char *name, const yaml_node_pair_t *from,
		     struct rule_pair *pairs, unsigned i)
{
	const yaml_node_t *key = yaml_doc_node(d, from->key),
			  *value = yaml_doc_node(d, from->value);
	const char *label = yaml_doc_text(key), *text = yaml_doc_text(value);

	if (!label || !is_label_name(label))
		return yaml_doc_error(d, key, "'%.64s' in '%s' is no name of letters, digits and _",
				      label ?: "", name);
	for (unsigned before = 0; before < i; before++)
		if (!strcmp(pairs[before].key, label))
			return yaml_doc_error(d, key, "duplicate key '%.64s'", label);
	/* "" has a meaning, nothing has none */
	if (!text || *text || value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		text = value_text(d, label, value, CONF_TEXT_MAX);
	if (!text)
		return -EINVAL;
	pairs[i] = (struct rule_pair){ strdup(label), strdup(text),
				       (unsigned)key->start_mark.line + 1 };
	return pairs[i].key && pairs[i].value ? 0 : -ENOMEM;
}

static int pairs_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		      void *structure)
{
	struct rule_pair **pairs = member(f, structure);
	unsigned *cnt = list_cnt(f, structure);
	int err = mapping_check(d, f->key, value);
	const yaml_node_pair_t *from;

	if (err)
		return err;
	from = value->data.mapping.pairs.start;
	if (value->data.mapping.pairs.top - from > CONF_LIST_MAX)
		return yaml_doc_error(d, value, "'%s' has more than %d entries", f->key,
				      CONF_LIST_MAX);
	*pairs = calloc((size_t)(value->data.mapping.pairs.top - from) + 1, sizeof(**pairs));
	if (!*pairs)
		return -ENOMEM;
	for (; from < value->data.mapping.pairs.top && !err; from++, (*cnt)++)
		err = pair_load(d, f->key, from, *pairs, *cnt);
	return err;
}

static void pairs_write(const struct field *f, const void *structure, struct buf *out)
{
	const struct rule_pair *pairs = *(struct rule_pair **)member(f, structure);

	for (unsigned i = 0; i < *list_cnt(f, structure); i++) {
		buf_printf(out, "%s%s: ", i ? ", " : "{ ", pairs[i].key);
		yaml_text_write(pairs[i].value, out);
	}
	buf_str(out, *list_cnt(f, structure) ? " }" : "");
}

static void pairs_release(const struct field *f, void *structure)
{
	struct rule_pair **pairs = member(f, structure);
	unsigned *cnt = list_cnt(f, structure);

	for (unsigned i = 0; i < *cnt; i++) {
		free((*pairs)[i].key);
		free((*pairs)[i].value);
	}
	free(*pairs);
	*pairs = NULL;
	*cnt = 0;
}

const struct field_type field_pairs = { pairs_load, pairs_write, .release = pairs_release,
					"{ NAME: TEXT, ... }" };
