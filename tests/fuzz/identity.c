// SPDX-License-Identifier: BSD-3-Clause
/* Rows of the identity table as the kernel side may leave them: any bytes, any lengths. */
#include <stdlib.h>
#include <string.h>

#include "collect/identity.h"
#include "service/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conf conf;
	struct identity row;
	struct identity_origin from;
	char path[64];

	memset(&row, 0xff, sizeof(row));
	memcpy(&row, data, size < sizeof(row) ? size : sizeof(row));
	identity_name(&row, &conf, &(struct lookups){ .root = "/nonexistent" }, &from);
	if (!*from.service || !memchr(from.service, '\0', sizeof(from.service)) ||
	    !memchr(from.cgroup, '\0', sizeof(from.cgroup)))
		abort();
	if (path_reverse((const char *)data, size, path, sizeof(path)) > size)
		abort();
	if (!memchr(path, '\0', sizeof(path)))
		abort();
	return 0;
}
