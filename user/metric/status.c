// SPDX-License-Identifier: BSD-3-Clause
#include "metric/status.h"

#include <string.h>

/* The pattern without its own machinery: it is asked for each series and window of a diagnosis. */
bool status_is_failed(const char *status)
{
	static const char failed[] = "|" STATUS_FAILED "|";
	const char *at;
	size_t len;

	if (!status || !*status)
		return false;
	len = strlen(status);
	if (*status == '5')
		return len == 3;
	for (at = failed + 1; (at = strstr(at, status)); at++)
		if (at[-1] == '|' && at[len] == '|')
			return true;
	return false;
}
