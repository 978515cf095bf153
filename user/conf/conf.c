// SPDX-License-Identifier: BSD-3-Clause
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIB	   (1ULL << 20)
#define NS_PER_SEC 1000000000ULL
#define HOUR_NS	   (3600 * NS_PER_SEC)

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
	c->interval_ns = 5 * NS_PER_SEC;
	c->limits = (struct conf_limits){
		.services = 1024,
		.series = 50000,
		.memory_bytes = 64 * MIB,
		.forget_after_ns = HOUR_NS,
	};
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
