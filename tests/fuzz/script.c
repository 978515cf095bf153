// SPDX-License-Identifier: BSD-3-Clause
/* Argument areas: what is found is within them, a base name, and whole. */
#include "script.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u32 len = size < SCRIPT_ARGS_MAX ? (u32)size : SCRIPT_ARGS_MAX, at, n;
	char args[2 * SCRIPT_ARGS_MAX] = { 0 };
	struct script_scan scan = { 0 };

	memcpy(args, data, len);
	at = script_find(args, len, &scan, &n);
	if (!n)
		return 0;
	if (at < 1 || at + n >= len || args[at + n])
		abort();
	if (args[at - 1] && args[at - 1] != '/')
		abort();
	for (u32 i = at; i < at + n; i++)
		if ((u8)args[i] <= ' ' || args[i] == '/')
			abort();
	return 0;
}
