// SPDX-License-Identifier: BSD-3-Clause
/* Modes and settings of probes, from the file and from the command line. */
#include "conf/probes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/suggest.h"

/* By enum probe_mode; a family without modes has only the first two. */
static const char *const switch_names[] = { "off", "on", NULL };

/* Suggests a family. */
static void hint_family(const struct conf *c, const char *word, struct buf *error)
{
	const char *names[CONF_ROWS_MAX + 1] = { NULL };

	for (unsigned i = 0; i < c->probe_cnt && i < CONF_ROWS_MAX; i++)
		names[i] = c->probes[i].family->name;
	suggest(error, word, names);
}

/* The family's mode of this name, or -1. */
static int mode_find(const struct conf_family *f, const char *text)
{
	const char *const *names = f->has_modes ? conf_mode_words : switch_names;

	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], text))
			return i;
	return switch_parse(text);
}

static void hint_mode(const struct conf_family *f, const char *word, struct buf *error)
{
	suggest(error, word, f->has_modes ? conf_mode_words : switch_names);
}

/* `row`: the family */
static int mode_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value, void *structure)
{
	const struct conf_family *family = f->row;
	const char *text = yaml_doc_text(value);
	int mode = text && *text ? mode_find(family, text) : -1;

	if (mode >= 0) {
		((struct conf_probe *)structure)->mode = (enum probe_mode)mode;
		return 0;
	}
	if (text && *text)
		yaml_doc_error(d, value, "'%.64s' is not a mode of '%s'", text, family->name);
	else
		yaml_doc_error(d, value, "'%s' must be a mode", family->name);
	hint_mode(family, text ?: "", d->error);
	return -EINVAL;
}

static const struct field_type field_mode = { .load = mode_load };

/* Its mode alone, or with settings: `full`, `{ mode: full, slow: 1ms }`. */
static int probe_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		      void *structure)
{
	struct conf_probe *p = conf_probe_find(structure, f->key);
	struct field fields[CONF_SETTINGS + 2] = { { "mode", &field_mode, 0, p->family } };
	unsigned cnt = 1;

	if (value->type != YAML_MAPPING_NODE) {
		p->mode_origin.line = (unsigned)value->start_mark.line + 1;
		return mode_load(d, &fields[0], value, p);
	}
	if (value->data.mapping.pairs.start == value->data.mapping.pairs.top)
		return yaml_doc_error(d, value, "missing key 'mode' in '%s'", f->key);
	p->mode_origin.line = yaml_doc_line(d, value, "mode");
	for (const struct setting *s = p->family->settings; s && s->name; s++) {
		p->origins[s->offset / sizeof(u64)].line = yaml_doc_line(d, value, s->name);
		fields[cnt++] =
			(struct field){ s->name, &field_setting,
					offsetof(struct conf_probe, settings) + s->offset, s };
	}
	return fields_load(d, f->key, value, fields, p);
}

static int probes_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		       void *structure)
{
	static const struct field_type field_probe = { .load = probe_load };
	struct field fields[CONF_ROWS_MAX + 1] = { 0 };
	const struct conf *c = structure;

	for (unsigned i = 0; i < c->probe_cnt && i < CONF_ROWS_MAX; i++)
		fields[i] = (struct field){ c->probes[i].family->name, &field_probe };
	return fields_load(d, f->key, value, fields, structure);
}

const struct field_type field_probes = { .load = probes_load };

static void all_set(const struct conf *c, enum probe_mode *modes, enum probe_mode mode)
{
	for (unsigned i = 0; i < c->probe_cnt; i++)
		modes[i] = mode;
}

/* Parses one item of the list: family, family=mode, all or none. Modifies the text. */
static int item_parse(const struct conf *c, enum probe_mode *modes, char *item, struct buf *error)
{
	char *mode_name = strchr(item, '=');
	struct conf_probe *p;
	int mode = PROBE_MODE_ON;

	if (!strcmp(item, "all") || !strcmp(item, "none")) {
		all_set(c, modes, *item == 'a' ? PROBE_MODE_ON : PROBE_MODE_OFF);
		return 0;
	}
	if (mode_name)
		*mode_name++ = '\0';
	p = conf_probe_find(c, item);
	if (!p) {
		buf_printf(error, "unknown probe '%.64s'", item);
		hint_family(c, item, error);
		return -EINVAL;
	}
	if (mode_name)
		mode = mode_find(p->family, mode_name);
	if (mode < 0) {
		buf_printf(error, "'%.64s' is not a mode of '%s'", mode_name, item);
		hint_mode(p->family, mode_name, error);
		return -EINVAL;
	}
	modes[p - c->probes] = (enum probe_mode)mode;
	return 0;
}

/* Do all items only switch families off? */
static bool list_only_off(const char *list)
{
	for (;;) {
		size_t len = strcspn(list, ",");

		if (len < 4 || strncmp(list + len - 4, "=off", 4) != 0)
			return false;
		if (!list[len])
			return true;
		list += len + 1;
	}
}

int conf_probes_parse(struct conf *c, const char *list, struct buf *error)
{
	enum probe_mode *modes = calloc(c->probe_cnt + 1, sizeof(*modes));
	char *copy = strdup(list), *rest = copy, *item;
	int err = modes && copy ? 0 : -ENOMEM;

	for (unsigned i = 0; !err && i < c->probe_cnt; i++)
		modes[i] = list_only_off(list) ? c->probes[i].mode : PROBE_MODE_OFF;
	while (!err && (item = strsep(&rest, ",")))
		err = item_parse(c, modes, item, error);
	for (unsigned i = 0; !err && i < c->probe_cnt; i++) {
		/* a list that only switches off leaves the others to the file */
		if (!list_only_off(list) || c->probes[i].mode != modes[i])
			c->probes[i].mode_origin = (struct conf_origin){ .option = "--probes" };
		c->probes[i].mode = modes[i];
	}
	free(copy);
	free(modes);
	return err;
}
