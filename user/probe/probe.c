// SPDX-License-Identifier: BSD-3-Clause
#include "probe/probe.h"

#include <errno.h>
#include <string.h>

#define PROBE(x) extern const struct probe probe_##x;
#include "probe/table.h"
#undef PROBE

const struct probe *const probes[] = {
#define PROBE(x) &probe_##x,
#include "probe/table.h"
#undef PROBE
	NULL,
};

const struct conf_family *probe_families(void)
{
	static struct conf_family
		families[PROBE_MAX + 1]; /* filled by the first call, before there are threads */
	unsigned cnt = 0;

	_Static_assert(sizeof(probes) / sizeof(*probes) <= PROBE_MAX + 1, "room for every family");
	for (const struct probe *const *p = probes; *p && !families[cnt].name; p++)
		if (!(*p)->required)
			families[cnt++] =
				(struct conf_family){ (*p)->name, (*p)->mode != PROBE_MODE_ON,
						      (*p)->settings, (*p)->summary };
	return families;
}

bool probe_wanted(const struct conf *conf, const char *name)
{
	const struct probe *const *p = probes;

	while (*p && strcmp((*p)->name, name) != 0)
		p++;
	return *p && conf_probe_mode(conf, name) != PROBE_MODE_OFF &&
	       (!(*p)->wanted || (*p)->wanted(conf_probe_settings(conf, name)));
}

struct probe_run *probe_running(struct probe_set *set, const char *name)
{
	for (unsigned i = 0; name && i < set->cnt; i++)
		if (set->list[i]->state == PROBE_ON && !strcmp(set->list[i]->probe->name, name))
			return set->list[i];
	return NULL;
}

int probe_const(struct probe_run *run, const char *name, const void *value, size_t size)
{
	return elf_const_set(run->object, name, value, size);
}

const struct metric *probe_metric(const char *name)
{
	for (const struct probe *const *p = probes; *p; p++)
		for (const struct metric *m = (*p)->metrics; m->name; m++)
			if (!strcmp(m->name, name))
				return m;
	return NULL;
}

void *probe_global(struct probe_run *run, const char *name, size_t size)
{
	long offset = elf_global_offset(run->object, ".data", name, size);

	if (offset >= 0 && run->data.mem)
		return (char *)run->data.mem + offset;
	offset = elf_global_offset(run->object, ".bss", name, size);
	return offset >= 0 && run->bss.mem ? (char *)run->bss.mem + offset : NULL;
}

struct hook_run *probe_hook(struct probe_run *run, const char *program)
{
	for (unsigned i = 0; i < run->hook_cnt; i++)
		for (const char *const *alt = run->hooks[i].hook->alt; *alt; alt++)
			if (!strcmp(*alt, program))
				return &run->hooks[i];
	return NULL;
}

bool hook_ready(const struct hook_run *hook)
{
	return hook_works(hook) || (hook->hook->on_demand && hook->chosen >= 0 && !hook->err);
}

bool hook_needless(const struct hook_run *hook)
{
	return (hook->hook->if_exists && hook->chosen < 0 && hook->why[hook->best] == -ENOENT) ||
	       (hook->hook->requires && hook->disabled);
}

/* Would another program be possible on this kernel, if it was not for limits, permissions or settings? */
static bool preventable(int err)
{
	return err && err != -ENOENT && err != -EOPNOTSUPP && err != -ECANCELED &&
	       err != -KERNEL_NOT_PREEMPTIBLE;
}

bool hook_lossy(const struct hook_run *hook)
{
	return hook->best < hook->hook->lossless && hook->chosen >= hook->hook->lossless &&
	       preventable(hook->why[hook->best]);
}

bool hook_missing(const struct hook_run *hook)
{
	return hook->chosen < 0 && !hook->disabled && !hook_needless(hook);
}

/* Is it missing although this kernel could provide it? */
static bool hook_prevented(const struct hook_run *hook)
{
	for (int i = 0; hook_missing(hook) && hook->hook->alt[i]; i++)
		if (preventable(hook->why[i]))
			return true;
	return false;
}

bool probe_up(const struct probe_run *run)
{
	for (unsigned i = 0; run->state == PROBE_ON && i < run->hook_cnt; i++) {
		const struct hook_run *hook = &run->hooks[i];

		if (hook_prevented(hook) || hook_lossy(hook) || hook->err ||
		    (hook->link && !kernel_calls(hook->program)))
			return false;
	}
	return run->state != PROBE_UNAVAILABLE;
}
