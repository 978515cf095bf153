// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "collect/cgroups.h"

#include <stdlib.h>
#include <string.h>

/* A cgroup that is a service. */
struct service_cgroup {
	struct service *service;
	bool below; /* another one of the same service, which has its memory too */
	struct cgroup_stats last;
	UT_hash_handle hh;
	char path[];
};

void cgroups_init(struct cgroups *t, struct families *families)
{
	*t = (struct cgroups){ .families = families };
	cgroup_mounts_read(&t->mounts);
}

static bool path_below(const char *path, const char *above)
{
	size_t len = strlen(above);

	return !strncmp(path, above, len) && path[len] == '/';
}

static struct service_cgroup *cgroup_new(struct cgroups *t, const char *path, size_t len)
{
	struct service_cgroup *cgroup = calloc(1, sizeof(*cgroup) + len + 1);

	if (!cgroup)
		return NULL;
	memcpy(cgroup->path, path, len);
	HASH_ADD_KEYPTR(hh, t->by_path, cgroup->path, len, cgroup);
	if (cgroup->hh.tbl)
		return cgroup;
	free(cgroup);
	return NULL;
}

static bool is_below(const struct cgroups *t, const struct service_cgroup *cgroup)
{
	for (const struct service_cgroup *i = t->by_path; i; i = i->hh.next)
		if (i->service == cgroup->service && path_below(cgroup->path, i->path))
			return true;
	return false;
}

void cgroups_add(struct cgroups *t, struct service *s, const char *path)
{
	size_t len = strlen(path);
	struct service_cgroup *cgroup;

	HASH_FIND(hh, t->by_path, path, len, cgroup);
	if (!cgroup)
		cgroup = cgroup_new(t, path, len);
	if (!cgroup || cgroup->service == s)
		return;
	cgroup->service = s;
	cgroup->below = is_below(t, cgroup);
	for (struct service_cgroup *i = t->by_path; i; i = i->hh.next)
		if (path_below(i->path, path))
			i->below = is_below(t, i);
}

static void cgroup_free(struct cgroups *t, struct service_cgroup *cgroup)
{
	HASH_DEL(t->by_path, cgroup);
	free(cgroup);
}

void cgroups_release(struct cgroups *t)
{
	struct service_cgroup *cgroup, *next;

	HASH_ITER(hh, t->by_path, cgroup, next)
		cgroup_free(t, cgroup);
}

/* A counter grows by what the cgroup's has grown. */
static void cgroup_count(struct cgroups *t, const struct service_cgroup *cgroup,
			 const struct cgroup_stats *now)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++) {
		struct family *f = t->families->by_number[metric];
		size_t at = f ? f->metric->cgroup : 0;
		bool gauge = at && f->metric->kind == METRIC_GAUGE, refused;
		struct series *s;
		u64 value, last;

		if (!at || cgroup->below)
			continue;
		s = families_series(t->families, f, cgroup->service, 0, &refused);
		value = *(const u64 *)((const char *)now + at);
		last = *(const u64 *)((const char *)&cgroup->last + at);
		if (!gauge && value >= last) /* otherwise it was created anew, with a known inode */
			value -= last;
		if (s)
			*s->value += (s64)value;
	}
}

static void gauges_zero(struct cgroups *t)
{
	for (u32 metric = 1; metric < METRIC_MAX; metric++) {
		struct family *f = t->families->by_number[metric];

		if (!f || !f->metric->cgroup || f->metric->kind != METRIC_GAUGE)
			continue;
		for (size_t i = 0; i < f->series_cnt; i++)
			*f->series[i]->value = 0;
	}
}

void cgroups_read(struct cgroups *t)
{
	struct service_cgroup *cgroup, *next;
	struct cgroup_stats now;

	gauges_zero(t);
	HASH_ITER(hh, t->by_path, cgroup, next) {
		cgroup_stats_read(&t->mounts, cgroup->path, strlen(cgroup->path), &now);
		if (now.failed) /* nothing new is known */
			now = cgroup->last;
		else if (!now.found) {
			cgroup_free(t, cgroup);
			continue;
		}
		if (cgroup->last.inode != now.inode)
			cgroup->last = (struct cgroup_stats){ 0 };
		cgroup_count(t, cgroup, &now);
		cgroup->last = now;
	}
}

void cgroups_drop(struct cgroups *t, const struct service *s)
{
	struct service_cgroup *cgroup, *next;

	HASH_ITER(hh, t->by_path, cgroup, next)
		if (cgroup->service == s)
			cgroup_free(t, cgroup);
}
