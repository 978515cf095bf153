/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read from /proc, apart from the reading: text that other processes have a say in. */
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

/* Reads a line of /proc/net/tcp; false for the head, other states, and what is no such line. */
bool proc_listener_parse(const char *line, struct proc_listener *ret);

/* The inode of a link in /proc/PID/fd that is a socket ("socket:[4711]"). */
bool proc_socket_parse(const char *link, u64 *ret_inode);

/*
 * The base name of the first argument in a process's argument area, up to the first blank (titles that
 * servers set look like that). Returns its length, 0 for none; *ret_base points into args.
 */
size_t proc_argv0(const char *args, size_t len, const char **ret_base);

#endif
