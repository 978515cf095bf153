// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/buf.h"
#include "lib/parse.h"

#define MIB	   (1ULL << 20)
#define NS_PER_SEC 1000000000ULL
#define HOUR_NS	   (3600 * NS_PER_SEC)

#define SERVICES_MAX 1024
#define SOCKET_MAX   107 /* of a Unix socket's address */

const char *const conf_mode_words[] = {
	[PROBE_MODE_OFF] = "off",	  [PROBE_MODE_ON] = "on",     [PROBE_MODE_COUNT] = "count",
	[PROBE_MODE_SAMPLED] = "sampled", [PROBE_MODE_FULL] = "full", NULL,
};

const struct setting conf_interval = { "interval",
				       SETTING_DURATION,
				       .initial = 5 * NS_PER_SEC,
				       .min = NS_PER_SEC / 10,
				       .max = 60 * NS_PER_SEC,
				       .help = "read the kernel's tables this often" };

static const struct setting short_commands = { .kind = SETTING_ENUM,
					       .initial = SHORT_COMMANDS_FOLD,
					       .words = (const char *const[]){ "fold", "name",
									       NULL } };
static const struct setting services_max = {
	.kind = SETTING_COUNT, .initial = 1024, .min = 1, .max = 16384
};
static const struct setting series_max = {
	.kind = SETTING_COUNT, .initial = 50000, .min = 1000, .max = 1000000
};
static const struct setting memory_max = {
	.kind = SETTING_SIZE, .initial = 64 * MIB, .min = 8 * MIB, .max = UINT64_MAX
};
static const struct setting forget_after = { .kind = SETTING_DURATION,
					     .initial = HOUR_NS,
					     .max = UINT64_MAX };
static const struct setting alert_resend = {
	.kind = SETTING_DURATION, .initial = 60 * NS_PER_SEC, .min = NS_PER_SEC / 10, .max = HOUR_NS
};
static const struct setting builtin_rules = { .kind = SETTING_BOOL, .initial = 1 };
static const struct setting events_size = {
	.kind = SETTING_SIZE, .initial = 64 * MIB, .min = MIB / 16, .max = UINT64_MAX
};
static const struct setting events_keep = { .kind = SETTING_COUNT, .initial = 8, .max = 1000 };
static const struct setting journald = { .kind = SETTING_ENUM,
					 .initial = JOURNALD_AUTO,
					 .words = (const char *const[]){ "auto", "on", "off",
									 NULL } };

static int listen_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
			const char *text)
{
	const char *port = strrchr(text, ':');
	u64 v;

	if (!strcmp(text, CONF_NO_LISTEN) ||
	    (port && port != text && !parse_u64(port + 1, 0, 65535, &v)))
		return 0;
	return value_wrong(d, f->key, value,
			   "ADDR:PORT such as 127.0.0.1:9469, or " CONF_NO_LISTEN);
}

static int socket_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
			const char *text)
{
	if (*text == '/' && strlen(text) <= SOCKET_MAX)
		return 0;
	return value_wrong(d, f->key, value, "an absolute path of at most 107 bytes");
}

#define AT(member) offsetof(struct conf, member)

static const struct field_list service_list = { AT(service_cnt), sizeof(struct service_rule),
						service_fields, service_check };
static const struct field_list alertmanager_list = { AT(alertmanager_cnt),
						     sizeof(struct http_target), http_target_fields,
						     http_target_check };
static const struct field_list webhook_list = { AT(webhook_cnt), sizeof(struct http_target),
						http_target_fields, http_target_check };
static const struct field_list command_list = { AT(command_cnt), sizeof(struct command_target),
						command_target_fields, command_target_check };
static const struct field_list expect_list = { AT(expect_cnt), sizeof(struct expectation),
					       expectation_fields, expectation_check };
static const struct field_list alert_label_list = { AT(alert_label_cnt) };

#define EVENTS_FILE "/var/log/seismo/events.jsonl"

#define LIVE	true
#define OUTWARD true

const struct conf_field conf_fields[] = {
	{ NULL,
	  { "listen", &field_text, AT(listen), "127.0.0.1:9469", .check = listen_check,
	    .max = CONF_NAME_MAX } },
	{ NULL, { "socket", &field_text, AT(socket), .check = socket_check } },
	{ NULL, { "data_dir", &field_text, AT(data_dir), CONF_DATA_DIR, .check = path_check } },
	{ NULL, { "interval", &field_setting, AT(interval_ns), &conf_interval }, LIVE },
	{ NULL, { "short_commands", &field_setting, AT(short_commands), &short_commands }, LIVE },
	{ "limits", { "services", &field_setting, AT(limits.services), &services_max }, LIVE },
	{ "limits", { "series", &field_setting, AT(limits.series), &series_max }, LIVE },
	{ "limits", { "memory", &field_setting, AT(limits.memory_bytes), &memory_max } },
	{ "limits",
	  { "forget_after", &field_setting, AT(limits.forget_after_ns), &forget_after },
	  LIVE },
	{ NULL,
	  { "services", &field_list, AT(services), &service_list, .max = SERVICES_MAX },
	  LIVE },
	{ NULL, { "builtin_rules", &field_setting, AT(builtin_rules), &builtin_rules }, LIVE },
	{ NULL, { "include", &field_texts, AT(includes) }, LIVE },
	{ NULL,
	  { "alertmanagers", &field_list, AT(alertmanagers), &alertmanager_list },
	  LIVE,
	  OUTWARD },
	{ NULL, { "webhooks", &field_list, AT(webhooks), &webhook_list }, LIVE, OUTWARD },
	{ NULL, { "commands", &field_list, AT(commands), &command_list }, LIVE, OUTWARD },
	{ NULL, { "alert_labels", &field_pairs, AT(alert_labels), &alert_label_list }, LIVE },
	{ NULL, { "alert_resend", &field_setting, AT(alert_resend_ns), &alert_resend }, LIVE },
	{ NULL, { "external_url", &field_text, AT(external_url), .check = url_check }, LIVE },
	{ NULL, { "expect", &field_list, AT(expect), &expect_list }, LIVE },
	{ "events",
	  { "file", &field_text_or_off, AT(events.file), EVENTS_FILE, .check = path_check },
	  LIVE,
	  OUTWARD },
	{ "events", { "max_size", &field_setting, AT(events.max_size_bytes), &events_size }, LIVE },
	{ "events", { "keep", &field_setting, AT(events.keep), &events_keep }, LIVE },
	{ "events", { "journald", &field_setting, AT(events.journald), &journald }, LIVE },
	{ .field = { .key = NULL } },
};

const struct setting conf_buckets = {
	.name = "buckets",
	.kind = SETTING_ENUM,
	.words =
		(const char *const[]){
			[BUCKETS_DEFAULT] = "default", [BUCKETS_FINE] = "fine", NULL },
};

static int probes_init(struct conf *c, const struct conf_family *families)
{
	unsigned cnt = 0;

	while (families[cnt].name)
		cnt++;
	c->probes = calloc(cnt + 1, sizeof(*c->probes));
	if (!c->probes)
		return -ENOMEM;
	c->probe_cnt = cnt;
	for (unsigned i = 0; i < cnt; i++) {
		struct conf_probe *p = &c->probes[i];

		*p = (struct conf_probe){ .family = &families[i], .mode = PROBE_MODE_ON };
		for (const struct setting *s = families[i].settings; s && s->name; s++)
			p->settings[s->offset / sizeof(u64)] = s->initial;
	}
	return 0;
}

struct conf_probe *conf_probe_find(const struct conf *c, const char *name)
{
	for (unsigned i = 0; i < c->probe_cnt; i++)
		if (!strcmp(c->probes[i].family->name, name))
			return &c->probes[i];
	return NULL;
}

enum probe_mode conf_probe_mode(const struct conf *c, const char *name)
{
	const struct conf_probe *p = conf_probe_find(c, name);

	return p ? p->mode : PROBE_MODE_ON;
}

const void *conf_probe_settings(const struct conf *c, const char *name)
{
	return conf_probe_find(c, name)->settings;
}

struct conf *conf_default(const struct conf_family *families)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	for (const struct conf_field *f = conf_fields; f->field.key; f++)
		if (f->field.type->init)
			f->field.type->init(&f->field, c);
	if (!c->listen || !c->data_dir || !c->events.file || probes_init(c, families)) {
		conf_free(c);
		return NULL;
	}
	return c;
}

void conf_withdraw(struct conf *c)
{
	for (const struct conf_field *f = conf_fields; f->field.key; f++)
		if (f->outward)
			f->field.type->release(&f->field, c);
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (const struct conf_field *f = conf_fields; f->field.key; f++)
		if (f->field.type->release)
			f->field.type->release(&f->field, c);
	for (unsigned i = 0; i < c->rule_cnt; i++)
		rule_free(c->rules[i]);
	free(c->rules);
	free(c->probes);
	free(c);
}

/* --- what it says */

struct description {
	void (*each)(void *ctx, const char *key, const char *value, bool live);
	void *ctx;
	struct buf key, value;
};

/* Of the key and the value that were written. */
static void describe(struct description *d, bool live)
{
	d->each(d->ctx, buf_cstr(&d->key), buf_cstr(&d->value), live);
	buf_reset(&d->key);
	buf_reset(&d->value);
}

/* Settings always have a value, everything else only if it was given one. */
static void describe_field(struct description *d, const struct conf_field *f, const struct conf *c)
{
	const struct field *field = &f->field;
	const char *const *text = (const void *)((const char *)c + field->offset);

	buf_printf(&d->key, "%s%s%s", f->section ?: "", f->section ? "." : "", field->key);
	if (field->type == &field_setting)
		setting_write(field->row, *(const u64 *)text, &d->value);
	else if (field->type == &field_text)
		buf_str(&d->value, *text ?: "default");
	else if (field->type == &field_text_or_off)
		buf_str(&d->value, *text ?: "off");
	else
		field->type->write(field, c, &d->value);
	describe(d, f->live);
}

static void describe_buckets(struct description *d, const struct conf *c)
{
	static const struct setting bound = { .kind = SETTING_DURATION };

	buf_str(&d->key, conf_buckets.name);
	if (c->buckets != BUCKETS_LIST)
		setting_write(&conf_buckets, c->buckets, &d->value);
	for (unsigned i = 0; i < c->bucket_cnt; i++) {
		buf_str(&d->value, i ? ", " : "");
		setting_write(&bound, c->bucket_ns[i], &d->value);
	}
	describe(d, false);
}

static void describe_probe(struct description *d, const struct conf_probe *p)
{
	const char *name = p->family->name;

	buf_printf(&d->key, "probes.%s", name);
	buf_str(&d->value, conf_mode_words[p->mode]);
	describe(d, false);
	for (const struct setting *s = p->family->settings; s && s->name; s++) {
		buf_printf(&d->key, "probes.%s.%s", name, s->name);
		setting_write(s, p->settings[s->offset / sizeof(u64)], &d->value);
		describe(d, s->live);
	}
}

/* Of a built-in rule only that it is one. */
static void describe_rule(struct description *d, const struct rule_conf *r)
{
	buf_printf(&d->key, "rules.%s", r->alert);
	buf_printf(&d->value, "%s%s", r->builtin ? "built-in, " : "", r->off ? "off" : "on");
	describe(d, true);
	for (const struct field *f = rule_fields; f->key && !r->builtin; f++) {
		if (!strcmp(f->key, "alert") || !strcmp(f->key, "enabled"))
			continue;
		f->type->write(f, r, &d->value);
		if (!d->value.len)
			continue;
		buf_printf(&d->key, "rules.%s.%s", r->alert, f->key);
		describe(d, true);
	}
}

void conf_describe(const struct conf *c,
		   void (*each)(void *ctx, const char *key, const char *value, bool live),
		   void *ctx)
{
	struct description d = { each, ctx, { 0 }, { 0 } };

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
	c->each(c->ctx, key, from, to, live);
}

static void said_free(struct said *said)
{
	free(said->key);
	free(said->value);
	free(said);
}

static void value_keep(void *ctx, const char *key, const char *value, bool live)
{
	struct said *said = calloc(1, sizeof(*said));
	struct comparison *c = ctx;

	if (!said)
		return;
	*said = (struct said){ strdup(key), strdup(value), live };
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

static void value_compare(void *ctx, const char *key, const char *value, bool live)
{
	struct comparison *c = ctx;
	struct said *said;

	HASH_FIND_STR(c->said, key, said);
	if (said)
		said->seen = true;
	if (!said || strcmp(said->value, value) != 0)
		change_tell(c, key, said ? said->value : "none", value,
			    live && !(said && is_switch(key, said->value, value)));
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
			change_tell(&c, said->key, said->value, "none", said->live);
		HASH_DEL(c.said, said);
		said_free(said);
	}
	buf_release(&c.told);
}

_Static_assert(sizeof(char *) == sizeof(u64), "what is fixed is of one size");

static void word_swap(void *a, void *b)
{
	u64 word;

	memcpy(&word, a, sizeof(word));
	memcpy(a, b, sizeof(word));
	memcpy(b, &word, sizeof(word));
}

void conf_keep_fixed(struct conf *c, struct conf *now)
{
	/* each is a u64 or a pointer */
	for (const struct conf_field *f = conf_fields; f->field.key; f++)
		if (!f->live)
			word_swap((char *)c + f->field.offset, (char *)now + f->field.offset);
	if (!c->events.file != !now->events.file)
		word_swap(&c->events.file, &now->events.file);
	c->buckets = now->buckets;
	c->bucket_cnt = now->bucket_cnt;
	memcpy(c->bucket_ns, now->bucket_ns, sizeof(c->bucket_ns));
	for (unsigned i = 0; i < c->probe_cnt; i++) {
		const struct setting *s = c->probes[i].family->settings;

		c->probes[i].mode = now->probes[i].mode;
		for (; s && s->name; s++)
			if (!s->live)
				c->probes[i].settings[s->offset / sizeof(u64)] =
					now->probes[i].settings[s->offset / sizeof(u64)];
	}
}
