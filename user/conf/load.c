// SPDX-License-Identifier: BSD-3-Clause
#include "conf/load.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/probes.h"
#include "conf/rules.h"
#include "lib/buf.h"
#include "lib/file.h"

#define FILE_MAX (1U << 20)
/* The bounds of a list, in increasing order. */
static int bucket_list_load(struct conf *c, struct yaml_doc *d, const yaml_node_t *list)
{
	static const struct setting bound = { "buckets", SETTING_DURATION, .min = 1000,
					      .max = 64000000000, .initial = 1000000 };
	const yaml_node_item_t *item = list->data.sequence.items.start;

	for (; item < list->data.sequence.items.top; item++) {
		const yaml_node_t *node = yaml_doc_node(d, *item);
		const char *text = yaml_doc_text(node);
		u64 ns;

		if (c->bucket_cnt == CONF_BUCKETS)
			return yaml_doc_error(d, node, "'buckets' has more than %d entries",
					      CONF_BUCKETS);
		if (!text || setting_parse(&bound, text, &ns)) {
			yaml_doc_error(d, node, "a bound of 'buckets' is '%.64s', must be ",
				       text ?: "");
			setting_accepts(&bound, d->error);
			return -EINVAL;
		}
		if (c->bucket_cnt && ns <= c->bucket_ns[c->bucket_cnt - 1])
			return yaml_doc_error(d, node, "'buckets' must increase, '%.64s' does not",
					      text);
		c->bucket_ns[c->bucket_cnt++] = ns;
	}
	c->buckets = BUCKETS_LIST;
	return 0;
}

static int buckets_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			void *structure)
{
	const char *text = yaml_doc_text(value);
	struct buf accepted = { 0 };
	struct conf *c = structure;

	if (value->type == YAML_SEQUENCE_NODE &&
	    value->data.sequence.items.start < value->data.sequence.items.top)
		return bucket_list_load(c, d, value);
	if (text && !setting_parse(&conf_buckets, text, &c->buckets))
		return 0;
	setting_accepts(&conf_buckets, &accepted);
	buf_str(&accepted, ", or a list of durations such as [10ms, 100ms, 1s]");
	value_wrong(d, f->key, value, buf_cstr(&accepted));
	buf_release(&accepted);
	return -EINVAL;
}

static int section_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			void *structure);

static const struct field_type
	buckets_type = { .load = buckets_load,
			 .accepts =
				 "default or fine, or a list of durations such as [10ms, 100ms, 1s]" },
	section_type = { .load = section_load };

const struct field conf_parts[] = {
	{ "buckets", &buckets_type, .example = "default",
	  .help = "Bounds of the buckets in which histograms are exposed: few, near those that people set alerts at (default), every power of two (fine), or a list of durations." },
	{ "probes", &field_probes,
	  .help = "What is observed: for each probe on, off or its mode, alone or with its settings." },
	{ "limits", &section_type, .help = "What Seismo may use." },
	{ "events", &section_type, .help = "The event log." },
	{ "log", &section_type, .help = "The daemon's log, on standard error." },
	{ "rules", &field_rules, .example = "[ { alert: CpuStarvation, enabled: off } ]",
	  .help = "Rules: what is looked at, when that is wrong, and what people are told. One with the name of a built-in rule replaces it; { alert: NAME, enabled: off } switches one off." },
	{ .key = NULL },
};

static bool is_in_section(const struct conf_field *f, const char *section)
{
	return section && f->section ? !strcmp(section, f->section) : section == f->section;
}

static void origins_note(struct yaml_doc *d, const char *section, const yaml_node_t *node,
			 struct conf *c)
{
	for (const struct conf_field *f = conf_fields; f->field.key; f++)
		if (is_in_section(f, section))
			c->origins[f - conf_fields].line = yaml_doc_line(d, node, f->field.key);
	if (!section)
		c->buckets_origin.line = yaml_doc_line(d, node, conf_buckets.name);
}

/* Loads a section of the file; NULL: its top. */
static int part_load(struct yaml_doc *d, const char *section, yaml_node_t *node, struct conf *c)
{
	struct field fields[CONF_ROWS_MAX + 1] = { 0 };
	size_t cnt = 0;

	for (const struct conf_field *f = conf_fields; f->field.key; f++)
		if (is_in_section(f, section))
			fields[cnt++] = f->field;
	for (const struct field *f = conf_parts; !section && f->key; f++)
		fields[cnt++] = *f;
	origins_note(d, section, node, c);
	return fields_load(d, section ?: "", node, fields, c);
}

static int section_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			void *structure)
{
	return part_load(d, f->key, value, structure);
}

/* Reads a file, and loads its text if there is any. */
static int document_load(struct conf *c, const char *path, struct buf *error,
			 int (*load)(struct yaml_doc *d, struct conf *c))
{
	struct buf text = { 0 };
	struct yaml_doc d;
	int err = regular_read(path, FILE_MAX, &text);

	if (err) {
		buf_printf(error, "%s: %s", path, regular_problem(err));
		goto out;
	}
	err = yaml_doc_load(&d, path, text.data, text.len, error);
	if (err)
		goto out;
	if (yaml_doc_root(&d))
		err = load(&d, c);
	yaml_doc_release(&d);
	if (err == -ENOMEM && !error->len)
		buf_printf(error, "%s: out of memory", path);
out:
	buf_release(&text);
	return err;
}

/* --- files with rules */

static int is_rules_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return *entry->d_name != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".yaml");
}

static int folder_include(struct conf *c, struct yaml_doc *d, const char *folder)
{
	struct dirent **entries;
	int cnt = scandir(folder, &entries, is_rules_file, alphasort), err = 0;

	if (cnt < 0)
		return -errno;
	for (int i = 0; i < cnt; i++) {
		char *path = NULL;

		if (!err && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0) {
			path = NULL;
			err = -ENOMEM;
		}
		if (!err)
			err = document_load(c, path, d->error, rules_file_load);
		free(path);
		free(entries[i]);
	}
	free(entries);
	return err;
}

/* The folder in which a pattern looks for files has to be there, files need not. */
static int pattern_folder_check(const char *pattern)
{
	char *copy = strdup(pattern), *folder = copy ? dirname(copy) : NULL;
	int err = copy ? 0 : -ENOMEM;

	if (folder && !strpbrk(folder, "*?[") && access(folder, F_OK))
		err = -errno;
	free(copy);
	return err;
}

static int pattern_include(struct conf *c, struct yaml_doc *d, const char *pattern)
{
	glob_t g;
	int found = glob(pattern, 0, NULL, &g), err = 0;

	if (found == GLOB_NOMATCH)
		return pattern_folder_check(pattern);
	if (found)
		return found == GLOB_NOSPACE ? -ENOMEM : -EACCES;
	for (size_t i = 0; i < g.gl_pathc && !err; i++)
		err = document_load(c, g.gl_pathv[i], d->error, rules_file_load);
	globfree(&g);
	return err;
}

static int path_include(struct conf *c, struct yaml_doc *d, const char *path)
{
	struct stat st;

	if (!stat(path, &st))
		return S_ISDIR(st.st_mode) ? folder_include(c, d, path)
					   : document_load(c, path, d->error, rules_file_load);
	return strpbrk(path, "*?[") ? pattern_include(c, d, path) : -errno;
}

/* Paths are relative to the file that they are in. */
static int entry_include(struct conf *c, struct yaml_doc *d, const yaml_node_t *node,
			 const char *entry)
{
	const char *slash = *entry == '/' ? NULL : strrchr(d->path, '/');
	char *path;
	int err;

	if (asprintf(&path, "%.*s%s", slash ? (int)(slash - d->path) + 1 : 0, d->path, entry) < 0)
		return -ENOMEM;
	err = path_include(c, d, path);
	if (err && err != -ENOMEM && !d->error->len)
		err = yaml_doc_error(d, node, "cannot include '%.256s': %s", path, strerror(-err));
	free(path);
	return err;
}

static int file_load(struct yaml_doc *d, struct conf *c)
{
	yaml_node_t *root = yaml_doc_root(d), *include = yaml_doc_value(d, root, "include");
	int err;

	c->file = strdup(d->path);
	err = c->file ? part_load(d, NULL, root, c) : -ENOMEM;

	for (size_t i = 0; !err && c->includes && c->includes[i]; i++) {
		const yaml_node_t *node = include;

		if (include->type == YAML_SEQUENCE_NODE)
			node = yaml_doc_node(d, include->data.sequence.items.start[i]);
		err = entry_include(c, d, node, c->includes[i]);
	}
	return err;
}

int conf_load(struct conf **ret, const char *path, const struct conf_family *families,
	      struct buf *error)
{
	struct conf *c = conf_default(families);
	int err = -ENOMEM;

	if (c)
		err = document_load(c, path, error, file_load);
	else
		buf_printf(error, "%s: out of memory", path);
	if (err)
		conf_free(c);
	else
		*ret = c;
	return err;
}
