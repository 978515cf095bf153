// SPDX-License-Identifier: BSD-3-Clause
#include "probe/probe.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/loop.h"
#include "probe/hook.h"
#include "syscall.h"

PROBE_ELF(syscall);

#define SAMPLE_WINDOW_NS 200000000ULL
#define SAMPLE_PERIOD_NS 4000000000ULL

/* Filled by the configuration. */
struct syscall_settings {
	u64 slow_ns;
};

static const struct setting syscall_settings[] = {
	{ "slow", SETTING_DURATION, offsetof(struct syscall_settings, slow_ns), .initial = 1000000,
	  .min = 100000, .max = 60000000000, .live = true,
	  .help = "system calls that take longer are timed in every mode, if they spend at least half of it off the CPU" },
	{ .name = NULL },
};

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

/*
 * Classes by what a call may wait for. Calls in poll, futex and sleep wait on purpose and must never be reported as
 * slow.
 */
static const struct {
	const char *name, *calls;
	bool slow; /* the slowest are told as events: they do not wait for other programs */
} classes[SYSCALL_CLASSES] = {
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

/* Those whose first argument is the descriptor of what may also be no file. */
static const char file_calls[] =
	" read pread64 readv preadv preadv2 readahead getdents getdents64 write pwrite64 writev "
	"pwritev pwritev2 ftruncate fallocate fsync fdatasync syncfs ";

/* Those that wait for other programs, whatever their class. */
static const char lock_calls[] = " fcntl flock ";

static bool word_is_in(const char *words, const char *name)
{
	char word[64];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(words, word);
}

static unsigned class_of(const char *name)
{
	for (unsigned i = 1; i < SYSCALL_CLASSES; i++)
		if (classes[i].calls && word_is_in(classes[i].calls, name))
			return i;
	return 0;
}

/* What is read from or written to sockets and pipes has no file: sendfile and the like are not told either. */
static u8 class_byte(const char *name)
{
	unsigned class = class_of(name), flags = classes[class].slow ? SYSCALL_SLOW : 0;

	if (word_is_in(file_calls, name))
		flags |= SYSCALL_FILE;
	else if (!strcmp(classes[class].name, "read") || word_is_in(lock_calls, name))
		flags = 0;
	return (u8)(class | flags);
}

static void label_syscall(u64 value, char *buf, size_t size)
{
	label_name(names, SYSCALLS, value, buf, size);
}

/* Calls that are not known have no class. */
static const char *class_name(const char *syscall)
{
	return strcmp(syscall, names[SYSCALL_UNKNOWN]) != 0 ? classes[class_of(syscall)].name : "";
}

static void label_class(u64 value, char *buf, size_t size)
{
	snprintf(buf, size, "%s", value < SYSCALL_CLASSES ? classes[value].name : "other");
}

/* Marks the system calls for which other families have programs to be tail-called. */
static void calls_mark(u8 class[SYSCALLS])
{
	for (const struct probe *const *p = probes; *p; p++)
		for (const struct hook *h = (*p)->hooks; h->alt[0]; h++)
			for (const u32 *nr = h->tail_call_keys; nr && *nr; nr++)
				class[*nr] |= SYSCALL_TAIL_CALL;
}

/* They may wait for the child, on purpose. */
static void forks_mark(u8 class[SYSCALLS])
{
	static const u16 forks[] = {
		SYS_clone,
		SYS_clone3,
#ifdef SYS_fork
		SYS_fork,
		SYS_vfork,
#endif
	};

	for (size_t i = 0; i < sizeof(forks) / sizeof(*forks); i++)
		class[forks[i]] = (class[forks[i]] & ~SYSCALL_SLOW) | SYSCALL_FORKS;
}

static int setup(struct probe_run *run)
{
	u8 class[SYSCALLS] = { 0 };
	const bool sampled = run->mode == PROBE_MODE_SAMPLED;
	const u32 rt_sigreturn = SYS_rt_sigreturn;
	struct hook_run *exit = probe_hook(run, "exit_btf");
	int err;

	for (unsigned nr = 0; nr < SYSCALLS; nr++)
		if (names[nr])
			class[nr] = class_byte(names[nr]);
	forks_mark(class);
	calls_mark(class);
	probe_hook(run, "enter_btf")->disabled = run->mode == PROBE_MODE_COUNT;
	if (run->mode != PROBE_MODE_FULL) /* cheaper, and sched_switch counts what it misses */
		exit->best = exit->hook->lossless;
	err = probe_const(run, "syscall_class", class, sizeof(class));
	err = err ?: probe_const(run, "rt_sigreturn", &rt_sigreturn, sizeof(rt_sigreturn));
	return err ?: probe_const(run, "sampled", &sampled, sizeof(sampled));
}

/* What is away from the CPU for half of `slow` when it comes back may take as long as that by its end. */
static void configure(struct probe_run *run)
{
	const struct syscall_settings *settings =
		conf_probe_settings(run->set->conf, run->probe->name);
	struct tables *t = &run->set->tables;

	for (u32 cpu = 0; cpu < t->sizes.cpus; cpu++)
		__atomic_store_n(&t->cpus[cpu].slow_ns, settings->slow_ns / 2, __ATOMIC_RELAXED);
}

static int started(struct probe_run *run)
{
	if (run->mode == PROBE_MODE_FULL) {
		int err = hook_attach(run, probe_hook(run, "enter_btf"));

		if (err)
			return err;
	}
	configure(run);
	tail_calls_add(run->set, "sys_exit_tail_calls", probe_hook(run, "exit_btf"));
	return 0;
}

/* Of varying length, so that no work that repeats itself keeps step with it. */
static u64 pause_ns(void)
{
	const u64 mean = SAMPLE_PERIOD_NS - SAMPLE_WINDOW_NS;

	return mean / 2 + (u64)random() % mean;
}

/*
 * Mode sampled: the sys_enter program is attached for a part of each period. A call that it has seen is timed even if it ends
 * later: whether a call is in the sample does not depend on its duration.
 */
static void tick(struct probe_run *run, u64 now_ns)
{
	struct hook_run *enter = probe_hook(run, "enter_btf");

	if (run->mode != PROBE_MODE_SAMPLED || now_ns < run->next_ns)
		return;
	run->phase = !run->phase;
	run->next_ns = now_ns + (run->phase ? SAMPLE_WINDOW_NS / 2 : pause_ns());
	if (run->phase)
		hook_attach(run, enter);
	else
		hook_detach(enter);
}

const struct probe probe_syscall = {
	.name = "syscall",
	.summary = "system calls: counts, errors, durations",
	.elf = &syscall_elf,
	.settings = syscall_settings,
	.mode = PROBE_MODE_SAMPLED,
	.setup = setup,
	.started = started,
	.configure = configure,
	.tick = tick,
	.hooks =
		(const struct hook[]){
			{ { "exit_tp", TRACEPOINT("exit") },
			  .lossless = 1,
			  .in_tasks = true,
			  .missed = "seismo_syscalls_total",
			  .missed_dim = SYSCALL_UNKNOWN,
			  .with_start = true,
			  .purpose = "counts and errors of system calls" },
			{ { "enter_tp", TRACEPOINT("enter") },
			  .lossless = 1,
			  .on_demand = true,
			  .optional = true,
			  .purpose = "durations of system calls" },
			{ { TRACEPOINT("deliver") },
			  .optional = true,
			  .purpose = "system calls that return EINTR" },
			{ .alt[0] = NULL },
		},
	.metrics =
		(const struct metric[]){
			{ "seismo_syscalls_total", METRIC_COUNTER, UNIT_NONE,
			  "System calls that returned.", .service = true,
			  .labels = { { "syscall", 0, SYSCALL_ERRNO_SHIFT, label_syscall } },
			  .max = 20000 },
			{ "seismo_syscall_errors_total", METRIC_COUNTER, UNIT_NONE,
			  "System calls that returned an error.", .service = true,
			  .labels = { { "syscall", 0, SYSCALL_ERRNO_SHIFT, label_syscall },
				      { "errno", SYSCALL_ERRNO_SHIFT, 16, label_errno } },
			  .max = 8000 },
			{ "seismo_syscall_duration_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Duration of system calls by class. Calls that take longer than the setting slow, not counting calls that only compute, are always timed; mode full times the others too, mode sampled a sample of them that stands for all, mode count none.",
			  .service = true, .labels = { { "class", 0, 16, label_class } },
			  .buckets = BUCKETS_SLOW, .max = 1600, .events = "seismo_syscalls_total",
			  .events_label = class_name },
			{ "seismo_syscall_quick_seconds", METRIC_HISTOGRAM, UNIT_SECONDS,
			  "Of those that are not slow, a sample.", .hidden = true, .service = true,
			  .labels = { { "class", 0, 16, label_class } }, .max = 1000,
			  .sample = true },
			{ .name = NULL },
		},
};
