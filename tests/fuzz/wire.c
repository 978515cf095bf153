// SPDX-License-Identifier: BSD-3-Clause
/* What a front that somebody has taken over sends to the daemon: no byte behind the message is read, and its texts are its own. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/wire.h"

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

static bool is_within(const char *text, const char *data, size_t len)
{
	return text >= data && text + strlen(text) < data + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of its own size, so that what is read behind it is found */
	char *message = malloc(size ? size : 1);
	struct wire_texts t;

	memcpy(message, data, size);
	if (wire_request_read((const struct wire_request *)message, size, &t)) {
		const char *value = wire_query(&t, "metric");

		REQUIRE(is_within(t.path, message, size) && is_within(t.accept, message, size));
		REQUIRE(!value || is_within(value, message, size));
	}
	free(message);
	return 0;
}
