// SPDX-License-Identifier: BSD-3-Clause
/* Any header gets an answer; what follows a well-formed, certain wish cannot change it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expo/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *header = strndup((const char *)data, size);
	struct buf wish = { 0 };

	accept_format(header);
	accept_gzip(header);

	buf_str(&wish, "application/openmetrics-text,");
	buf_str(&wish, header);
	if (accept_format(buf_cstr(&wish)) != &expo_openmetrics)
		abort();
	buf_reset(&wish);
	buf_str(&wish, "gzip,");
	buf_str(&wish, header);
	if (!accept_gzip(buf_cstr(&wish)))
		abort();

	buf_release(&wish);
	free(header);
	return 0;
}
