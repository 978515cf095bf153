/* SPDX-License-Identifier: BSD-3-Clause */
/* Parsers for text in /proc that other processes can influence. */
#ifndef SERVICE_PROC_H
#define SERVICE_PROC_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

/* A listening socket of /proc/net/tcp or tcp6. */
struct proc_listener {
	u64 inode;
	u32 port;
};

/* Parses a line of /proc/net/tcp; false for the header, other states and anything else. */
bool proc_listener_parse(const char *line, struct proc_listener *ret);

/* The inode of a link in /proc/PID/fd that is a socket ("socket:[4711]"). */
bool proc_socket_parse(const char *link, u64 *ret_inode);

/*
 * The base name of the first argument in a process's argument area, up to the first blank, since servers set titles
 * with blanks. Returns its length, 0 for none; *ret_base points into args.
 */
size_t proc_argv0(const char *args, size_t len, const char **ret_base);

/*
 * An interpreter's process may have overwritten its arguments with a title, "gunicorn: master [app]", which has blanks, or
 * padding behind it. Returns the length of its first word, 0: that is no title.
 */
size_t proc_title(const char *args, size_t len, const char **ret_word);

/*
 * The address of the path that was given to exec, from /proc/PID/auxv of a 64-bit or a 32-bit process; 0: it is not there.
 */
u64 proc_auxv_execfn(const void *auxv, size_t len);

#endif
