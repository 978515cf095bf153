// SPDX-License-Identifier: BSD-3-Clause
/* Which probes run and how, from the file and from the command line. */
#include "conf/probes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/suggest.h"
#include "lib/buf.h"

/* By probe_mode. */
static const char *const mode_names[] = { "off", "on", "count", "sampled", "full", NULL };
/* What tools that write YAML make of on and off. */
static const char *const bool_names[] = { "false", "true", NULL };

/* By conf_option. */
static const struct option {
	const char *probe, *key;
	const char *values[8]; /* ends with NULL */
} options[CONF_OPTIONS] = {
	[CONF_REQUEST_STATUS] = { "request", "status", { "code", "class" } },
	[CONF_REQUEST_PEER] = { "request", "peer", { "off", "on" } },
	[CONF_REQUEST_LONG_POLL] = { "request",
				     "long_poll",
				     { "off", "1s", "5s", "10s", "20s", "30s", "60s" } },
};

static int name_find(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

static struct conf_probe *probe_find(const struct conf *c, const char *name)
{
	for (unsigned i = 0; i < c->probe_cnt; i++)
		if (!strcmp(c->probes[i].name, name))
			return &c->probes[i];
	return NULL;
}

enum probe_mode conf_probe_mode(const struct conf *c, const char *name, enum probe_mode otherwise)
{
	const struct conf_probe *p = probe_find(c, name);

	return p ? p->mode : otherwise;
}

/* Adds a probe or changes the one of this name. */
static int probe_set(struct conf *c, const char *name, enum probe_mode mode)
{
	struct conf_probe *probes, *p = probe_find(c, name);

	if (p) {
		p->mode = mode;
		return 0;
	}
	probes = reallocarray(c->probes, c->probe_cnt + 1, sizeof(*probes));
	if (!probes)
		return -ENOMEM;
	c->probes = probes;
	probes[c->probe_cnt++] = (struct conf_probe){ name, mode };
	return 0;
}

static int all_set(struct conf *c, const char *const *known, enum probe_mode mode)
{
	int err = 0;

	for (; *known && !err; known++)
		err = probe_set(c, *known, mode);
	return err;
}

/* One of a few words. */
static int word_load(struct yaml_doc *d, const char *name, const yaml_node_t *node,
		     const char *kind, const char *const *words)
{
	const char *text = yaml_doc_text(node);
	int i;

	if (!text || !*text) {
		yaml_doc_error(d, node, "'%s' must be a %s", name, kind);
		suggest(d->error, "", words);
		return -EINVAL;
	}
	i = name_find(words, text);
	if (i < 0 && !strcmp(words[0], "off"))
		i = name_find(bool_names, text);
	if (i >= 0)
		return i;
	yaml_doc_error(d, node, "'%.64s' is not a %s of '%s'", text, kind, name);
	suggest(d->error, text, words);
	return -EINVAL;
}

static int mode_load(struct yaml_doc *d, const char *name, const yaml_node_t *node, int *mode)
{
	*mode = word_load(d, name, node, "mode", mode_names);
	return *mode < 0 ? *mode : 0;
}

/* Keys that may stand in a probe's mapping. */
static void keys_list(const char *probe, const char *keys[CONF_OPTIONS + 2])
{
	unsigned cnt = 0;

	keys[cnt++] = "mode";
	for (int i = 0; i < CONF_OPTIONS; i++)
		if (!strcmp(options[i].probe, probe))
			keys[cnt++] = options[i].key;
	keys[cnt] = NULL;
}

static int option_load(struct conf *c, struct yaml_doc *d, const char *probe, const char *key,
		       const yaml_node_t *node)
{
	for (int i = 0; i < CONF_OPTIONS; i++) {
		int value;

		if (strcmp(options[i].probe, probe) || strcmp(options[i].key, key))
			continue;
		value = word_load(d, key, node, "value", options[i].values);
		if (value < 0)
			return value;
		c->options[i] = (unsigned)value;
	}
	return 0;
}

static int key_load(struct conf *c, struct yaml_doc *d, const char *probe,
		    const yaml_node_pair_t *pair, int *mode)
{
	const yaml_node_t *key = yaml_doc_node(d, pair->key),
			  *value = yaml_doc_node(d, pair->value);
	const char *text = yaml_doc_text(key), *keys[CONF_OPTIONS + 2];

	keys_list(probe, keys);
	if (!text || name_find(keys, text) < 0) {
		yaml_doc_error(d, key, "unknown key '%.64s' in '%s'", text ? text : "", probe);
		suggest(d->error, text ? text : "", keys);
		return -EINVAL;
	}
	return strcmp(text, "mode") ? option_load(c, d, probe, text, value)
				    : mode_load(d, probe, value, mode);
}

/* Reads `{ mode: full }`. */
static int mapping_load(struct conf *c, struct yaml_doc *d, const char *probe, yaml_node_t *node,
			int *mode)
{
	const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
	const yaml_node_pair_t *end = node->data.mapping.pairs.top;

	if (pairs == end)
		return yaml_doc_error(d, node, "missing key 'mode' in '%s'", probe);
	for (const yaml_node_pair_t *p = pairs; p < end; p++) {
		const char *text = yaml_doc_text(yaml_doc_node(d, p->key));
		int err;

		for (const yaml_node_pair_t *q = pairs; q < p && text; q++)
			if (!strcmp(text, yaml_doc_text(yaml_doc_node(d, q->key))))
				return yaml_doc_error(d, yaml_doc_node(d, p->key),
						      "duplicate key '%.64s'", text);
		err = key_load(c, d, probe, p, mode);
		if (err)
			return err;
	}
	return 0;
}

static int probe_load(struct conf *c, struct yaml_doc *d, const yaml_node_pair_t *pair,
		      const char *const *known)
{
	yaml_node_t *key = yaml_doc_node(d, pair->key), *value = yaml_doc_node(d, pair->value);
	const char *text = yaml_doc_text(key);
	int i, mode = PROBE_MODE_ON, err;

	if (!text)
		return yaml_doc_error(d, key, "a key must be a plain word");
	i = name_find(known, text);
	if (i < 0) {
		yaml_doc_error(d, key, "unknown probe '%.64s'", text);
		suggest(d->error, text, known);
		return -EINVAL;
	}
	if (probe_find(c, text))
		return yaml_doc_error(d, key, "duplicate key '%s'", text);
	if (value->type == YAML_MAPPING_NODE)
		err = mapping_load(c, d, text, value, &mode);
	else
		err = mode_load(d, text, value, &mode);
	return err ? err : probe_set(c, known[i], (enum probe_mode)mode);
}

int probes_load(struct conf *c, struct yaml_doc *d, const char *const *known)
{
	yaml_node_t *probes = yaml_doc_value(d, yaml_doc_root(d), "probes");

	if (!probes)
		return 0;
	if (probes->type != YAML_MAPPING_NODE)
		return yaml_doc_error(d, probes, "'probes' must hold 'key: value' pairs");
	for (const yaml_node_pair_t *p = probes->data.mapping.pairs.start;
	     p < probes->data.mapping.pairs.top; p++) {
		int err = probe_load(c, d, p, known);

		if (err)
			return err;
	}
	return 0;
}

/* One item of a command-line list: a family, family=mode, all or none. The text is cut apart. */
static int item_parse(struct conf *c, char *item, const char *const *known, struct buf *error)
{
	char *mode_name = strchr(item, '=');
	int i, mode = PROBE_MODE_ON;

	if (!strcmp(item, "all"))
		return all_set(c, known, PROBE_MODE_ON);
	if (!strcmp(item, "none"))
		return all_set(c, known, PROBE_MODE_OFF);
	if (mode_name)
		*mode_name++ = '\0';
	i = name_find(known, item);
	if (i < 0) {
		buf_printf(error, "unknown probe '%.64s'", item);
		suggest(error, item, known);
		return -EINVAL;
	}
	if (mode_name)
		mode = name_find(mode_names, mode_name);
	if (mode < 0) {
		buf_printf(error, "'%.64s' is not a mode of '%s'", mode_name, item);
		suggest(error, mode_name, mode_names);
		return -EINVAL;
	}
	return probe_set(c, known[i], (enum probe_mode)mode);
}

int conf_probes_parse(struct conf *c, const char *list, const char *const *known, struct buf *error)
{
	char *copy = strdup(list), *rest = copy, *item;
	struct conf listed = { 0 };
	int err;

	if (!copy)
		return -ENOMEM;
	err = all_set(&listed, known, PROBE_MODE_OFF);
	while (!err && (item = strsep(&rest, ",")))
		err = item_parse(&listed, item, known, error);
	free(copy);
	if (err) {
		free(listed.probes);
		return err;
	}
	free(c->probes);
	c->probes = listed.probes;
	c->probe_cnt = listed.probe_cnt;
	return 0;
}
