/* SPDX-License-Identifier: BSD-3-Clause */
/* What a task waits for, by the functions of the kernel that it sleeps in. */
#ifndef STACK_WAIT_CLASS_H
#define STACK_WAIT_CLASS_H

#include <stdbool.h>
#include <stddef.h>

enum wait_class {
	WAIT_DISK, /* a disk, or a file system's journal, page or server */
	WAIT_LOCK, /* a mutex, or a lock in the kernel */
	WAIT_CONDITION, /* another thread: a condition variable or semaphore, or a lock of a run time that has its own */
	WAIT_NETWORK, /* a socket */
	WAIT_MEMORY,  /* reclaim, the limit of dirty pages, a page that was swapped out */
	WAIT_IDLE,    /* on purpose: sleep, poll, a child, a pipe, a terminal */
	WAIT_STOPPED, /* by a signal, a debugger or a freezer */
	WAIT_OTHER,
	WAIT_CLASSES
};

const char *wait_class_name(enum wait_class class);
/* `functions`, innermost first; NULL: no name is known. */
enum wait_class wait_class_of(const char *const *functions, size_t cnt);
/* Does a thread that sleeps below this function of a program wait for work, though it does so as for a lock? */
bool wait_is_for_work(const char *function);
/* Where no functions are known: by the system call that it is in, negative: none. */
enum wait_class wait_class_of_call(int call);

#endif
