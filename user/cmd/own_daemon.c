// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/own_daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/daemon.h"
#include "http/control.h"
#include "lib/log.h"
#include "lib/loop.h"

#define INTERVAL_NS   (1000 * NS_PER_MS)
#define ASK_NS	      (20 * NS_PER_MS)
#define START_WAIT_NS (60 * 1000 * NS_PER_MS) /* with a slow verifier, on a busy machine */

/* With what the daemon has left there. */
static void directory_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}

/* --- the child */

/* What it says of itself is for nobody; what is wrong is for whoever has typed the command. */
static void output_quiet(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	if (log_level > SEISMO_LOG_WARN && log_level < SEISMO_LOG_DEBUG)
		log_level = SEISMO_LOG_WARN;
}

/* The directory goes with it: the parent may have been killed. */
static void child_run(const struct own_daemon *d, const struct agent_options *options, pid_t parent)
{
	struct agent_options o = *options;
	int status = EXIT_UNSUPPORTED;
	sigset_t end;

	o.listen = CONF_NO_LISTEN;
	o.state_dir = o.data_dir = d->dir;
	o.socket = d->socket;
	o.own = true;
	if (!o.interval_ns)
		o.interval_ns = INTERVAL_NS;
	setsid(); /* no signals from the terminal */
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL); /* until the event loop takes it */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	output_quiet();
	if (getppid() == parent)
		status = daemon_main(&o);
	directory_remove(d->dir);
	_exit(status);
}

/* --- the parent */

/* Has it ended? Then it is gone. */
static bool has_ended(struct own_daemon *d, int *status)
{
	int end;

	if (waitpid(d->pid, &end, WNOHANG) != d->pid)
		return false;
	d->pid = 0;
	*status = WIFEXITED(end) && WEXITSTATUS(end) ? WEXITSTATUS(end) : EXIT_UNSUPPORTED;
	if (!WIFEXITED(end))
		log_printf(
			SEISMO_LOG_ERR,
			"the part that collects was killed by signal %d; --verbose shows what it was at",
			WTERMSIG(end));
	return true;
}

static bool is_ready(const struct own_daemon *d)
{
	struct buf body = { 0 };
	unsigned status = 0;
	/* waits while it attaches its probes */
	int err = control_get(d->socket, "/-/ready", &status, &body);

	buf_release(&body);
	return !err && status == 200;
}

static int ready_wait(struct own_daemon *d)
{
	const struct timespec pause = { .tv_nsec = ASK_NS };
	u64 end_ns = clock_now_ns() + START_WAIT_NS;
	int status;

	while (!is_ready(d)) {
		if (has_ended(d, &status))
			return status;
		if (clock_now_ns() > end_ns) {
			log_printf(
				SEISMO_LOG_ERR,
				"the probes were not attached within a minute; try again when the machine is less busy, or with fewer (--probes)");
			return EXIT_UNSUPPORTED;
		}
		nanosleep(&pause, NULL);
	}
	return EXIT_OK;
}

/* For root alone, as all below /run; elsewhere for who may not even write there. */
static char *directory_make(void)
{
	char *dir = strdup(access("/run", W_OK) ? "/tmp/seismo-XXXXXX" : "/run/seismo-XXXXXX");

	if (dir && !mkdtemp(dir)) {
		free(dir);
		dir = NULL;
	}
	return dir;
}

int own_daemon_start(struct own_daemon *d, const struct agent_options *options)
{
	pid_t parent = getpid();

	*d = (struct own_daemon){ .dir = directory_make() };
	if (!d->dir || asprintf(&d->socket, "%s/api.sock", d->dir) < 0) {
		log_err(-errno, "cannot make a temporary directory; make room in /run or /tmp");
		return EXIT_UNSUPPORTED;
	}
	fflush(NULL);
	d->pid = fork();
	if (!d->pid)
		child_run(d, options, parent);
	if (d->pid < 0) {
		log_err(-errno, "cannot start a process");
		d->pid = 0;
		directory_remove(d->dir);
		return EXIT_UNSUPPORTED;
	}
	return ready_wait(d);
}

void own_daemon_stop(struct own_daemon *d)
{
	if (d->pid > 0) {
		kill(d->pid, SIGTERM);
		while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (d->dir) /* one that was killed has left it */
		directory_remove(d->dir);
	free(d->dir);
	free(d->socket);
	*d = (struct own_daemon){ 0 };
}
