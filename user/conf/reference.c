// SPDX-License-Identifier: BSD-3-Clause
#include "conf/reference.h"

#include <string.h>

#include "conf/load.h"
#include "conf/probes.h"
#include "conf/rule_types.h"
#include "conf/rules.h"
#include "lib/buf.h"

struct reference {
	void (*each)(void *ctx, const struct conf_key *key);
	void *ctx;
};

/* Where the keys that come next are. */
struct place {
	const char *path;
	unsigned depth;
	bool in_list, live;
};

static void words_write(const char *const *words, struct buf *out)
{
	for (int i = 0; words[i]; i++)
		buf_printf(out, "%s%s", i ? " or " : "", words[i]);
}

static void accepts_write(const struct field *f, struct buf *out)
{
	if (f->type == &field_setting)
		setting_accepts(f->row, out);
	else if (f->type == &field_word)
		words_write(f->row, out);
	else
		buf_str(out, f->type->accepts ?: "");
}

static void initial_write(const struct field *f, struct buf *out)
{
	const struct setting *s = f->type == &field_setting ? f->row : NULL;

	if (s && (s->initial || s->can_be_off || setting_words(s)))
		setting_write(s, s->initial, out);
	else if ((f->type == &field_text || f->type == &field_text_or_off ||
		  f->type == &field_texts) &&
		 f->row)
		yaml_text_write(f->row, out);
}

/* The rows of a key that has keys of its own, NULL: it has none. */
static const struct field *rows_of(const struct field *f)
{
	if (f->type == &field_mapping)
		return f->row;
	if (f->type == &field_list)
		return ((const struct field_list *)f->row)->fields;
	if (f->type == &field_burn_rate)
		return burn_rate_fields;
	return f->type == &field_rules ? rule_fields : NULL;
}

static void fields_tell(const struct reference *r, const struct place *at, const struct field *f);

static void field_tell(const struct reference *r, const struct place *at, const struct field *f)
{
	struct buf accepts = { 0 }, initial = { 0 }, path = { 0 };
	const struct field *rows = rows_of(f);
	bool list = f->type == &field_list || f->type == &field_rules;

	accepts_write(f, &accepts);
	initial_write(f, &initial);
	r->each(r->ctx, &(struct conf_key){
				.path = at->path,
				.key = f->key,
				.depth = at->depth,
				.accepts = buf_cstr(&accepts),
				.initial = buf_cstr(&initial),
				.example = f->example,
				.help = f->help ?: "",
				.is_list = list,
				.in_list = at->in_list,
				.required = f->required,
				.live = at->live,
			});
	if (rows) {
		buf_printf(&path, "%s%s%s", at->path, *at->path ? "." : "", f->key);
		fields_tell(r,
			    &(struct place){ buf_cstr(&path), at->depth + 1, at->in_list || list,
					     at->live },
			    rows);
	}
	buf_release(&accepts);
	buf_release(&initial);
	buf_release(&path);
}

static void fields_tell(const struct reference *r, const struct place *at, const struct field *f)
{
	for (; f->key; f++)
		field_tell(r, at, f);
}

/* Those of conf_fields that are in this section; NULL: in none. */
static void section_tell(const struct reference *r, const char *section)
{
	struct place at = { section ?: "", section ? 1 : 0, false, false };

	for (const struct conf_field *f = conf_fields; f->field.key; f++) {
		if (strcmp(f->section ?: "", at.path) != 0)
			continue;
		at.live = f->live;
		field_tell(r, &at, &f->field);
	}
}

static void family_tell(const struct reference *r, const struct conf_family *family)
{
	struct buf path = { 0 }, modes = { 0 };

	buf_printf(&path, "probes.%s", family->name);
	if (family->has_modes)
		words_write(conf_mode_words, &modes);
	else
		buf_str(&modes, "off or on");
	r->each(r->ctx, &(struct conf_key){ "probes", family->name, 1, "", "", NULL,
					    family->summary ?: "" });
	r->each(r->ctx,
		&(struct conf_key){ buf_cstr(&path), "mode", 2, buf_cstr(&modes), "on", NULL,
				    family->has_modes ? "Its mode; on: the usual one."
						      : "Whether it runs." });
	for (const struct setting *s = family->settings; s && s->name; s++)
		field_tell(r, &(struct place){ buf_cstr(&path), 2, false, s->live },
			   &(struct field){ s->name, &field_setting, .row = s, .help = s->help });
	buf_release(&modes);
	buf_release(&path);
}

void conf_reference(const struct conf_family *families,
		    void (*each)(void *ctx, const struct conf_key *key), void *ctx)
{
	const struct reference r = { each, ctx };

	section_tell(&r, NULL);
	for (const struct field *part = conf_parts; part->key; part++) {
		field_tell(&r, &(struct place){ "", 0, false, part->type == &field_rules }, part);
		section_tell(&r, part->key);
		for (const struct conf_family *f = families; part->type == &field_probes && f->name;
		     f++)
			family_tell(&r, f);
	}
}
