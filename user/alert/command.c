// SPDX-License-Identifier: BSD-3-Clause
/*
 * A program that gets alerts as JSON on its standard input, as webhooks do. It has nothing of the daemon's: another user, a clean
 * environment, no descriptors, a session of its own, and so much time; what it has started ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "alert/kinds.h"
#include "alert/message.h"
#include "conf/target.h"
#include "lib/log.h"
#include "lib/loop.h"

#define OUTPUT_MAX     2048 /* what is kept of it */
#define OUTPUT_REST    64   /* reads at the end, of what is left: more than a pipe holds */
#define OUTPUT_POLL_MS 100  /* how soon an end that is asked for is seen */
#define KILLED_MS      1000
#define OPEN_FILES     1024
#define EXEC_FAILED    127
#define USER_BUF_SIZE  4096

struct command {
	char **argv, *user;
	u64 timeout_ns;
	pid_t left; /* the last one, which cannot be killed, such as in a call to a disk that hangs; 0: none */
};

static void close_command(void *self)
{
	struct command *c = self;

	for (char **arg = c->argv; arg && *arg; arg++)
		free(*arg);
	free(c->argv);
	free(c->user);
	free(c);
}

static void *open_command(const void *conf)
{
	const struct command_target *from = conf;
	struct command *c = calloc(1, sizeof(*c));
	unsigned cnt = 0;

	while (from->command[cnt])
		cnt++;
	if (!c)
		return NULL;
	c->timeout_ns = from->timeout_ns;
	c->user = strdup(from->user);
	c->argv = calloc(cnt + 1, sizeof(*c->argv));
	for (unsigned i = 0; c->argv && i < cnt; i++)
		if (!(c->argv[i] = strdup(from->command[i])))
			cnt = 0;
	if (c->user && c->argv && cnt)
		return c;
	close_command(c);
	return NULL;
}

/* --- its process */

/* What is standard input: a file in memory, so that nobody waits for a program that does not read it. */
static int input_open(const struct buf *json)
{
	int fd = memfd_create("alerts", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	while (fd >= 0 && done < json->len) {
		n = write(fd, json->data + done, json->len - done);
		if (n <= 0) {
			close(fd);
			return -EIO;
		}
		done += (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd >= 0 ? fd : -errno;
}

struct account {
	uid_t uid;
	gid_t gid;
};

/*
 * Raw calls: those of the library would change all threads of the parent. Root too is left without capabilities: with
 * PR_SET_NO_NEW_PRIVS it does not get them back from execve().
 */
static bool become(const struct account *id)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_geteuid) != id->uid &&
	    (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, id->gid, id->gid, id->gid) ||
	     syscall(SYS_setresuid, id->uid, id->uid, id->uid)))
		return false;
	return !prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) &&
	       !syscall(SYS_capset, &header, none);
}

static void signals_reset(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child, where only what is safe in signal handlers is: other threads may hold locks for ever. */
static void child_run(char **argv, const struct account *id, int input, int output)
{
	static char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8",
		"HOME=/",
		NULL,
	};
	struct rlimit files = { OPEN_FILES, OPEN_FILES }, core = { 0, 0 };

	signals_reset();
	setsid();
	umask(022);
	if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 ||
	    syscall(SYS_close_range, 3, ~0U, 0) || chdir("/") || setrlimit(RLIMIT_CORE, &core) ||
	    setrlimit(RLIMIT_NOFILE, &files) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    !become(id))
		_exit(EXEC_FAILED);
	execve(argv[0], argv, environment);
	_exit(EXEC_FAILED);
}

struct running {
	pid_t pid;
	int pidfd, output;
	u64 due_ns;
	char text[OUTPUT_MAX];
	size_t len;
	bool timed_out;
};

/* 0 or negative errno. */
static int start(struct running *r, struct command *c, const struct account *id, int input)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	/* its own end of it blocks, as programs expect */
	fcntl(pipes[1], F_SETFL, 0);
	r->pid = fork();
	if (!r->pid)
		child_run(c->argv, id, input, pipes[1]);
	close(pipes[1]);
	r->output = pipes[0];
	r->pidfd = r->pid > 0 ? (int)syscall(SYS_pidfd_open, r->pid, 0) : -1;
	r->due_ns = clock_now_ns() + c->timeout_ns;
	if (r->pid > 0 && r->pidfd >= 0)
		return 0;
	if (r->pid > 0) {
		kill(-r->pid, SIGKILL);
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	close(r->output);
	return -EAGAIN;
}

/*
 * Its beginning is kept, the rest is read so that the program does not wait. False: there is nothing more at present (EAGAIN), or
 * ever.
 */
static bool output_read(struct running *r)
{
	char dropped[4096];
	size_t room = sizeof(r->text) - r->len;
	ssize_t n =
		read(r->output, room ? r->text + r->len : dropped, room ? room : sizeof(dropped));

	if (room && n > 0)
		r->len += (size_t)n;
	if (!n)
		errno = 0;
	return n > 0;
}

/* Until it ends, or its time does, or ours. */
static void wait_for(struct running *r, const atomic_bool *ending)
{
	struct pollfd fds[] = { { r->pidfd, POLLIN, 0 }, { r->output, POLLIN, 0 } };

	while (!fds[0].revents && !*ending && !r->timed_out) {
		if (poll(fds, 2, OUTPUT_POLL_MS) < 0 && errno != EINTR)
			break;
		if (fds[1].revents && !output_read(r) && errno != EAGAIN)
			fds[1].fd = -1; /* it has closed it */
		r->timed_out = !fds[0].revents && clock_now_ns() >= r->due_ns;
	}
	/* A process that has not been waited for keeps its number, so these are its own. */
	kill(-r->pid, SIGKILL);
	kill(r->pid, SIGKILL);
	poll(fds, 1, KILLED_MS);
}

static enum send_result judge(const struct command *c, const struct running *r, int status,
			      struct sending *s)
{
	struct buf *error = &s->error;

	if (c->left)
		buf_str(error, "it cannot be killed");
	else if (r->timed_out)
		buf_printf(error, "it has not ended after %llu ms and was killed",
			   (unsigned long long)(c->timeout_ns / NS_PER_MS));
	else if (WIFSIGNALED(status))
		buf_printf(error, "it was killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == EXEC_FAILED)
		buf_printf(
			error,
			"it cannot be run as user %s (status 127; a unit needs full.conf for that)",
			c->user);
	else if (WEXITSTATUS(status))
		buf_printf(error, "it ends with status %d", WEXITSTATUS(status));
	else
		return SEND_OK;
	/* It was stopped with the daemon, by this or the service manager, and is started again with it. */
	if (*s->ending || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM))
		return SEND_RETRY;
	/* It may have told somebody: only what has not, or says so, is started again. */
	return WIFEXITED(status) && (WEXITSTATUS(status) == EX_TEMPFAIL ||
				     WEXITSTATUS(status) == EXEC_FAILED)
		       ? SEND_RETRY
		       : SEND_REFUSED;
}

static bool user_find(const char *name, struct account *id)
{
	struct passwd user, *found = NULL;
	char buf[USER_BUF_SIZE];

	if (getpwnam_r(name, &user, buf, sizeof(buf), &found) || !found)
		return false;
	*id = (struct account){ found->pw_uid, found->pw_gid };
	return true;
}

static enum send_result run(struct command *c, const struct buf *json, struct sending *s)
{
	struct running r = { 0 };
	struct account id;
	int input, status = 0, err;

	if (c->left && !waitpid(c->left, NULL, WNOHANG)) {
		buf_str(&s->error, "the last one cannot be killed");
		return SEND_RETRY;
	}
	c->left = 0;
	if (!user_find(c->user, &id)) {
		buf_printf(&s->error, "there is no user '%s'", c->user);
		return SEND_RETRY;
	}
	input = json->failed ? -ENOMEM : input_open(json);
	err = input < 0 ? input : start(&r, c, &id, input);
	if (input >= 0)
		close(input);
	if (err) {
		buf_printf(&s->error, "it cannot be started: %s", strerror(-err));
		return SEND_RETRY;
	}
	wait_for(&r, s->ending);
	c->left = waitpid(r.pid, &status, WNOHANG) ? 0 : r.pid;
	/* what it has left behind in another session may go on writing */
	for (int i = 0; i < OUTPUT_REST && output_read(&r); i++)
		;
	close(r.output);
	close(r.pidfd);
	if (r.len)
		log_debug("%s: %.*s", c->argv[0], (int)r.len, r.text);
	return judge(c, &r, status, s);
}

static enum send_result tell(void *self, const struct parcel *parcels, unsigned cnt,
			     struct sending *s)
{
	struct buf json = { 0 };
	enum send_result result;

	message_webhook(&json, parcels, cnt, &target_command, s);
	buf_char(&json, '\n');
	result = run(self, &json, s);
	buf_release(&json);
	return result;
}

const struct target_kind target_command = {
	.name = "command",
	.pages = true,
	.batch = PARCELS_MAX,
	.open = open_command,
	.send = tell,
	.close = close_command,
};
