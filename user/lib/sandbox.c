// SPDX-License-Identifier: BSD-3-Clause
#include "lib/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#define NOBODY	      65534
#define USER_BUF_SIZE 4096
#define SOCKET_TYPE   0xf /* without SOCK_NONBLOCK, SOCK_CLOEXEC */

/* --- the user */

struct account {
	const char *name;
	uid_t uid;
	gid_t gid;
};

static struct account account_find(void)
{
	struct passwd user, *found = NULL;
	char buf[USER_BUF_SIZE];

	if (getpwnam_r(SANDBOX_USER, &user, buf, sizeof(buf), &found) || !found)
		return (struct account){ "nobody", NOBODY, NOBODY };
	return (struct account){ SANDBOX_USER, found->pw_uid, found->pw_gid };
}

bool sandbox_user_is(uid_t uid)
{
	struct account a = account_find();

	return a.uid == uid && !strcmp(a.name, SANDBOX_USER);
}

/* Who is not root stays who he is. */
static int user_change(void)
{
	struct account a;

	if (geteuid())
		return 0;
	a = account_find();
	return setgroups(0, NULL) || setresgid(a.gid, a.gid, a.gid) ||
			       setresuid(a.uid, a.uid, a.uid)
		       ? -errno
		       : 0;
}

/* --- capabilities */

static bool in_list(cap_value_t c, const cap_value_t *list, unsigned cnt)
{
	while (cnt && list[cnt - 1] != c)
		cnt--;
	return cnt;
}

/*
 * Only who has CAP_SETPCAP may narrow what execve() could give back. The daemon in its unit has not, nor later a daemon of root: what it
 * starts then keeps as much in this set as it has itself. That costs nothing, and one more capability in the daemon would: with
 * PR_SET_NO_NEW_PRIVS execve() gives nothing back, and the sandbox has none.
 */
static void bounding_reduce(const cap_value_t *keep, unsigned cnt)
{
	for (cap_value_t c = 0; c < cap_max_bits(); c++)
		if (!in_list(c, keep, cnt))
			cap_drop_bound(c);
}

/* Those of the list that it has. */
static int capabilities_reduce(const cap_value_t *keep, unsigned cnt)
{
	cap_t before = cap_get_proc(), after = cap_init();
	cap_flag_value_t had;
	int err = 0;

	for (unsigned i = 0; before && after && i < cnt; i++) {
		if (cap_get_flag(before, keep[i], CAP_PERMITTED, &had) || had != CAP_SET)
			continue;
		cap_set_flag(after, CAP_PERMITTED, 1, &keep[i], CAP_SET);
		cap_set_flag(after, CAP_EFFECTIVE, 1, &keep[i], CAP_SET);
	}
	if (!before || !after || cap_set_proc(after))
		err = -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	cap_free(before);
	cap_free(after);
	return err;
}

/* --- system calls */

static int calls_add(scmp_filter_ctx filter, uint32_t action, const char *const *calls)
{
	int err = 0;

	for (; *calls && !err; calls++) {
		int number = seccomp_syscall_resolve_name(*calls);

		if (number >= 0) /* otherwise this architecture has none of the name */
			err = seccomp_rule_add(filter, action, number, 0);
	}
	return err;
}

/* What needs no look at its arguments. */
static const char *const calls_always[] = {
	/* memory, time, threads */
	"brk", "munmap", "mremap", "madvise", "clock_gettime", "clock_getres", "clock_nanosleep",
	"nanosleep", "gettimeofday", "time", "futex", "sched_yield", "getcpu", "rseq",
	"set_robust_list", "membarrier", "restart_syscall", "getrandom", "getpid", "gettid",
	"getuid", "geteuid", "getgid", "getegid", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"sigaltstack", "exit", "exit_group", "sched_getaffinity",
	/* what is open */
	"read", "readv", "pread64", "write", "writev", "lseek", "fstat", "close", "poll", "ppoll",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2",
	/* connections */
	"accept4", "recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown", "getsockname",
	"getpeername", "getsockopt", NULL
};

/* For looking up names, and TLS. Of files only those are there that Landlock leaves, to read. */
static const char *const calls_connecting[] = {
	"connect",    "sendmmsg",   "recvmmsg",	  "pipe2",  "stat",	 "lstat",
	"newfstatat", "fstatfs",    "statfs",	  "access", "faccessat", "faccessat2",
	"readlink",   "readlinkat", "getdents64", "uname",  "sysinfo",	 NULL
};

struct condition {
	const char *call;
	struct scmp_arg_cmp args[2];
	unsigned cnt;
};

#define ONE(...) .args = { __VA_ARGS__ }, .cnt = 1
#define TWO(...) .args = { __VA_ARGS__ }, .cnt = 2

/* No memory becomes a program, nobody is told to send signals, no limit is changed, no device is driven. */
static const struct condition conditions_always[] = {
	{ "mmap", ONE(SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) },
	{ "mprotect", ONE(SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) },
	{ "fcntl", ONE(SCMP_A1(SCMP_CMP_EQ, F_GETFL)) },
	{ "fcntl", ONE(SCMP_A1(SCMP_CMP_EQ, F_SETFL)) },
	{ "fcntl", ONE(SCMP_A1(SCMP_CMP_EQ, F_GETFD)) },
	{ "fcntl", ONE(SCMP_A1(SCMP_CMP_EQ, F_SETFD)) },
	{ "ioctl", ONE(SCMP_A1(SCMP_CMP_EQ, FIONREAD)) },
	{ "ioctl", ONE(SCMP_A1(SCMP_CMP_EQ, FIONBIO)) },
	{ "setsockopt", ONE(SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET)) },
	{ "setsockopt", ONE(SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP)) },
	{ "prctl", ONE(SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)) },
	{ "prlimit64", TWO(SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)) },
	/* threads and pairs of sockets are the process's own */
	{ "clone", ONE(SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) },
	{ "socketpair", ONE(SCMP_A0(SCMP_CMP_EQ, AF_UNIX)) },
	{ .call = NULL },
};

#define SOCKET(family, type) \
	"socket", TWO(SCMP_A0(SCMP_CMP_EQ, family), SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPE, type))

#define OPEN_WRITING (O_ACCMODE | O_CREAT | O_TRUNC)

static const struct condition conditions_connecting[] = {
	{ "open", ONE(SCMP_A1(SCMP_CMP_MASKED_EQ, OPEN_WRITING, O_RDONLY)) },
	{ "openat", ONE(SCMP_A2(SCMP_CMP_MASKED_EQ, OPEN_WRITING, O_RDONLY)) },
	{ SOCKET(AF_INET, SOCK_STREAM) },
	{ SOCKET(AF_INET, SOCK_DGRAM) },
	{ SOCKET(AF_INET6, SOCK_STREAM) },
	{ SOCKET(AF_INET6, SOCK_DGRAM) },
	{ .call = NULL },
};

static int conditions_add(scmp_filter_ctx filter, const struct condition *c)
{
	int err = 0;

	for (; c->call && !err; c++) {
		int number = seccomp_syscall_resolve_name(c->call);

		if (number >= 0)
			err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, c->cnt,
						     c->args);
	}
	return err;
}

/* A process of itself only: abort() is one. */
static int abort_add(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

/* Takes the filter, NULL: there was no memory. */
static int filter_load(scmp_filter_ctx filter, int err)
{
	if (!filter)
		return -ENOMEM;
	err = err ?: seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	err = err ?: seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
	err = err ?: seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

static int calls_reduce(bool connects)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter ? calls_add(filter, SCMP_ACT_ALLOW, calls_always) : 0;

	if (!err && filter)
		err = conditions_add(filter, conditions_always) ?: abort_add(filter);
	/* flags in memory, which a filter does not see: the library then takes clone() */
	if (!err && filter)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!err && filter && connects) {
		err = calls_add(filter, SCMP_ACT_ALLOW, calls_connecting);
		err = err ?: conditions_add(filter, conditions_connecting);
	}
	return filter_load(filter, err);
}

int sandbox_enter(const struct landlock_left *left, const char **what)
{
	const struct rlimit none = { 0, 0 };
	int err;

	*what = "become another user";
	bounding_reduce(NULL, 0);
	err = user_change();
	if (!err) {
		*what = "give up capabilities";
		err = capabilities_reduce(NULL, 0);
	}
	/* after the change of user, which forgets it */
	if (!err && (prctl(PR_SET_PDEATHSIG, SIGKILL) || setrlimit(RLIMIT_CORE, &none) ||
		     prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))
		err = -errno;
	if (!err) {
		*what = "give up files";
		err = landlock_enter(left);
	}
	if (!err) {
		*what = "give up system calls";
		err = calls_reduce(left->connects);
	}
	return err;
}

/* Appends whose it is, by name where there is one. */
static void user_write(struct buf *out)
{
	struct passwd user, *found = NULL;
	char buf[USER_BUF_SIZE];

	if (!geteuid())
		buf_str(out, account_find().name);
	else if (!getpwuid_r(geteuid(), &user, buf, sizeof(buf), &found) && found)
		buf_str(out, found->pw_name);
	else
		buf_printf(out, "%u", geteuid());
}

void sandbox_write(struct buf *out)
{
	int version = landlock_version();

	buf_str(out, "user ");
	user_write(out);
	buf_str(out, ", no capability, seccomp, ");
	if (version)
		buf_printf(out, "Landlock (version %d)", version);
	else
		buf_str(out,
			"no Landlock (Linux 5.13 or later has it): who looks up names can read what this user can");
}

/* --- the privileged process */

/* For none of them is there a use, whatever somebody makes it do. */
static const char *const calls_denied[] = { "ptrace",
					    "process_vm_writev",
					    "mount",
					    "umount2",
					    "mount_setattr",
					    "move_mount",
					    "fsopen",
					    "fsmount",
					    "fsconfig",
					    "fspick",
					    "open_tree",
					    "pivot_root",
					    "chroot",
					    "swapon",
					    "swapoff",
					    "init_module",
					    "finit_module",
					    "delete_module",
					    "kexec_load",
					    "kexec_file_load",
					    "reboot",
					    "setns",
					    "unshare",
					    "iopl",
					    "ioperm",
					    "settimeofday",
					    "clock_settime",
					    "clock_adjtime",
					    "adjtimex",
					    "sethostname",
					    "setdomainname",
					    "acct",
					    "quotactl",
					    "quotactl_fd",
					    "open_by_handle_at",
					    "mknod",
					    "mknodat",
					    "add_key",
					    "request_key",
					    "keyctl",
					    "userfaultfd",
					    "io_uring_setup",
					    "io_uring_enter",
					    "io_uring_register",
					    "fanotify_init",
					    "syslog",
					    "vhangup",
					    NULL };

int privileges_reduce(const int *capabilities, unsigned cnt, const char **what)
{
	scmp_filter_ctx filter;
	int err;

	*what = "give up capabilities";
	bounding_reduce(capabilities, cnt);
	err = capabilities_reduce(capabilities, cnt);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (err)
		return err;
	*what = "give up system calls";
	filter = seccomp_init(SCMP_ACT_ALLOW);
	return filter_load(filter,
			   filter ? calls_add(filter, SCMP_ACT_ERRNO(EPERM), calls_denied) : 0);
}
