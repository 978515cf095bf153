// SPDX-License-Identifier: BSD-3-Clause
#include "service/path.h"

#include <stdio.h>
#include <string.h>

size_t path_reverse(const char *reversed, size_t len, char *path, size_t size)
{
	const char *component[PATH_COMPONENTS];
	size_t cnt = 0, at = 0, out = 0;

	while (at < len && reversed[at]) {
		size_t n = strnlen(reversed + at, len - at);

		if (cnt < PATH_COMPONENTS)
			component[cnt++] = reversed + at;
		at += n + 1;
	}
	*path = '\0';
	while (cnt-- > 0 && out < size) {
		size_t room = len - (size_t)(component[cnt] - reversed);
		int n = snprintf(path + out, size - out, "/%.*s",
				 (int)strnlen(component[cnt], room), component[cnt]);

		out += (size_t)n;
	}
	return at < len ? at + 1 : len;
}
