// SPDX-License-Identifier: BSD-3-Clause
#include "service/proc.h"

#include <inttypes.h>
#include <stdio.h>

#define TCP_LISTEN 10

bool proc_listener_parse(const char *line, struct proc_listener *ret)
{
	unsigned port, state;
	u64 inode;

	if (sscanf(line,
		   "%*9d: %*32[0-9A-Fa-f]:%4x %*32[0-9A-Fa-f]:%*4x %2x %*s %*s %*s %*s %*s %20" SCNu64,
		   &port, &state, &inode) != 3 ||
	    state != TCP_LISTEN)
		return false;
	*ret = (struct proc_listener){ inode, port };
	return true;
}

bool proc_socket_parse(const char *link, u64 *ret_inode)
{
	char end;

	return sscanf(link, "socket:[%20" SCNu64 "%c", ret_inode, &end) == 2 && end == ']';
}

size_t proc_argv0(const char *args, size_t len, const char **ret_base)
{
	const char *at = args;

	*ret_base = args;
	for (; at < args + len && *at && *at != ' '; at++)
		if (*at == '/')
			*ret_base = at + 1;
	return (size_t)(at - *ret_base);
}
