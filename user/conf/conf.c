// SPDX-License-Identifier: BSD-3-Clause
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
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

static const struct setting log_level_setting = { .kind = SETTING_ENUM,
						  .initial = SEISMO_LOG_INFO,
						  .words = log_level_words };
static const struct setting log_format_setting = { .kind = SETTING_ENUM,
						   .initial = SEISMO_LOG_AUTO,
						   .words = log_format_words };

static bool is_unix_listen(const char *text)
{
	size_t len = strlen(CONF_UNIX_LISTEN);

	return !strncmp(text, CONF_UNIX_LISTEN, len) && text[len] == '/' &&
	       strlen(text + len) <= SOCKET_MAX;
}

static int listen_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
			const char *text)
{
	const char *port = strrchr(text, ':');
	u64 v;

	if (!strcmp(text, CONF_NO_LISTEN) || is_unix_listen(text) ||
	    (port && port != text && !parse_u64(port + 1, 0, 65535, &v)))
		return 0;
	return value_wrong(d, f->key, value,
			   "ADDR:PORT such as 127.0.0.1:9469, " CONF_UNIX_LISTEN
			   "PATH, or " CONF_NO_LISTEN);
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

#define LIVE	true
#define OUTWARD true

const struct conf_field conf_fields[] = {
	{ NULL,
	  { "listen", &field_texts, AT(listen), "127.0.0.1:9469", .check = listen_check,
	    .max = CONF_NAME_MAX,
	    .help = "Address and port of the HTTP endpoint: 127.0.0.1:9469, [::1]:9469; :9469 for all addresses; unix:PATH for a Unix socket; none: only the control socket. Or a list of these." } },
	{ NULL,
	  { "web", &field_text, AT(web_file), .check = path_check, .example = "/etc/seismo/web.yml",
	    .help = "The web configuration of the endpoint: TLS, users with passwords, headers, in the format of Prometheus' exporters (web.yml). It and the files that it names are read again when they change." },
	  LIVE },
	{ NULL,
	  { "socket", &field_text, AT(socket), .check = socket_check,
	    .example = "/run/seismo/api.sock",
	    .help = "The control socket, which commands ask and only root may use; by default api.sock in the state directory." } },
	{ NULL,
	  { "data_dir", &field_text, AT(data_dir), CONF_DATA_DIR, .check = path_check,
	    .help = "The directory of what outlives the daemon: what is usual, alerts, silences." } },
	{ NULL,
	  { "interval", &field_setting, AT(interval_ns), &conf_interval,
	    .help = "How often the kernel's tables are read and the rules evaluated." },
	  LIVE },
	{ NULL,
	  { "short_commands", &field_setting, AT(short_commands), &short_commands,
	    .help = "Programs outside of units and containers that live for a moment count together as `commands` (fold), or each by its name (name)." },
	  LIVE },
	{ NULL,
	  { "services", &field_list, AT(services), &service_list, .max = SERVICES_MAX,
	    .example = "[ { name: checkout, match: { cgroup: \"*/checkout*.service\" } } ]",
	    .help = "Names of services, which come before those that Seismo finds by itself. The first that matches counts." },
	  LIVE },
	{ "limits",
	  { "services", &field_setting, AT(limits.services), &services_max,
	    .help = "How many services have a name of their own; what does not fit is counted as `other`." },
	  LIVE },
	{ "limits",
	  { "series", &field_setting, AT(limits.series), &series_max,
	    .help = "How many samples are exposed." },
	  LIVE },
	{ "limits",
	  { "memory", &field_setting, AT(limits.memory_bytes), &memory_max,
	    .help = "Memory of all tables in the kernel." } },
	{ "limits",
	  { "forget_after", &field_setting, AT(limits.forget_after_ns), &forget_after,
	    .help = "A service that has gone keeps its counters for so long." },
	  LIVE },
	{ NULL,
	  { "builtin_rules", &field_setting, AT(builtin_rules), &builtin_rules,
	    .help = "Whether the built-in rules are evaluated; `seismo rules` lists them." },
	  LIVE },
	{ NULL,
	  { "include", &field_texts, AT(includes), .example = "/etc/seismo/rules.d",
	    .help = "Files, patterns, or folders of *.yaml with more `rules`, relative to this file; they have to exist." },
	  LIVE },
	{ NULL,
	  { "alertmanagers", &field_list, AT(alertmanagers), &alertmanager_list,
	    .example = "[ { url: \"http://127.0.0.1:9093\" } ]",
	    .help = "Alertmanagers that are told of alerts." },
	  LIVE,
	  OUTWARD },
	{ NULL,
	  { "webhooks", &field_list, AT(webhooks), &webhook_list,
	    .example = "[ { url: \"https://pager.example/hook\", severity: page } ]",
	    .help = "Who gets a POST of the JSON that Alertmanager's webhooks send." },
	  LIVE,
	  OUTWARD },
	{ NULL,
	  { "commands", &field_list, AT(commands), &command_list,
	    .example = "[ { command: [ /usr/local/bin/page-me ], user: nobody } ]",
	    .help = "Programs that get alerts as the same JSON on standard input; no shell is used." },
	  LIVE,
	  OUTWARD },
	{ NULL,
	  { "alert_labels", &field_pairs, AT(alert_labels), &alert_label_list,
	    .example = "{ site: berlin }", .help = "Labels that every alert gets." },
	  LIVE },
	{ NULL,
	  { "alert_resend", &field_setting, AT(alert_resend_ns), &alert_resend,
	    .help = "How often Alertmanagers are told again what fires." },
	  LIVE },
	{ NULL,
	  { "external_url", &field_text, AT(external_url), .check = url_check,
	    .example = "https://host1.example",
	    .help = "Where this daemon is found, for links in alerts; by default made from host and port." },
	  LIVE },
	{ NULL,
	  { "expect", &field_list, AT(expect), &expect_list,
	    .example = "[ { match: { device: sdb }, daily: \"02:00-04:00\", reason: backup } ]",
	    .help = "When alerts are expected: they are marked, and nobody is told." },
	  LIVE },
	{ "events",
	  { "file", &field_text_or_off, AT(events.file), CONF_EVENTS_FILE, .check = path_check,
	    .help = "The event log; from or to off takes a restart." },
	  LIVE,
	  OUTWARD },
	{ "events",
	  { "max_size", &field_setting, AT(events.max_size_bytes), &events_size,
	    .help = "At this size a new file begins." },
	  LIVE },
	{ "events",
	  { "keep", &field_setting, AT(events.keep), &events_keep,
	    .help = "How many old files are kept beside it." },
	  LIVE },
	{ "events",
	  { "journald", &field_setting, AT(events.journald), &journald,
	    .help = "Whether events that are rare go to the journal as well; auto: where there is one." },
	  LIVE },
	{ "log",
	  { "level", &field_setting, AT(log_level), &log_level_setting,
	    .help = "What the daemon's log has: errors, also warnings, also what changes, or everything." },
	  LIVE },
	{ "log",
	  { "format", &field_setting, AT(log_format), &log_format_setting,
	    .help = "Its lines: text, logfmt or JSON; auto: text for the journal and a terminal, otherwise logfmt." },
	  LIVE },
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
	if (!c->listen || !c->listen[0] || !c->data_dir || !c->events.file ||
	    probes_init(c, families)) {
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
	web_free(c->web);
	free(c->probes);
	free(c->file);
	free(c);
}

_Static_assert(sizeof(conf_fields) / sizeof(*conf_fields) <= CONF_FIELDS_MAX, "an origin for each");

void conf_origin_option(struct conf *c, const char *key, const char *option)
{
	for (const struct conf_field *f = conf_fields; f->field.key; f++) {
		size_t len = f->section ? strlen(f->section) : 0;

		if (len && (strncmp(key, f->section, len) != 0 || key[len] != '.'))
			continue;
		if (!strcmp(f->field.key, key + len + (len > 0)))
			c->origins[f - conf_fields] = (struct conf_origin){ .option = option };
	}
}

_Static_assert(sizeof(char *) == sizeof(u64), "what is fixed is of one size");

static void word_swap(void *a, void *b)
{
	u64 word;

	memcpy(&word, a, sizeof(word));
	memcpy(a, b, sizeof(word));
	memcpy(b, &word, sizeof(word));
}

/* It may move, but is there from the start or not at all. */
static bool is_switch(const struct conf_field *f, const struct conf *c, const struct conf *now)
{
	return f->field.offset == AT(events.file) && !c->events.file != !now->events.file;
}

void conf_keep_fixed(struct conf *c, struct conf *now)
{
	/* the lines that they are from still have a name */
	if (!c->file)
		word_swap(&c->file, &now->file);
	for (const struct conf_field *f = conf_fields; f->field.key; f++) {
		if (f->live && !is_switch(f, c, now))
			continue;
		/* each is a u64 or a pointer */
		word_swap((char *)c + f->field.offset, (char *)now + f->field.offset);
		c->origins[f - conf_fields] = now->origins[f - conf_fields];
	}
	c->buckets_origin = now->buckets_origin;
	c->buckets = now->buckets;
	c->bucket_cnt = now->bucket_cnt;
	memcpy(c->bucket_ns, now->bucket_ns, sizeof(c->bucket_ns));
	for (unsigned i = 0; i < c->probe_cnt; i++) {
		struct conf_probe *p = &c->probes[i], *old = &now->probes[i];

		p->mode = old->mode;
		p->mode_origin = old->mode_origin;
		for (const struct setting *s = p->family->settings; s && s->name; s++) {
			unsigned at = s->offset / sizeof(u64);

			if (s->live)
				continue;
			p->settings[at] = old->settings[at];
			p->origins[at] = old->origins[at];
		}
	}
}
