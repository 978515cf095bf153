// SPDX-License-Identifier: BSD-3-Clause
/* What cgroups count themselves, for services that are cgroups: their files are read at each scrape. */
#include <stdlib.h>
#include <string.h>

#include "collect/collector.h"

static bool path_below(const char *path, const char *above)
{
	size_t len = strlen(above);

	return !strncmp(path, above, len) && path[len] == '/';
}

void cgroup_add(struct collector *c, struct service *s, const char *path)
{
	size_t len = strlen(path);
	struct service_cgroup *cgroup;

	HASH_FIND(hh, c->cgroups, path, len, cgroup);
	if (cgroup)
		return;
	cgroup = calloc(1, sizeof(*cgroup) + len + 1);
	if (!cgroup)
		return;
	cgroup->service = s;
	memcpy(cgroup->path, path, len);
	for (struct service_cgroup *i = c->cgroups; i; i = i->hh.next) {
		if (i->service != s)
			continue;
		cgroup->below |= path_below(path, i->path);
		i->below |= path_below(i->path, path);
	}
	HASH_ADD_KEYPTR(hh, c->cgroups, cgroup->path, len, cgroup);
}

static void cgroup_free(struct collector *c, struct service_cgroup *cgroup)
{
	HASH_DEL(c->cgroups, cgroup);
	free(cgroup);
}

/* A counter grows by what the cgroup's has grown. */
static void series_add(struct tally *t, u64 now, u64 last)
{
	if (t->family->metric->kind == METRIC_COUNTER) {
		t->base += (s64)(now - last);
		*t->series->value += (s64)(now - last);
	} else {
		*t->series->value += (s64)now;
	}
}

static void cgroup_count(struct collector *c, const struct service_cgroup *cgroup,
			 const struct cgroup_stats *now)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++) {
		struct family *f = c->families[metric];
		size_t at = f ? f->metric->cgroup : 0;
		bool gauge = at && f->metric->kind == METRIC_GAUGE;
		struct tally *t;

		/* without a quota nothing is to be said about throttling, not even 0 */
		if (!at || (gauge ? cgroup->below : !now->periods))
			continue;
		t = tally_get(c, f, cgroup->service, 0);
		if (t)
			series_add(t, *(const u64 *)((const char *)now + at),
				   *(const u64 *)((const char *)&cgroup->last + at));
	}
}

void cgroups_read(struct collector *c)
{
	struct service_cgroup *cgroup, *next;
	struct cgroup_stats now;

	HASH_ITER(hh, c->cgroups, cgroup, next) {
		cgroup_stats_read(&c->mounts, cgroup->path, strlen(cgroup->path), &now);
		if (!now.files) {
			cgroup_free(c, cgroup);
			continue;
		}
		/* all that counts up is of this controller */
		if (cgroup->last.inodes[CGROUP_CPU] != now.inodes[CGROUP_CPU])
			cgroup->last = (struct cgroup_stats){ 0 };
		cgroup_count(c, cgroup, &now);
		cgroup->last = now;
	}
}

void cgroups_drop(struct collector *c, const struct service *s)
{
	struct service_cgroup *cgroup, *next;

	HASH_ITER(hh, c->cgroups, cgroup, next)
		if (cgroup->service == s)
			cgroup_free(c, cgroup);
}
