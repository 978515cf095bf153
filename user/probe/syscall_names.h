/* SPDX-License-Identifier: BSD-3-Clause */
/* System calls by name and number, and their classes. */
#ifndef PROBE_SYSCALL_NAMES_H
#define PROBE_SYSCALL_NAMES_H

#include <stdbool.h>

#include "syscall.h"
#include "types.h"

/*
 * Classes by what a call may wait for. Calls in poll, futex and sleep wait on purpose and must never be reported as
 * slow. The first one, "other", has all that are in no other.
 */
struct syscall_class {
	const char *name, *calls;
	bool slow; /* the slowest are told as events: they do not wait for other programs */
};
extern const struct syscall_class syscall_classes[SYSCALL_CLASSES];

/* Those whose first argument is the descriptor of what may also be no file. */
extern const char syscalls_on_files[];

/* NULL: it has none of its own. */
const char *syscall_name(u64 nr);
const struct syscall_class *syscall_class(const char *name);
/* Of a list of names with a blank before and behind each. */
bool syscall_is_in(const char *list, const char *name);

#endif
