// SPDX-License-Identifier: BSD-3-Clause
/* Facts and rules, one a line: every process has a name, and a rule that matches gives it. */
#include <stdlib.h>
#include <string.h>

#include "service/name.h"

static char empty[] = "";

static char *line_next(char **rest)
{
	char *line = strsep(rest, "\n");

	return line ? line : empty;
}

static char *pattern_next(char **rest)
{
	char *line = line_next(rest);

	return *line ? line : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, name[64],
	     rule_name[] = "rule";
	struct service_facts f = {
		.exe = line_next(&rest),
		.name = line_next(&rest),
		.command = line_next(&rest),
		.cgroups = { line_next(&rest) },
		.cgroup_cnt = 1,
	};
	struct service_rule rule = {
		.name = rule_name,
		.match = { .cgroup = pattern_next(&rest),
			   .exe = pattern_next(&rest),
			   .command = pattern_next(&rest) },
	};

	f.kernel = !*f.exe;
	memset(name, 'x', sizeof(name));
	service_name(&rule, 1, &(struct lookups){ .root = "/nonexistent" }, &f, name, sizeof(name));
	if (!*name || !memchr(name, '\0', sizeof(name)))
		abort();
	if (!rule.match.cgroup && !rule.match.exe && !rule.match.command && strcmp(name, "rule"))
		abort();
	free(text);
	return 0;
}
