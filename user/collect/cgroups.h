/* SPDX-License-Identifier: BSD-3-Clause */
/* What cgroups count themselves, for services that are cgroups: their files are read with the tables. */
#ifndef COLLECT_CGROUPS_H
#define COLLECT_CGROUPS_H

#include "collect/families.h"
#include "service/cgroup.h"

struct service_cgroup;

struct cgroups {
	struct families *families;
	struct cgroup_mounts mounts;
	struct service_cgroup *by_path;
};

void cgroups_init(struct cgroups *t, struct families *families);
void cgroups_release(struct cgroups *t);
/* The cgroup is this service's. Without memory nothing is counted of it. */
void cgroups_add(struct cgroups *t, struct service *s, const char *path);
/* Adds what the cgroups count to the series of their services, and forgets those that are gone. */
void cgroups_read(struct cgroups *t);
/* Forgets those of a service. */
void cgroups_drop(struct cgroups *t, const struct service *s);

#endif
