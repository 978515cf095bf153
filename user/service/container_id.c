// SPDX-License-Identifier: BSD-3-Clause
#include "service/container_id.h"

#include <string.h>

#define HEX "0123456789abcdef"

bool container_id_valid(const char *id, size_t len)
{
	return len == CONTAINER_ID_LEN && strnlen(id, len) == len && strspn(id, HEX) >= len;
}

bool pod_uid_valid(const char *uid)
{
	size_t len = strlen(uid);

	if (strspn(uid, HEX "-") != len)
		return false;
	return len == 32 ? !strchr(uid, '-') : len == POD_UID_MAX;
}
