/* SPDX-License-Identifier: BSD-3-Clause */
/* From a row of the kernel's identity table to the name of its service. */
#ifndef COLLECT_IDENTITY_H
#define COLLECT_IDENTITY_H

#include <stddef.h>

#include "conf/conf.h"
#include "service/lookup.h"
#include "service/name.h"
#include "types.h"

#define NAME_SIZE 512

struct identity_origin {
	char service[NAME_SIZE];		       /* never empty */
	char cgroup[IDENTITY_CGROUPS + IDENTITY_NAME]; /* that gave the name, "" none */
	enum service_kind kind;			       /* of what did */
};

/* The row may hold anything. False: the name is not known yet, see service/lookup.h. */
bool identity_name(const struct identity *row, const struct conf *conf, struct lookups *lookups,
		   struct identity_origin *ret);

/* Asks for what that will need to know of containers. */
void identity_look_up(const struct identity *row, struct lookups *lookups);

#endif
