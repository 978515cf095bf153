/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys of the configuration as rows: what may stand there, where it goes, how it is written and freed. A mapping in the
 * file is loaded into a structure, which is all zero before but for the defaults.
 */
#ifndef CONF_FIELD_H
#define CONF_FIELD_H

#include <stdbool.h>

#include "conf/setting.h"
#include "conf/yaml_doc.h"
#include "lib/buf.h"

/* A label and a pattern for its value (conf/pattern.h); or a label or an annotation and its text. */
struct rule_pair {
	char *key, *value;
	unsigned line;
};

struct field;

struct field_type {
	/* 0, -ENOMEM, or -EINVAL with the error of `d` written. What was loaded so far is released in any case. */
	int (*load)(struct yaml_doc *d, const struct field *f, yaml_node_t *value, void *structure);
	/* As in the file; nothing where it is as by default. */
	void (*write)(const struct field *f, const void *structure, struct buf *out);
	/* Optional: sets what is by default, and frees what was loaded. */
	void (*init)(const struct field *f, void *structure);
	void (*release)(const struct field *f, void *structure);
	const char *
		accepts; /* for the reference: what may stand there; NULL: it has rows that say so */
};

struct field {
	const char *key; /* NULL: the end of the rows */
	const struct field_type *type;
	size_t offset;	 /* of the member in the structure */
	const void *row; /* what else the type needs, see there */
	bool required;
	/* Of texts, optional: -EINVAL with the error of `d` written where the text, that of the value, is wrong. */
	int (*check)(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
		     const char *text);
	/* Of texts, optional: writes what may be shown of a text that can have secrets in it. */
	void (*show)(const char *text, struct buf *out);
	unsigned max;	     /* of texts: bytes; of lists: elements; 0: as below */
	const char *help;    /* a sentence or two for the reference */
	const char *example; /* as in the file; NULL: the default is one */
};

#define CONF_NAME_MAX 255
#define CONF_TEXT_MAX 4096
#define CONF_LIST_MAX 64
#define CONF_ROWS_MAX 32

/* char *; not empty. `row`: the default, NULL: none */
extern const struct field_type field_text;
/* char *, NULL: off; otherwise the same */
extern const struct field_type field_text_or_off;
/* char **, ends with NULL: texts, not empty; a single text is a list of one. `row`: a text that is the default, NULL: none */
extern const struct field_type field_texts;
/* u64; `row`: its struct setting, whose name and offset are not used */
extern const struct field_type field_setting;
/* bool: on and off, of the second one the other way round */
extern const struct field_type field_switch, field_switch_off;
/* int or an enum; `row`: its words, ends with NULL */
extern const struct field_type field_word;
/* A structure; `row`: its rows */
extern const struct field_type field_mapping;
/* An array of structures and their number; `row`: struct field_list */
extern const struct field_type field_list;
/* struct rule_pair * and their number: names and texts; `row`: struct field_list, of which only cnt_offset is used */
extern const struct field_type field_pairs;

struct field_list {
	size_t cnt_offset; /* of the number, an unsigned, in the structure */
	size_t size;	   /* of an element */
	const struct field *fields;
	/* Optional: checks element i, which stands at the node; those before it are right. */
	int (*check)(struct yaml_doc *d, yaml_node_t *node, const void *elements, unsigned i);
};

void fields_init(const struct field *fields, void *structure);
/* Loads the pairs of a mapping, which messages call `name` ("": the file). */
int fields_load(struct yaml_doc *d, const char *name, yaml_node_t *node, const struct field *fields,
		void *structure);
/* Writes `{ key: value, ... }`. */
void fields_write(const struct field *fields, const void *structure, struct buf *out);
void fields_release(const struct field *fields, void *structure);

/* For `check`: an absolute path. */
int path_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
	       const char *text);

/* Both are -EINVAL, with the error of `d` written. */
int key_unknown(struct yaml_doc *d, const char *name, const yaml_node_t *key,
		const char *const *known);
/* "'KEY' is 'TEXT', must be EXPECTED" */
int value_wrong(struct yaml_doc *d, const char *key, const yaml_node_t *value,
		const char *expected);
/* Letters, digits and _, no digit first: names of labels. */
bool is_label_name(const char *text);
/* Quoted where YAML would need it, or might. */
void yaml_text_write(const char *text, struct buf *out);
/* The text of a value; NULL: it is none, it is empty or longer than `max`, and the error of `d` is written. */
const char *value_text(struct yaml_doc *d, const char *key, const yaml_node_t *value, unsigned max);

#endif
