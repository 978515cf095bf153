// SPDX-License-Identifier: BSD-3-Clause
/* Arguments of every kind of interpreter: what is found is one of them, a base name, and whole. */
#include <stdlib.h>
#include <string.h>

#include "service/interpreter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u32 class = size ? data[0] % interpreter_tables()->class_cnt : 0;
	char *args = malloc(size + 1), name[IDENTITY_NAME];
	size_t len;

	if (!args || !size) {
		free(args);
		return 0;
	}
	memcpy(args, data + 1, size - 1);
	args[size - 1] = '\0';
	len = interpreter_script(class, args, size - 1, name);
	if (len >= sizeof(name) || strlen(name) != len || strchr(name, '/'))
		abort();
	if (len && !memmem(args, size, name, len))
		abort();
	for (size_t i = 0; i < len; i++)
		if ((u8)name[i] < ' ')
			abort();
	interpreter_base(args, name);
	interpreter_class(name);
	free(args);
	return 0;
}
