/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What cgroups do to the services in them and below: CPU quotas, pressure. The kernel side notes it for each identity;
 * a cgroup with several identities of a service counts once.
 */
#ifndef COLLECT_USAGES_H
#define COLLECT_USAGES_H

#include "collect/families.h"

/* Adds what has grown since the last time to the series of the services. Without memory it is added the next time. */
void usages_read(struct families *t);

#endif
