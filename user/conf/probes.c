// SPDX-License-Identifier: BSD-3-Clause
/* Modes and settings of probes, from the file and from the command line. */
#include "conf/probes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/suggest.h"
#include "conf/yaml_doc.h"
#include "lib/buf.h"

/* By enum probe_mode; a family without modes has only the first two. */
static const char *const switch_names[] = { "off", "on", NULL };

#define KEYS_MAX 16

/* Suggests a family. */
static void hint_family(const struct conf *c, const char *word, struct buf *error)
{
	const char *names[KEYS_MAX + 1] = { NULL };

	for (unsigned i = 0; i < c->probe_cnt && i < KEYS_MAX; i++)
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

static int mode_load(struct yaml_doc *d, struct conf_probe *p, const yaml_node_t *node)
{
	const char *text = yaml_doc_text(node);
	int mode = text && *text ? mode_find(p->family, text) : -1;

	if (mode >= 0) {
		p->mode = (enum probe_mode)mode;
		return 0;
	}
	if (text && *text)
		yaml_doc_error(d, node, "'%.64s' is not a mode of '%s'", text, p->family->name);
	else
		yaml_doc_error(d, node, "'%s' must be a mode", p->family->name);
	hint_mode(p->family, text ? text : "", d->error);
	return -EINVAL;
}

static int setting_load(struct yaml_doc *d, struct conf_probe *p, const struct setting *s,
			const yaml_node_t *node)
{
	const char *text = yaml_doc_text(node);
	struct buf accepted = { 0 };

	if (text && !setting_parse(s, text, &p->settings[s->offset / sizeof(u64)]))
		return 0;
	setting_accepts(s, &accepted);
	yaml_doc_error(d, node, "'%s' is '%.64s', must be %s", s->name, text ? text : "",
		       buf_cstr(&accepted));
	buf_release(&accepted);
	return -EINVAL;
}

static const struct setting *setting_find(const struct conf_family *f, const char *name)
{
	for (const struct setting *s = f->settings; s && s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static int setting_unknown(struct yaml_doc *d, const struct conf_family *f, const yaml_node_t *key)
{
	const char *keys[KEYS_MAX + 1] = { "mode" };
	unsigned cnt = 1;

	for (const struct setting *s = f->settings; s && s->name && cnt < KEYS_MAX; s++)
		keys[cnt++] = s->name;
	return key_unknown(d, f->name, key, keys);
}

static int key_load(struct yaml_doc *d, struct conf_probe *p, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_doc_node(d, pair->key);
	const yaml_node_t *value = yaml_doc_node(d, pair->value);
	const char *text = yaml_doc_text(key);
	const struct setting *s = text ? setting_find(p->family, text) : NULL;

	if (text && !strcmp(text, "mode"))
		return mode_load(d, p, value);
	return s ? setting_load(d, p, s, value) : setting_unknown(d, p->family, key);
}

/* Does an earlier pair have the same key? */
static bool key_repeats(struct yaml_doc *d, const yaml_node_pair_t *first,
			const yaml_node_pair_t *pair)
{
	const char *text = yaml_doc_text(yaml_doc_node(d, pair->key));

	for (const yaml_node_pair_t *p = first; p < pair && text; p++) {
		const char *before = yaml_doc_text(yaml_doc_node(d, p->key));

		if (before && !strcmp(text, before))
			return true;
	}
	return false;
}

/* Reads `{ mode: full }`. */
static int mapping_load(struct yaml_doc *d, struct conf_probe *probe, const yaml_node_t *node)
{
	const yaml_node_pair_t *first = node->data.mapping.pairs.start;
	const yaml_node_pair_t *end = node->data.mapping.pairs.top;

	if (first == end)
		return yaml_doc_error(d, node, "missing key 'mode' in '%s'", probe->family->name);
	for (const yaml_node_pair_t *p = first; p < end; p++) {
		const yaml_node_t *key = yaml_doc_node(d, p->key);
		int err = key_repeats(d, first, p) ? yaml_doc_error(d, key, "duplicate key '%.64s'",
								    yaml_doc_text(key))
						   : key_load(d, probe, p);

		if (err)
			return err;
	}
	return 0;
}

static int probe_load(struct conf *c, struct yaml_doc *d, const yaml_node_pair_t *first,
		      const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_doc_node(d, pair->key);
	const yaml_node_t *value = yaml_doc_node(d, pair->value);
	const char *text = yaml_doc_text(key);
	struct conf_probe *p = text ? conf_probe_find(c, text) : NULL;

	if (!text)
		return yaml_doc_error(d, key, "a key must be a plain word");
	if (!p) {
		yaml_doc_error(d, key, "unknown probe '%.64s'", text);
		hint_family(c, text, d->error);
		return -EINVAL;
	}
	if (key_repeats(d, first, pair))
		return yaml_doc_error(d, key, "duplicate key '%s'", text);
	return value->type == YAML_MAPPING_NODE ? mapping_load(d, p, value)
						: mode_load(d, p, value);
}

int probes_load(struct conf *c, struct yaml_doc *d, const yaml_node_t *probes)
{
	int err = 0;

	if (probes->type != YAML_MAPPING_NODE)
		return yaml_doc_error(d, probes, "'probes' must hold 'key: value' pairs");
	for (const yaml_node_pair_t *p = probes->data.mapping.pairs.start;
	     p < probes->data.mapping.pairs.top && !err; p++)
		err = probe_load(c, d, probes->data.mapping.pairs.start, p);
	return err;
}

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
	for (unsigned i = 0; !err && i < c->probe_cnt; i++)
		c->probes[i].mode = modes[i];
	free(copy);
	free(modes);
	return err;
}
