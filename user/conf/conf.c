// SPDX-License-Identifier: BSD-3-Clause
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

#define MIB	   (1ULL << 20)
#define NS_PER_SEC 1000000000ULL
#define HOUR_NS	   (3600 * NS_PER_SEC)

const char *const conf_mode_words[] = {
	[PROBE_MODE_OFF] = "off",	  [PROBE_MODE_ON] = "on",     [PROBE_MODE_COUNT] = "count",
	[PROBE_MODE_SAMPLED] = "sampled", [PROBE_MODE_FULL] = "full", NULL,
};

#define LIMIT(key, member) .name = key, .offset = offsetof(struct conf, limits.member)

const struct conf_number conf_numbers[] = {
	{ NULL,
	  { "interval", SETTING_DURATION, offsetof(struct conf, interval_ns), 5 * NS_PER_SEC,
	    .min = NS_PER_SEC / 10, .max = 60 * NS_PER_SEC, .live = true,
	    .help = "read the kernel's tables this often" } },
	{ NULL,
	  { "short_commands", SETTING_ENUM, offsetof(struct conf, short_commands),
	    SHORT_COMMANDS_FOLD, .words = (const char *const[]){ "fold", "name", NULL },
	    .live = true, .help = "whether short commands count together or by name" } },
	{ "limits",
	  { LIMIT("services", services), .kind = SETTING_COUNT, .initial = 1024, .min = 1,
	    .max = 16384, .live = true, .help = "services that have a name at a time" } },
	{ "limits",
	  { LIMIT("series", series), .kind = SETTING_COUNT, .initial = 50000, .min = 1000,
	    .max = 1000000, .live = true, .help = "samples that are exposed" } },
	{ "limits",
	  { LIMIT("memory", memory_bytes), .kind = SETTING_SIZE, .initial = 64 * MIB,
	    .min = 8 * MIB, .max = UINT64_MAX, .help = "memory of the kernel's tables" } },
	{ "limits",
	  { LIMIT("forget_after", forget_after_ns), .kind = SETTING_DURATION, .initial = HOUR_NS,
	    .max = UINT64_MAX, .live = true,
	    .help = "series of a service are kept as long after its end" } },
	{ NULL, { .name = NULL } },
};

const struct setting conf_buckets = {
	.name = "buckets",
	.kind = SETTING_ENUM,
	.words =
		(const char *const[]){
			[BUCKETS_DEFAULT] = "default", [BUCKETS_FINE] = "fine", NULL },
};

static u64 *number_of(struct conf *c, const struct setting *s)
{
	return (u64 *)((char *)c + s->offset);
}

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

static void services_free(struct service_rule *services, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++) {
		free(services[i].name);
		free(services[i].match.cgroup);
		free(services[i].match.exe);
		free(services[i].match.command);
	}
	free(services);
}

struct conf *conf_default(const struct conf_family *families)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->listen = strdup("127.0.0.1:9469");
	for (const struct conf_number *n = conf_numbers; n->setting.name; n++)
		*number_of(c, &n->setting) = n->setting.initial;
	if (!c->listen || probes_init(c, families)) {
		conf_free(c);
		return NULL;
	}
	return c;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	free(c->listen);
	free(c->socket);
	services_free(c->services, c->service_cnt);
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

static void describe_text(struct description *d, const char *key, const char *value)
{
	buf_str(&d->key, key);
	buf_str(&d->value, value);
	describe(d, false);
}

static void describe_number(struct description *d, const char *prefix, const char *prefix2,
			    const struct setting *s, u64 value)
{
	buf_printf(&d->key, "%s%s%s%s", prefix, prefix2, *prefix ? "." : "", s->name);
	setting_write(s, value, &d->value);
	describe(d, s->live);
}

static void condition_write(struct buf *out, const char *key, const char *pattern)
{
	if (pattern)
		buf_printf(out, " %s=%s", key, pattern);
}

static void describe_services(struct description *d, const struct conf *c)
{
	buf_str(&d->key, "services");
	for (unsigned i = 0; i < c->service_cnt; i++) {
		const struct service_match *m = &c->services[i].match;

		buf_printf(&d->value, "%s%s:", i ? "; " : "", c->services[i].name);
		condition_write(&d->value, "cgroup", m->cgroup);
		condition_write(&d->value, "exe", m->exe);
		condition_write(&d->value, "command", m->command);
		if (m->port)
			buf_printf(&d->value, " port=%u", m->port);
	}
	describe(d, true);
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
	for (const struct setting *s = p->family->settings; s && s->name; s++)
		describe_number(d, "probes.", name, s, p->settings[s->offset / sizeof(u64)]);
}

void conf_describe(const struct conf *c,
		   void (*each)(void *ctx, const char *key, const char *value, bool live),
		   void *ctx)
{
	struct description d = { each, ctx, { 0 }, { 0 } };

	describe_text(&d, "listen", c->listen);
	describe_text(&d, "socket", c->socket ?: "default");
	for (const struct conf_number *n = conf_numbers; n->setting.name; n++)
		describe_number(&d, n->section ?: "", "", &n->setting,
				*number_of((struct conf *)c, &n->setting));
	describe_buckets(&d, c);
	describe_services(&d, c);
	for (unsigned i = 0; i < c->probe_cnt; i++)
		describe_probe(&d, &c->probes[i]);
	buf_release(&d.key);
	buf_release(&d.value);
}

/* What one configuration says, to be compared with another, which has the same keys in the same order. */
struct comparison {
	char **values;
	size_t cnt, at;
	void (*each)(void *ctx, const char *key, const char *from, const char *to, bool live);
	void *ctx;
};

static void value_keep(void *ctx, const char *key, const char *value, bool live)
{
	struct comparison *c = ctx;
	char **values = reallocarray(c->values, c->cnt + 1, sizeof(*values));

	(void)key, (void)live;
	if (!values)
		return;
	c->values = values;
	c->values[c->cnt++] = strdup(value);
}

static void value_compare(void *ctx, const char *key, const char *value, bool live)
{
	struct comparison *c = ctx;
	const char *from = c->at < c->cnt ? c->values[c->at] : NULL;

	c->at++;
	if (from && strcmp(from, value) != 0)
		c->each(c->ctx, key, from, value, live);
}

void conf_compare(const struct conf *a, const struct conf *b,
		  void (*each)(void *ctx, const char *key, const char *from, const char *to,
			       bool live),
		  void *ctx)
{
	struct comparison c = { .each = each, .ctx = ctx };

	conf_describe(a, value_keep, &c);
	conf_describe(b, value_compare, &c);
	for (size_t i = 0; i < c.cnt; i++)
		free(c.values[i]);
	free(c.values);
}

static void swap_text(char **a, char **b)
{
	char *text = *a;

	*a = *b;
	*b = text;
}

void conf_keep_fixed(struct conf *c, struct conf *now)
{
	swap_text(&c->listen, &now->listen);
	swap_text(&c->socket, &now->socket);
	for (const struct conf_number *n = conf_numbers; n->setting.name; n++)
		if (!n->setting.live)
			*number_of(c, &n->setting) = *number_of(now, &n->setting);
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
