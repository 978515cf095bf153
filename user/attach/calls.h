/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel side of an attachment has to know of each system call: what it waits for, what it is about. */
#ifndef ATTACH_CALLS_H
#define ATTACH_CALLS_H

#include "attach.h"

/* Flags of attach.h, by number. */
void calls_describe(u16 flags[SYSCALLS]);

/* "other": it has none, or not in our mode. */
const char *call_name(u64 nr);

/* What a call does to files; NULL: it is not about them. */
const char *call_file_operation(unsigned nr);

/* "disk", "lock" ... */
const char *wait_name(unsigned wait);

#endif
