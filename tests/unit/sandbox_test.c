// SPDX-License-Identifier: BSD-3-Clause
/*
 * What somebody would try who has taken over a process in the sandbox: each is refused there, and what is marked `works` is not
 * where there is none, so that the test can tell.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sandbox.h"

#define IN_SANDBOX_FAILED 200
#define SURVIVED	  201 /* a signal, in place of an errno */

static pid_t victim; /* a process of our own, root's if we are */
static int listener; /* open before the sandbox */

/* Each returns 0 or more where it succeeds, otherwise -1 and errno. */
static long open_shadow(void)
{
	return open("/etc/shadow", O_RDONLY);
}

static long open_memory(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", victim);
	return open(path, O_RDWR);
}

static long open_environment(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", victim);
	return open(path, O_RDONLY);
}

static long make_file(void)
{
	return open("/tmp/seismo-sandbox-test", O_RDWR | O_CREAT | O_EXCL, 0600);
}

static long make_unnamed(void)
{
	return open("/tmp", O_RDWR | O_TMPFILE, 0600);
}

static long write_file(void)
{
	return open("/tmp/seismo-sandbox-test", O_WRONLY);
}

static long cut_file(void)
{
	return open("/tmp/seismo-sandbox-test", O_RDONLY | O_TRUNC);
}

static long make_device(void)
{
	return mknod("/tmp/seismo-sandbox-test", S_IFIFO | 0600, 0);
}

static long remove_file(void)
{
	return unlink("/tmp/seismo-sandbox-test");
}

static long change_mode(void)
{
	return chmod("/tmp", 01777);
}

static long run_program(void)
{
	char *const argv[] = { "true", NULL };

	return execve("/bin/true", argv, argv + 1);
}

static long run_anonymous(void)
{
	return memfd_create("program", 0);
}

static long fork_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid;
}

static long map_program(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		       ? -1
		       : 0;
}

static long make_program(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long load_bpf(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1
	};

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long watch_events(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_CPU_CLOCK,
					.size = sizeof(attr) };

	return syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
}

static long trace(void)
{
	return ptrace(PTRACE_SEIZE, victim, NULL, NULL);
}

static long read_memory(void)
{
	char here[8];
	struct iovec to = { here, sizeof(here) }, from = { (void *)&victim, sizeof(here) };

	return process_vm_readv(victim, &to, 1, &from, 1, 0);
}

static long signal_process(void)
{
	return kill(victim, 0);
}

static long signal_everybody(void)
{
	return kill(-1, 0);
}

static long signal_thread(void)
{
	return syscall(SYS_tgkill, victim, victim, 0);
}

static long open_process(void)
{
	return syscall(SYS_pidfd_open, victim, 0);
}

static long own_signals(void)
{
	return fcntl(listener, F_SETOWN, victim);
}

static long open_raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static long open_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long open_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long open_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long open_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}

static long open_internet_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

/* To the control socket, be it that a socket was at hand. */
static long connect_unix(void)
{
	struct sockaddr_un to = { AF_UNIX, "/run/seismo/api.sock" };

	return connect(listener, (struct sockaddr *)&to, sizeof(to));
}

static long listen_here(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET };

	return bind(listener, (struct sockaddr *)&here, sizeof(here));
}

static long mount_something(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static long change_root(void)
{
	return chroot("/");
}

static long make_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static long become_root(void)
{
	return setresuid(0, 0, 0);
}

/* Says what it has by how it ends: nobody can be refused to look at himself. */
static long have_capability(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct one[_LINUX_CAPABILITY_U32S_3] = { { .effective = 1,
									  .permitted = 1 } };

	return syscall(SYS_capset, &header, one);
}

static long load_module(void)
{
	return syscall(SYS_init_module, NULL, 0, "");
}

static long use_ring(void)
{
	char params[256] = { 0 };

	return syscall(SYS_io_uring_setup, 1, params);
}

static long handle_faults(void)
{
	return syscall(SYS_userfaultfd, 1);
}

static long use_keys(void)
{
	return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -1, 0);
}

static long drive_terminal(void)
{
	return ioctl(listener, TIOCSTI, "x");
}

static long raise_limit(void)
{
	struct rlimit limit = { 16, 16 };

	return setrlimit(RLIMIT_NOFILE, &limit);
}

static long limit_other(void)
{
	struct rlimit limit;

	return prlimit(victim, RLIMIT_NOFILE, NULL, &limit);
}

static long slow_down(void)
{
	return setpriority(PRIO_PROCESS, (id_t)victim, 19);
}

static long be_dumped(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long leave_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, 0);
}

static long look_around(void)
{
	return chdir("/root");
}

struct attack {
	const char *name;
	long (*try)(void);
	bool works;    /* root can do that where there is no sandbox */
	bool connects; /* who may connect can do that */
};

static const struct attack attacks[] = {
	{ "/etc/shadow", open_shadow, true },
	{ "memory of another process", open_memory, true },
	{ "environment of another process", open_environment, true },
	{ "a new file", make_file, true },
	{ "a node", make_device, true },
	{ "unlink", remove_file, true },
	{ "chmod", change_mode, true },
	{ "execve", run_program, true },
	{ "memfd_create", run_anonymous, true },
	{ "fork", fork_process, true },
	{ "mmap of a program", map_program, true },
	{ "mprotect to a program", make_program, true },
	{ "bpf", load_bpf },
	{ "perf_event_open", watch_events },
	{ "ptrace", trace, true },
	{ "process_vm_readv", read_memory, true },
	{ "kill", signal_process, true },
	{ "kill of everybody", signal_everybody, true },
	{ "tgkill", signal_thread, true },
	{ "pidfd_open", open_process, true },
	{ "F_SETOWN", own_signals, true },
	{ "a raw socket", open_raw_socket },
	{ "a packet socket", open_packet_socket },
	{ "a netlink socket", open_netlink, true },
	{ "a Unix socket", open_unix_socket, true },
	{ "a VM socket", open_vsock },
	{ "an internet socket", open_internet_socket, true, true },
	{ "bind", listen_here },
	{ "connect to a Unix socket", connect_unix, false, true },
	{ "mount", mount_something },
	{ "chroot", change_root },
	{ "a user namespace", make_namespace },
	{ "root again", become_root, true },
	{ "a capability", have_capability },
	{ "a module", load_module },
	{ "io_uring", use_ring },
	{ "userfaultfd", handle_faults },
	{ "keyctl", use_keys },
	{ "TIOCSTI", drive_terminal },
	{ "setrlimit", raise_limit, true },
	{ "limits of another process", limit_other, true },
	{ "setpriority", slow_down, true },
	{ "PR_SET_DUMPABLE", be_dumped, true },
	{ "PR_SET_PDEATHSIG", leave_parent, true },
	{ "chdir", look_around, true },
	{ NULL, NULL },
};

static void *thread_try(void *ctx)
{
	const struct attack *a = ctx;

	_exit(a->try() < 0 ? errno : 0);
}

/* What they start is as confined. */
static int by_thread(const struct attack *a)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, thread_try, (void *)a);

	if (!err)
		pthread_join(thread, NULL);
	return IN_SANDBOX_FAILED;
}

static bool in_thread;

/* In a process of its own: 0, or the errno that it ended with. */
static int try(const struct attack *a, const struct landlock_left *left)
{
	pid_t pid = fork();
	const char *what;
	int status;

	if (!pid) {
		alarm(120);
		if (left && sandbox_enter(left, &what))
			_exit(IN_SANDBOX_FAILED);
		if (in_thread)
			_exit(by_thread(a));
		_exit(a->try() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink("/tmp/seismo-sandbox-test");
	return WIFEXITED(status) ? WEXITSTATUS(status) : SURVIVED;
}

static void each_attack(const struct landlock_left *left)
{
	unsigned bad = 0;

	for (const struct attack *a = attacks; a->name; a++) {
		int error = try(a, left);
		bool file = left->connects && error == EACCES && landlock_version();

		if (left->connects && a->connects)
			continue;
		/* files and what is refused by its argument */
		if (error != EPERM && !file) {
			print_error("%s: %s\n", a->name, error ? strerror(error) : "it worked");
			bad++;
		}
	}
	assert_int_equal(bad, 0);
}

static void what_an_attacker_tries_is_refused(void **state)
{
	static const struct landlock_left nothing;

	(void)state;
	each_attack(&nothing);
}

/* The front has some, for TLS and passwords. */
static void so_is_what_a_thread_tries(void **state)
{
	static const struct landlock_left nothing;

	(void)state;
	in_thread = true;
	each_attack(&nothing);
	in_thread = false;
}

static void who_connects_is_refused_the_rest(void **state)
{
	static const char *const readable[] = { "/etc/hosts", NULL };
	const struct landlock_left left = { readable, true };

	(void)state;
	if (!landlock_version()) {
		print_message(
			"this kernel has no Landlock: files are only what the user may read\n");
		skip();
	}
	each_attack(&left);
}

/* A kernel without Landlock leaves only reading: the filter of system calls comes first, and says EPERM. */
static void who_connects_writes_no_file(void **state)
{
	static const struct attack writing[] = {
		{ "a new file", make_file },
		{ "a file without a name", make_unnamed },
		{ "a file that is there", write_file },
		{ "a shorter file", cut_file },
	};
	const struct landlock_left left = { NULL, true };

	(void)state;
	for (size_t i = 0; i < sizeof(writing) / sizeof(*writing); i++) {
		int fd = open("/tmp/seismo-sandbox-test", O_RDWR | O_CREAT, 0600);

		close(fd);
		assert_int_equal(try(&writing[i], &left), EPERM);
	}
}

static void without_a_sandbox_most_of_it_works(void **state)
{
	unsigned cnt = 0;

	(void)state;
	if (geteuid())
		skip();
	close(open("/tmp/seismo-sandbox-test", O_RDWR | O_CREAT, 0600)); /* to be unlinked */
	for (const struct attack *a = attacks; a->name; a++) {
		int error;

		if (a->try == remove_file)
			close(open("/tmp/seismo-sandbox-test", O_RDWR | O_CREAT, 0600));
		if (a->try == make_file || a->try == make_device)
			unlink("/tmp/seismo-sandbox-test");
		error = a->works ? try(a, NULL) : 0;
		if (error)
			print_error("%s: %s\n", a->name, strerror(error));
		cnt += error != 0;
	}
	assert_int_equal(cnt, 0);
}

/* Of the child: its capabilities, user and filters, by its own status. */
static void status_is(const char *key, const char *expected, const char *status)
{
	const char *line = strstr(status, key);
	char value[128] = "";

	assert_non_null(line);
	sscanf(line + strlen(key), ": %127[^\n]", value);
	assert_string_equal(value, expected);
}

static void nothing_is_left_of_privileges(void **state)
{
	static const struct landlock_left nothing;
	char status[8192] = "";
	const char *what;
	int go[2], fd;
	char path[64];
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (!pid) {
		char c = (char)sandbox_enter(&nothing, &what);

		if (write(go[1], &c, 1) == 1)
			poll(NULL, 0, 20000);
		_exit(0);
	}
	assert_int_equal(read(go[0], status, 1), 1);
	assert_int_equal(status[0], 0);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	assert_true(read(fd, status, sizeof(status) - 1) > 0);
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	status_is("CapEff", "0000000000000000", status);
	status_is("CapPrm", "0000000000000000", status);
	status_is("CapInh", "0000000000000000", status);
	status_is("CapAmb", "0000000000000000", status);
	status_is("NoNewPrivs", "1", status);
	status_is("Seccomp", "2", status);
	assert_null(strstr(status, "Uid:\t0"));
	assert_null(strstr(status, "Gid:\t0"));
}

/* What the daemon keeps: only the capabilities that it named; and it runs on, and starts threads and others. */
static void privileges_are_reduced(void **state)
{
	static const int kept[] = { CAP_KILL, CAP_SYS_PTRACE };
	const char *what;
	pid_t pid;
	int status;

	(void)state;
	if (geteuid())
		skip();
	pid = fork();
	if (!pid) {
		cap_t now;
		cap_flag_value_t kill_left, chown_left, raw_left;

		if (privileges_reduce(kept, 2, &what))
			_exit(1);
		now = cap_get_proc();
		cap_get_flag(now, CAP_KILL, CAP_EFFECTIVE, &kill_left);
		cap_get_flag(now, CAP_CHOWN, CAP_PERMITTED, &chown_left);
		cap_get_flag(now, CAP_NET_RAW, CAP_PERMITTED, &raw_left);
		if (kill_left != CAP_SET || chown_left != CAP_CLEAR || raw_left != CAP_CLEAR)
			_exit(2);
		if (trace() != -1 || errno != EPERM || mount_something() != -1 || errno != EPERM ||
		    load_module() != -1 || errno != EPERM || make_namespace() != -1 ||
		    errno != EPERM)
			_exit(3);
		_exit(fork_process() > 0 && signal_process() == 0 ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int setup(void **state)
{
	(void)state;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	victim = fork();
	if (!victim) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return victim < 0 || listener < 0;
}

static int teardown(void **state)
{
	(void)state;
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	close(listener);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_sandbox_most_of_it_works),
		cmocka_unit_test(what_an_attacker_tries_is_refused),
		cmocka_unit_test(so_is_what_a_thread_tries),
		cmocka_unit_test(who_connects_is_refused_the_rest),
		cmocka_unit_test(who_connects_writes_no_file),
		cmocka_unit_test(nothing_is_left_of_privileges),
		cmocka_unit_test(privileges_are_reduced),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
