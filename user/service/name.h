/* SPDX-License-Identifier: BSD-3-Clause */
/* From what is known about a process to the name of its service. */
#ifndef SERVICE_NAME_H
#define SERVICE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "service/lookup.h"
#include "types.h"

#define FACTS_CGROUPS 8

/* What is known about an identity; strings are never NULL and may contain any bytes. */
struct service_facts {
	const char *cgroups
		[FACTS_CGROUPS]; /* absolute paths, one per hierarchy where it is not in the root */
	unsigned cgroup_cnt;
	const char *exe; /* path of the executable; "" for a kernel thread */
	const char
		*name; /* of the program: of the script where exe is an interpreter; "": of exe */
	const char *command; /* arguments joined by spaces; "" unless the rules ask for it */
	u32 pid,
		parent; /* one of its processes, which may have ended, and that above it; 0: unknown */
	u16 port;	/* listening port that a rule matches, 0: none */
	bool kernel;	/* kernel thread */
};

/* What gave a service its name. */
enum service_kind {
	SERVICE_OTHER, /* nothing that is known */
	SERVICE_RULE,
	SERVICE_CONTAINER, /* or a pod */
	SERVICE_UNIT,
	SERVICE_PROGRAM, /* its own name: no rule, container or unit has one */
	SERVICE_KERNEL,
	SERVICE_KINDS
};
extern const char *const service_kinds[SERVICE_KINDS]; /* "other", "rule", "container", ... */

struct name_origin {
	const char *
		path; /* the part of a cgroup path that gave the name; NULL if something else did */
	size_t len;
	bool pending; /* the name is not known yet: ask again later */
	enum service_kind kind;
};

/*
 * Writes the name: NUL-terminated, any bytes, cut to size, never empty. The first that matches: a rule; the
 * Kubernetes pod or container; the systemd unit; "kernel" for a kernel thread; the script or executable. Metadata of
 * containers comes from `lookups`.
 */
struct name_origin service_name(const struct service_rule *rules, unsigned rule_cnt,
				struct lookups *lookups, const struct service_facts *f, char *buf,
				size_t size);

/* Asks `lookups` for what service_name() will want to know. */
void service_look_up(struct lookups *lookups, const struct service_facts *f);

#endif
