// SPDX-License-Identifier: BSD-3-Clause
#include "attach/calls.h"

#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "probe/syscall_names.h"

static const struct {
	const char *class;
	u16 flags;
	const char *operation; /* on files */
} classes[] = {
	{ "read", ATTACH_BY_FILE | ATTACH_ON_FILES | ATTACH_FD, "read" },
	{ "write", ATTACH_BY_FILE | ATTACH_ON_FILES | ATTACH_FD, "write" },
	{ "sync", ATTACH_BY_STATE | ATTACH_ON_FILES, "sync" },
	{ "writeback", ATTACH_BY_STATE | ATTACH_ON_FILES | ATTACH_FD, "sync" },
	{ "open", ATTACH_BY_STATE, NULL },
	{ "stat", ATTACH_BY_STATE, NULL },
	{ "poll", ATTACH_WAIT_EVENT | ATTACH_ON_PURPOSE, NULL },
	{ "futex", ATTACH_WAIT_LOCK, NULL },
	{ "sleep", ATTACH_WAIT_SLEEP | ATTACH_ON_PURPOSE, NULL },
	{ "network", ATTACH_WAIT_NETWORK | ATTACH_FD, NULL },
	{ "memory", ATTACH_BY_STATE, NULL },
	{ "process", ATTACH_BY_STATE, NULL },
	{ "signal", ATTACH_WAIT_OTHER, NULL },
	{ "ipc", ATTACH_WAIT_OTHER, NULL },
};

/* Besides that, by name: what is added, and what is not true of them. */
static const struct {
	u16 add, remove;
	const char *calls;
} some[] = {
	{ ATTACH_FD, 0, " fsync fdatasync syncfs fstat fchdir ioctl " },
	{ ATTACH_OFFSET, 0, " pread64 pwrite64 preadv pwritev preadv2 pwritev2 " },
	{ ATTACH_OPENS | ATTACH_ON_FILES, 0, " open openat openat2 creat open_by_handle_at " },
	{ ATTACH_OPENS | ATTACH_ACCEPTS | ATTACH_WAIT_EVENT | ATTACH_ON_PURPOSE, ATTACH_WAIT_MASK,
	  " accept accept4 " },
	{ ATTACH_WAIT_LOCK | ATTACH_FD, ATTACH_BY_STATE, " fcntl flock " },
	{ ATTACH_WAIT_LOCK, ATTACH_WAIT_MASK, " semop semtimedop " },
	{ ATTACH_WAIT_CHILD, ATTACH_WAIT_MASK, " wait4 waitid " },
	{ ATTACH_WAIT_CHILD | ATTACH_FORKS, ATTACH_BY_STATE, " clone clone3 fork vfork " },
	{ 0, ATTACH_FD, " socket socketpair " },
	{ ATTACH_PATH0, ATTACH_FD | ATTACH_BY_FILE,
	  " open creat stat lstat access mkdir rmdir unlink rename chmod chown lchown readlink truncate statfs chdir link "
	  "symlink execve mknod utimes utime getxattr lgetxattr listxattr llistxattr " },
	{ ATTACH_PATH1, 0,
	  " openat openat2 newfstatat faccessat faccessat2 mkdirat unlinkat renameat renameat2 readlinkat statx fchmodat "
	  "fchmodat2 fchownat utimensat futimesat mknodat linkat execveat name_to_handle_at " },
};

static u16 flags_of(const char *name)
{
	const char *class = syscall_class(name)->name;
	u16 flags = ATTACH_WAIT_OTHER;

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (!strcmp(classes[i].class, class))
			flags = classes[i].flags;
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
		if (syscall_is_in(some[i].calls, name))
			flags = (u16)((flags & ~some[i].remove) | some[i].add);
	return flags;
}

void calls_describe(u16 flags[SYSCALLS])
{
	for (unsigned nr = 0; nr < SYSCALLS; nr++)
		flags[nr] = syscall_name(nr) ? flags_of(syscall_name(nr)) : ATTACH_WAIT_OTHER;
}

const char *call_name(u64 nr)
{
	return syscall_name(nr) ?: "other";
}

const char *call_file_operation(unsigned nr)
{
	const char *name = syscall_name(nr), *class;

	if (!name || !(flags_of(name) & ATTACH_ON_FILES))
		return NULL;
	class = syscall_class(name)->name;
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (!strcmp(classes[i].class, class) && classes[i].operation)
			return classes[i].operation;
	return "open";
}

const char *wait_name(unsigned wait)
{
	static const char *const names[ATTACH_WAITS] = {
		[ATTACH_WAIT_DISK] = "disk",	   [ATTACH_WAIT_LOCK] = "lock",
		[ATTACH_WAIT_NETWORK] = "network", [ATTACH_WAIT_SLEEP] = "sleep",
		[ATTACH_WAIT_EVENT] = "event",	   [ATTACH_WAIT_CHILD] = "child",
		[ATTACH_WAIT_PIPE] = "pipe",	   [ATTACH_WAIT_OTHER] = "other",
	};

	return wait < ATTACH_WAITS ? names[wait] : "cpu";
}
