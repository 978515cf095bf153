// SPDX-License-Identifier: BSD-3-Clause
#include "conf/pattern.h"

#include <fnmatch.h>
#include <string.h>

#define ALTERNATIVE_MAX 256 /* what is longer matches nothing; values of labels are shorter */

bool pattern_match(const char *pattern, const char *value)
{
	bool negative = *pattern == '!', found = false;

	pattern += negative;
	while (!found) {
		size_t len = strcspn(pattern, "|");
		char alternative[ALTERNATIVE_MAX];

		if (len < sizeof(alternative)) {
			memcpy(alternative, pattern, len);
			alternative[len] = '\0';
			found = !fnmatch(alternative, value, 0);
		}
		if (!pattern[len])
			break;
		pattern += len + 1;
	}
	return found != negative;
}
