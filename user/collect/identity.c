// SPDX-License-Identifier: BSD-3-Clause
#include "collect/identity.h"

#include <stdio.h>
#include <string.h>

#include "service/name.h"
#include "service/path.h"

#define PATH_SIZE REVERSED_PATH_SIZE

static size_t bounded(size_t len, size_t max)
{
	return len < max ? len : max;
}

/* `paths` is room for the cgroup paths of a row. */
static void cgroups_take(const struct identity *row, char paths[FACTS_CGROUPS][PATH_SIZE],
			 struct service_facts *facts)
{
	size_t len = bounded(row->cgroups_len, sizeof(row->cgroups)), at = 0;

	while (at < len && facts->cgroup_cnt < FACTS_CGROUPS) {
		char *path = paths[facts->cgroup_cnt];

		at += path_reverse(row->cgroups + at, len - at, path, PATH_SIZE);
		if (*path)
			facts->cgroups[facts->cgroup_cnt++] = path;
	}
}

bool identity_name(const struct identity *row, const struct conf *conf, struct lookups *lookups,
		   struct identity_origin *ret)
{
	char exe[PATH_SIZE], name[IDENTITY_NAME + 1], command[IDENTITY_ARGS + 1];
	struct service_facts facts = {
		.exe = exe,
		.name = name,
		.command = command,
		.pid = row->pid,
		.parent = row->parent,
		.port = (u16)row->key.port,
		.kernel = row->kernel,
	};
	size_t len = bounded(row->args_len, sizeof(row->args));
	struct name_origin origin;
	char paths[FACTS_CGROUPS][PATH_SIZE];

	cgroups_take(row, paths, &facts);
	path_reverse(row->exe, bounded(row->exe_len, sizeof(row->exe)), exe, sizeof(exe));
	snprintf(name, sizeof(name), "%.*s", (int)bounded(row->name_len, sizeof(row->name)),
		 row->name);
	memcpy(command, row->args, len);
	while (len && !command[len - 1])
		len--;
	command[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (!command[i])
			command[i] = ' ';
	origin = service_name(conf->services, conf->service_cnt, lookups, &facts, ret->service,
			      sizeof(ret->service));
	snprintf(ret->cgroup, sizeof(ret->cgroup), "%.*s", (int)origin.len, origin.path ?: "");
	ret->kind = origin.kind;
	return !origin.pending;
}

void identity_look_up(const struct identity *row, struct lookups *lookups)
{
	struct service_facts facts = {
		.exe = "",
		.name = "",
		.command = "",
		.pid = row->pid,
		.parent = row->parent,
	};
	char paths[FACTS_CGROUPS][PATH_SIZE];

	cgroups_take(row, paths, &facts);
	service_look_up(lookups, &facts);
}
