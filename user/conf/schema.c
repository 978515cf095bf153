// SPDX-License-Identifier: BSD-3-Clause
#include "conf/schema.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/suggest.h"
#include "lib/buf.h"
#include "lib/parse.h"

#define SERVICES_MAX 1024
#define NAME_MAX_LEN 255
#define TEXT_MAX_LEN 4096
#define FIELDS_MAX   16

#define TEXT(key, structure, member, max)                                                        \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, \
			       1, max)

static const cyaml_schema_field_t match_fields[] = {
	TEXT("cgroup", struct service_match, cgroup, TEXT_MAX_LEN),
	TEXT("exe", struct service_match, exe, TEXT_MAX_LEN),
	TEXT("command", struct service_match, command, TEXT_MAX_LEN),
	CYAML_FIELD_UINT("port", CYAML_FLAG_OPTIONAL, struct service_match, port),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t service_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct service_rule, name, 1,
			       NAME_MAX_LEN),
	CYAML_FIELD_MAPPING("match", CYAML_FLAG_DEFAULT, struct service_rule, match, match_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t service_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct service_rule, service_fields),
};

static const cyaml_schema_field_t limit_fields[] = {
	TEXT("services", struct limits_text, services, TEXT_MAX_LEN),
	TEXT("series", struct limits_text, series, TEXT_MAX_LEN),
	TEXT("memory", struct limits_text, memory, TEXT_MAX_LEN),
	TEXT("forget_after", struct limits_text, forget_after, TEXT_MAX_LEN),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t file_fields[] = {
	TEXT("listen", struct conf_file, listen, NAME_MAX_LEN),
	TEXT("socket", struct conf_file, socket, TEXT_MAX_LEN),
	TEXT("interval", struct conf_file, interval, TEXT_MAX_LEN),
	TEXT("short_commands", struct conf_file, short_commands, TEXT_MAX_LEN),
	CYAML_FIELD_SEQUENCE("services", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct conf_file,
			     services, &service_value, 0, SERVICES_MAX),
	CYAML_FIELD_IGNORE("buckets", CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_IGNORE("probes", CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_MAPPING("limits", CYAML_FLAG_OPTIONAL, struct conf_file, limits, limit_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct conf_file, file_fields),
};

static const cyaml_config_t config = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

static int value_check(struct yaml_doc *d, const char *name, yaml_node_t *node,
		       const cyaml_schema_value_t *value);

static int key_unknown(struct yaml_doc *d, const char *mapping, const yaml_node_t *key,
		       const cyaml_schema_field_t *fields)
{
	const char *names[FIELDS_MAX + 1] = { 0 }, *text = yaml_doc_text(key);

	if (!text)
		return yaml_doc_error(d, key, "a key must be a plain word");
	for (unsigned i = 0; i < FIELDS_MAX && fields[i].key; i++)
		names[i] = fields[i].key;
	yaml_doc_error(d, key, "unknown key '%.64s'%s%s%s", text, *mapping ? " in '" : "", mapping,
		       *mapping ? "'" : "");
	suggest(d->error, text, names);
	return -EINVAL;
}

static const cyaml_schema_field_t *field_find(const cyaml_schema_field_t *fields, const char *key)
{
	for (; key && fields->key; fields++)
		if (!strcmp(fields->key, key))
			return fields;
	return NULL;
}

static int mapping_check(struct yaml_doc *d, const char *name, yaml_node_t *node,
			 const cyaml_schema_field_t *fields)
{
	unsigned seen = 0;

	if (node->type != YAML_MAPPING_NODE)
		return yaml_doc_error(d, node, "%s%s%s must hold 'key: value' pairs",
				      *name ? "'" : "", *name ? name : "the file",
				      *name ? "'" : "");
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = yaml_doc_node(d, p->key);
		const cyaml_schema_field_t *f = field_find(fields, yaml_doc_text(key));
		int err;

		if (!f)
			return key_unknown(d, name, key, fields);
		if (seen & 1U << (f - fields))
			return yaml_doc_error(d, key, "duplicate key '%s'", f->key);
		seen |= 1U << (f - fields);
		err = value_check(d, f->key, yaml_doc_node(d, p->value), &f->value);
		if (err)
			return err;
	}
	for (const cyaml_schema_field_t *f = fields; f->key; f++)
		if (!(f->value.flags & CYAML_FLAG_OPTIONAL) && !(seen & 1U << (f - fields)))
			return yaml_doc_error(d, node, "missing key '%s' in '%s'", f->key, name);
	return 0;
}

static int sequence_check(struct yaml_doc *d, const char *name, yaml_node_t *node,
			  const cyaml_schema_value_t *value)
{
	const yaml_node_item_t *item, *top;

	if (node->type != YAML_SEQUENCE_NODE)
		return yaml_doc_error(d, node, "'%s' must be a list", name);
	item = node->data.sequence.items.start;
	top = node->data.sequence.items.top;
	if (top - item > value->sequence.max)
		return yaml_doc_error(d, node, "'%s' has more than %u entries", name,
				      value->sequence.max);
	for (; item < top; item++) {
		int err = value_check(d, name, yaml_doc_node(d, *item), value->sequence.entry);

		if (err)
			return err;
	}
	return 0;
}

static int text_check(struct yaml_doc *d, const char *name, const yaml_node_t *node,
		      const cyaml_schema_value_t *value)
{
	const char *text = yaml_doc_text(node);

	if (!text)
		return yaml_doc_error(d, node, "'%s' must be a single value of plain text", name);
	if (!*text)
		return yaml_doc_error(d, node, "'%s' has no value", name);
	if (value->type == CYAML_STRING && strlen(text) > value->string.max)
		return yaml_doc_error(d, node, "'%s' is longer than %u bytes", name,
				      value->string.max);
	return 0;
}

static int uint_check(struct yaml_doc *d, const char *name, const yaml_node_t *node,
		      const cyaml_schema_value_t *value)
{
	u64 max = UINT64_MAX >> (64 - 8 * value->data_size), v;
	int err = text_check(d, name, node, value);

	if (err)
		return err;
	/* libcyaml would read a leading zero as octal. */
	if (parse_u64(yaml_doc_text(node), 1, max, &v) || *yaml_doc_text(node) == '0')
		return yaml_doc_error(d, node, "'%s' is '%.64s', must be an integer from 1 to %llu",
				      name, yaml_doc_text(node), (unsigned long long)max);
	return 0;
}

/* Checks everything before libcyaml does, which cannot report the line of every error. */
static int value_check(struct yaml_doc *d, const char *name, yaml_node_t *node,
		       const cyaml_schema_value_t *value)
{
	switch (value->type) {
	case CYAML_MAPPING:
		return mapping_check(d, name, node, value->mapping.fields);
	case CYAML_SEQUENCE:
		return sequence_check(d, name, node, value);
	case CYAML_UINT:
		return uint_check(d, name, node, value);
	case CYAML_IGNORE:
		return 0;
	default:
		return text_check(d, name, node, value);
	}
}

int schema_load(struct conf_file **ret, struct yaml_doc *d, const char *text, size_t len)
{
	cyaml_data_t *data = NULL;
	cyaml_err_t failed;
	int err = value_check(d, "", yaml_doc_root(d), &file_value);

	if (err)
		return err;
	failed = cyaml_load_data((const uint8_t *)text, len, &config, &file_value, &data, NULL);
	if (failed == CYAML_ERR_OOM)
		return -ENOMEM;
	if (failed) {
		buf_printf(d->error, "%s: %s", d->path, cyaml_strerror(failed));
		return -EINVAL;
	}
	*ret = data;
	return 0;
}

void schema_free(struct conf_file *f)
{
	cyaml_free(&config, &file_value, f, 0);
}

size_t schema_number(const struct conf_number *n)
{
	const cyaml_schema_field_t *fields = n->section ? limit_fields : file_fields;
	size_t base = n->section ? offsetof(struct conf_file, limits) : 0;

	return base + field_find(fields, n->setting.name)->data_offset;
}
