// SPDX-License-Identifier: BSD-3-Clause
#include "service/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

size_t proc_title(const char *args, size_t len, const char **ret_word)
{
	size_t first = strnlen(args, len), n;

	*ret_word = args;
	for (size_t i = first; i < len; i++)
		if (args[i])
			return 0;
	if (!memchr(args, ' ', first) && first + 1 >= len) /* a single argument */
		return 0;
	n = proc_argv0(args, first, ret_word);
	if (n && **ret_word == '[')
		(*ret_word)++, n--;
	return n && (*ret_word)[n - 1] == ':' ? n - 1 : n;
}

#define AT_EXECFN 31
#define AT_MAX	  0xffff /* larger ones are no types */

/* The value of AT_EXECFN in pairs of numbers of this size. */
static bool execfn_find(const char *auxv, size_t len, size_t size, u64 *ret)
{
	for (size_t at = 0; at + 2 * size <= len; at += 2 * size) {
		u64 type = 0, value = 0;

		memcpy(&type, auxv + at, size);
		memcpy(&value, auxv + at + size, size);
		if (type > AT_MAX)
			return false;
		if (type == AT_EXECFN) {
			*ret = value;
			return true;
		}
	}
	return false;
}

u64 proc_auxv_execfn(const void *auxv, size_t len)
{
	u64 address = 0;

	if (!execfn_find(auxv, len, sizeof(u64), &address))
		execfn_find(auxv, len, sizeof(u32), &address);
	return address;
}
