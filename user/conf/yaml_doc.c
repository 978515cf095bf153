// SPDX-License-Identifier: BSD-3-Clause
#include "conf/yaml_doc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"

#define DEPTH_MAX 16

static int line_error(struct yaml_doc *d, size_t line, const char *fmt, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, args);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	buf_printf(d->error, "%s:%zu: %s", d->path, line, text);
	return -EINVAL;
}

int yaml_doc_error(struct yaml_doc *d, const yaml_node_t *node, const char *fmt, ...)
{
	va_list args;
	int err;

	va_start(args, fmt);
	err = line_error(d, node->start_mark.line + 1, fmt, args);
	va_end(args);
	return err;
}

static __attribute__((format(printf, 3, 4))) int text_error(struct yaml_doc *d, size_t line,
							    const char *fmt, ...)
{
	va_list args;
	int err;

	va_start(args, fmt);
	err = line_error(d, line, fmt, args);
	va_end(args);
	return err;
}

/* libyaml reports invalid bytes by offset only: the line is counted here. */
static size_t problem_line(const yaml_parser_t *p, const char *text, size_t len)
{
	size_t line = 1;

	if (p->error != YAML_READER_ERROR)
		return p->problem_mark.line + 1;
	for (size_t i = 0; i < len && i < p->problem_offset; i++)
		line += text[i] == '\n';
	return line;
}

static int syntax_error(struct yaml_doc *d, const yaml_parser_t *p, const char *text, size_t len)
{
	if (p->error == YAML_MEMORY_ERROR)
		return text_error(d, 1, "out of memory");
	return text_error(d, problem_line(p, text, len), "%s%s%s", p->context ? p->context : "",
			  p->context ? ", " : "", p->problem ? p->problem : "not YAML");
}

/* Why an event makes the document unacceptable, NULL: it does not. */
static const char *event_problem(const yaml_event_t *e, unsigned *documents, unsigned *depth)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return ++*documents > 1 ? "a second document: a file can have only one" : NULL;
	case YAML_ALIAS_EVENT:
		return "aliases (*name) are not supported";
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		return ++*depth > DEPTH_MAX ? "nested too deeply" : NULL;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		--*depth;
		return NULL;
	default:
		return NULL;
	}
}

/* Looks for aliases and deep nesting in the events: a tree no longer shows the one, and costs memory for the other. */
static int events_check(struct yaml_doc *d, const char *text, size_t len)
{
	unsigned documents = 0, depth = 0;
	yaml_parser_t parser;
	bool end = false;
	int err = 0;

	if (!yaml_parser_initialize(&parser))
		return text_error(d, 1, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!err && !end) {
		const char *problem;
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			err = syntax_error(d, &parser, text, len);
			break;
		}
		problem = event_problem(&event, &documents, &depth);
		if (problem)
			err = text_error(d, event.start_mark.line + 1, "%s", problem);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return err;
}

int yaml_doc_load(struct yaml_doc *d, const char *path, const char *text, size_t len,
		  struct buf *error)
{
	yaml_parser_t parser;
	int err;

	*d = (struct yaml_doc){ .path = path, .error = error };
	err = events_check(d, text, len);
	if (err)
		return err;
	if (!yaml_parser_initialize(&parser))
		return text_error(d, 1, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &d->yaml))
		err = syntax_error(d, &parser, text, len);
	yaml_parser_delete(&parser);
	return err;
}

void yaml_doc_release(struct yaml_doc *d)
{
	yaml_document_delete(&d->yaml);
}

yaml_node_t *yaml_doc_root(struct yaml_doc *d)
{
	yaml_node_t *root = yaml_document_get_root_node(&d->yaml);
	const char *text = root ? yaml_doc_text(root) : NULL;

	return text && !*text ? NULL : root;
}

yaml_node_t *yaml_doc_node(struct yaml_doc *d, int id)
{
	return yaml_document_get_node(&d->yaml, id);
}

static const yaml_node_pair_t *pair_find(struct yaml_doc *d, const yaml_node_t *mapping,
					 const char *key)
{
	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
	     p < mapping->data.mapping.pairs.top; p++) {
		const char *text = yaml_doc_text(yaml_doc_node(d, p->key));

		if (text && !strcmp(text, key))
			return p;
	}
	return NULL;
}

yaml_node_t *yaml_doc_value(struct yaml_doc *d, yaml_node_t *mapping, const char *key)
{
	const yaml_node_pair_t *p = pair_find(d, mapping, key);

	return p ? yaml_doc_node(d, p->value) : NULL;
}

unsigned yaml_doc_line(struct yaml_doc *d, const yaml_node_t *mapping, const char *key)
{
	const yaml_node_pair_t *p = pair_find(d, mapping, key);

	return p ? (unsigned)yaml_doc_node(d, p->key)->start_mark.line + 1 : 0;
}

const char *yaml_doc_text(const yaml_node_t *node)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length ? text : NULL;
}
