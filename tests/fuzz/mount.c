// SPDX-License-Identifier: BSD-3-Clause
/* Lines of mountinfo, where users choose the names of mount points, and the kernel's files in cgroups. */
#include <stdlib.h>
#include <string.h>

#include "service/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cgroup_mounts mounts = { 0 };
	struct cgroup_stats stats = { 0 };
	char *text = strndup((const char *)data, size), *rest = text, *line;

	if (!text)
		return 0;
	cgroup_stats_parse(text, &stats);
	if (stats.found)
		abort();
	while ((line = strsep(&rest, "\n")))
		cgroup_mount_parse(line, &mounts);
	if (!memchr(mounts.v1, '\0', PATH_MAX) || !memchr(mounts.v2, '\0', PATH_MAX))
		abort();
	free(text);
	return 0;
}
