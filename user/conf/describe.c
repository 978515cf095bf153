// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "conf/describe.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/buf.h"

struct description {
	void (*each)(void *ctx, const struct conf_item *item);
	void *ctx;
	const char *file; /* of the configuration */
	struct buf key, value;
};

/* Of the key and the value that were written. */
static void item_tell(struct description *d, bool live, const struct conf_origin *origin)
{
	struct conf_item item = {
		.key = buf_cstr(&d->key),
		.value = buf_cstr(&d->value),
		.live = live,
		.option = origin->option,
	};

	if (!origin->option && origin->line) {
		item.file = d->file;
		item.line = origin->line;
	}
	d->each(d->ctx, &item);
	buf_reset(&d->key);
	buf_reset(&d->value);
}

static bool is_single(char *const *texts)
{
	return texts && texts[0] && !texts[1];
}

/* Also what is as by default, if it has a value then. */
static void describe_field(struct description *d, const struct conf_field *f, const struct conf *c)
{
	const struct field *field = &f->field;
	const char *const *text = (const void *)((const char *)c + field->offset);

	buf_printf(&d->key, "%s%s%s", f->section ?: "", f->section ? "." : "", field->key);
	if (field->type == &field_setting)
		setting_write(field->row, *(const u64 *)text, &d->value);
	else if ((field->type == &field_text || field->type == &field_text_or_off) && *text)
		yaml_text_write(*text, &d->value);
	else if (field->type == &field_texts && is_single(*(char *const *const *)text))
		yaml_text_write(**(char *const *const *)text, &d->value);
	else
		field->type->write(field, c, &d->value);
	item_tell(d, f->live, &c->origins[f - conf_fields]);
}

static void describe_buckets(struct description *d, const struct conf *c)
{
	static const struct setting bound = { .kind = SETTING_DURATION };

	buf_str(&d->key, conf_buckets.name);
	if (c->buckets != BUCKETS_LIST)
		setting_write(&conf_buckets, c->buckets, &d->value);
	for (unsigned i = 0; i < c->bucket_cnt; i++) {
		buf_str(&d->value, i ? ", " : "[");
		setting_write(&bound, c->bucket_ns[i], &d->value);
	}
	buf_str(&d->value, c->bucket_cnt ? "]" : "");
	item_tell(d, false, &c->buckets_origin);
}

static void describe_probe(struct description *d, const struct conf_probe *p)
{
	const char *name = p->family->name;

	buf_printf(&d->key, "probes.%s", name);
	buf_str(&d->value, conf_mode_words[p->mode]);
	item_tell(d, false, &p->mode_origin);
	for (const struct setting *s = p->family->settings; s && s->name; s++) {
		unsigned at = s->offset / sizeof(u64);

		buf_printf(&d->key, "probes.%s.%s", name, s->name);
		setting_write(s, p->settings[at], &d->value);
		item_tell(d, s->live, &p->origins[at]);
	}
}

/* Those of the files, which may be others than that of the configuration. */
static void describe_rule(struct description *d, const struct rule_conf *r)
{
	struct conf_origin origin = { .line = r->builtin ? 0 : r->line };

	d->file = r->file;
	if (r->switch_file) {
		d->file = r->switch_file;
		origin.line = r->switch_line;
	}
	buf_printf(&d->key, "rules.%s", r->alert);
	buf_printf(&d->value, "%s%s", r->builtin ? "built-in, " : "", r->off ? "off" : "on");
	item_tell(d, true, &origin);
	d->file = r->file;
	for (const struct field *f = rule_fields; f->key && !r->builtin; f++) {
		if (!strcmp(f->key, "alert") || !strcmp(f->key, "enabled"))
			continue;
		f->type->write(f, r, &d->value);
		if (!d->value.len)
			continue;
		buf_printf(&d->key, "rules.%s.%s", r->alert, f->key);
		item_tell(d, true, &(struct conf_origin){ .line = r->key_line[f - rule_fields] });
	}
}

void conf_describe(const struct conf *c, void (*each)(void *ctx, const struct conf_item *item),
		   void *ctx)
{
	struct description d = { each, ctx, c->file, { 0 }, { 0 } };

	for (const struct conf_field *f = conf_fields; f->field.key; f++)
		describe_field(&d, f, c);
	describe_buckets(&d, c);
	for (unsigned i = 0; i < c->probe_cnt; i++)
		describe_probe(&d, &c->probes[i]);
	for (unsigned i = 0; i < c->rule_cnt; i++)
		describe_rule(&d, c->rules[i]);
	buf_release(&d.key);
	buf_release(&d.value);
}

/* What one configuration says, to be compared with another. */
struct said {
	char *key, *value;
	bool live, seen;
	UT_hash_handle hh;
};

struct comparison {
	struct said *said; /* in order */
	struct buf told;
	void (*each)(void *ctx, const char *key, const char *from, const char *to, bool live);
	void *ctx;
};

/* Where a rule is new or has gone, nothing is said of its keys. */
static void change_tell(struct comparison *c, const char *key, const char *from, const char *to,
			bool live)
{
	size_t len = c->told.len;

	if (len && !strncmp(key, buf_cstr(&c->told), len) && key[len] == '.')
		return;
	buf_reset(&c->told);
	buf_str(&c->told, key);
	c->each(c->ctx, key, *from ? from : "none", *to ? to : "none", live);
}

static void said_free(struct said *said)
{
	free(said->key);
	free(said->value);
	free(said);
}

static void value_keep(void *ctx, const struct conf_item *item)
{
	struct said *said = calloc(1, sizeof(*said));
	struct comparison *c = ctx;

	if (!said)
		return;
	*said = (struct said){ strdup(item->key), strdup(item->value), item->live };
	if (said->key && said->value)
		HASH_ADD_KEYPTR(hh, c->said, said->key, strlen(said->key), said);
	if (!said->hh.tbl)
		said_free(said);
}

/* The event log may move, but its thread runs from the start or not at all. */
static bool is_switch(const char *key, const char *from, const char *to)
{
	return !strcmp(key, "events.file") && (!strcmp(from, "off") || !strcmp(to, "off"));
}

static void value_compare(void *ctx, const struct conf_item *item)
{
	struct comparison *c = ctx;
	struct said *said;

	HASH_FIND_STR(c->said, item->key, said);
	if (said)
		said->seen = true;
	if (!said || strcmp(said->value, item->value) != 0)
		change_tell(c, item->key, said ? said->value : "", item->value,
			    item->live &&
				    !is_switch(item->key, said ? said->value : "", item->value));
}

void conf_compare(const struct conf *a, const struct conf *b,
		  void (*each)(void *ctx, const char *key, const char *from, const char *to,
			       bool live),
		  void *ctx)
{
	struct comparison c = { .each = each, .ctx = ctx };
	struct said *said, *next;

	conf_describe(a, value_keep, &c);
	conf_describe(b, value_compare, &c);
	HASH_ITER(hh, c.said, said, next) {
		if (!said->seen)
			change_tell(&c, said->key, said->value, "",
				    said->live && !is_switch(said->key, said->value, ""));
		HASH_DEL(c.said, said);
		said_free(said);
	}
	buf_release(&c.told);
}
