/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_PROC_STAT_H
#define LIB_PROC_STAT_H

#include <sys/types.h>

#define PROC_STAT_SIZE 1024

/*
 * Reads /proc/PID/stat, "1 (name) S ...", and returns what follows the name, which may have any bytes: parentheses and newlines, too.
 * The name then ends two bytes before. NULL and errno if there is none.
 */
char *proc_stat_read(pid_t pid, char text[PROC_STAT_SIZE]);

#endif
