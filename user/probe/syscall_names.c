// SPDX-License-Identifier: BSD-3-Clause
#include "probe/syscall_names.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const names[SYSCALLS] = {
#include "syscalls.h" /* generated from the architecture's <asm/unistd.h> */
	/* may be newer than the headers; they have the same number on all architectures */
	[451] = "cachestat",	     [452] = "fchmodat2",	 [453] = "map_shadow_stack",
	[454] = "futex_wake",	     [455] = "futex_wait",	 [456] = "futex_requeue",
	[457] = "statmount",	     [458] = "listmount",	 [459] = "lsm_get_self_attr",
	[460] = "lsm_set_self_attr", [461] = "lsm_list_modules", [462] = "mseal",
	[463] = "setxattrat",	     [464] = "getxattrat",	 [465] = "listxattrat",
	[466] = "removexattrat",     [467] = "open_tree_attr",	 [SYSCALL_UNKNOWN] = "unknown",
};

const struct syscall_class syscall_classes[SYSCALL_CLASSES] = {
	{ "other", "" },
	{ "read",
	  " read pread64 readv preadv preadv2 readahead getdents getdents64 sendfile splice tee "
	  "vmsplice copy_file_range ",
	  true },
	{ "write", " write pwrite64 writev pwritev pwritev2 truncate ftruncate fallocate ", true },
	{ "open",
	  " open openat openat2 creat close close_range mkdir mkdirat rmdir unlink unlinkat rename "
	  "renameat renameat2 link linkat symlink symlinkat mknod mknodat chmod fchmod fchmodat "
	  "fchmodat2 chown fchown lchown fchownat utimensat utimes utime futimesat dup dup2 dup3 "
	  "fcntl flock chdir fchdir memfd_create name_to_handle_at open_by_handle_at ",
	  true },
	{ "stat",
	  " stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat "
	  "statfs "
	  "fstatfs getcwd lseek getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr "
	  "getxattrat listxattrat statmount listmount cachestat ",
	  true },
	{ "sync", " fsync fdatasync sync syncfs msync ", true },
	{ "writeback", " sync_file_range sync_file_range2 " },
	{ "poll", " poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2 epoll_wait_old "
		  "io_getevents io_pgetevents io_uring_enter pause rt_sigtimedwait rt_sigsuspend "
		  "wait4 waitid "
		  "accept accept4 " },
	{ "futex", " futex futex_wait futex_waitv futex_wake futex_requeue " },
	{ "sleep", " nanosleep clock_nanosleep sched_yield restart_syscall " },
	{ "network",
	  " socket socketpair bind listen connect getsockname getpeername sendto recvfrom sendmsg "
	  "recvmsg sendmmsg recvmmsg shutdown setsockopt getsockopt " },
	{ "memory",
	  " mmap munmap mremap mprotect brk madvise process_madvise mlock mlock2 munlock mlockall "
	  "munlockall mincore mbind set_mempolicy get_mempolicy migrate_pages move_pages "
	  "pkey_mprotect "
	  "pkey_alloc pkey_free remap_file_pages membarrier userfaultfd mseal map_shadow_stack ",
	  true },
	{ "process",
	  " clone clone3 fork vfork execve execveat exit exit_group getpid gettid getppid getpgid "
	  "getsid setsid setpgid getuid geteuid getgid getegid setuid setgid prctl arch_prctl "
	  "prlimit64 "
	  "getrlimit setrlimit getrusage times sched_setaffinity sched_getaffinity "
	  "sched_setscheduler "
	  "sched_getscheduler set_tid_address set_robust_list rseq ptrace unshare setns capget "
	  "capset "
	  "pidfd_open seccomp ",
	  true },
	{ "signal", " rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigqueueinfo "
		    "sigaltstack kill "
		    "tkill tgkill pidfd_send_signal signalfd signalfd4 " },
	{ "ipc", " pipe pipe2 eventfd eventfd2 shmget shmat shmdt shmctl semget semop semtimedop "
		 "semctl msgget "
		 "msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify "
		 "mq_getsetattr " },
};

const char syscalls_on_files[] =
	" read pread64 readv preadv preadv2 readahead getdents getdents64 write pwrite64 writev "
	"pwritev pwritev2 ftruncate fallocate fsync fdatasync syncfs ";

const char *syscall_name(u64 nr)
{
	return nr < SYSCALLS ? names[nr] : NULL;
}

bool syscall_is_in(const char *words, const char *name)
{
	char word[64];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(words, word);
}

const struct syscall_class *syscall_class(const char *name)
{
	for (unsigned i = 1; i < SYSCALL_CLASSES; i++)
		if (syscall_classes[i].calls && syscall_is_in(syscall_classes[i].calls, name))
			return &syscall_classes[i];
	return syscall_classes;
}
