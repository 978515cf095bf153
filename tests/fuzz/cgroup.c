// SPDX-License-Identifier: BSD-3-Clause
/* Cgroup paths, one a line: every process has a name, the same each time. */
#include <stdlib.h>
#include <string.h>

#include "service/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct service_facts f = { .exe = "/p", .name = "", .command = "" };
	char *text = strndup((const char *)data, size), *rest = text, *path;
	char name[128], again[sizeof(name)];

	while (f.cgroup_cnt < FACTS_CGROUPS && (path = strsep(&rest, "\n")))
		f.cgroups[f.cgroup_cnt++] = path;
	memset(name, 'x', sizeof(name));
	service_name(NULL, 0, &(struct lookups){ .root = "/nonexistent" }, &f, name, sizeof(name));
	service_name(NULL, 0, &(struct lookups){ .root = "/nonexistent" }, &f, again,
		     sizeof(again));
	if (!*name || !memchr(name, '\0', sizeof(name)) || strcmp(name, again))
		abort();
	free(text);
	return 0;
}
