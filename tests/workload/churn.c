// SPDX-License-Identifier: BSD-3-Clause
/*
 * Many services that come and go, one after the other; each makes CALLS calls of sched_rr_get_interval,
 * which hardly anybody else does.
 *
 *   churn cgroup DIRECTORY COUNT CALLS [FIRST]   in a cgroup DIRECTORY/churn-N.service of its own
 *   churn exe DIRECTORY COUNT CALLS [FIRST]      as an executable DIRECTORY/churn-N of its own
 *   churn call CALLS [MS]                        what they run; MS between calls
 *
 * N counts from FIRST on, or 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char self[PATH_MAX];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int call(long calls, long pause_ms)
{
	const struct timespec pause = { pause_ms / 1000, pause_ms % 1000 * 1000000 };
	struct timespec interval;

	while (calls-- > 0) {
		syscall(SYS_sched_rr_get_interval, 0, &interval);
		if (pause_ms)
			nanosleep(&pause, NULL);
	}
	return 0;
}

static void cgroup_make(const char *path)
{
	if (mkdir(path, 0755))
		die(path);
}

static void cgroup_enter(const char *path)
{
	char procs[PATH_MAX + 16];
	int fd;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	fd = open(procs, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(procs);
	close(fd);
}

/* The kernel lets go of an ended process's cgroup a moment after wait(2) returns. */
static void cgroup_remove(const char *path)
{
	while (rmdir(path))
		if (errno != EBUSY)
			die(path);
}

/* A copy, not a link: each is a program of its own in every way. */
static void exe_make(const char *path)
{
	int from = open(self, O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0755);
	ssize_t n;

	if (from < 0 || to < 0)
		die(path);
	while ((n = sendfile(to, from, NULL, 1 << 20)) > 0)
		;
	if (n < 0)
		die(path);
	close(from);
	close(to);
}

static void exe_remove(const char *path)
{
	if (unlink(path))
		die(path);
}

static const struct kind {
	const char *name, *path; /* path: printf format of the directory and the number */
	void (*make)(const char *path);
	void (*enter)(const char *path); /* in the child; NULL: run the path itself */
	void (*remove)(const char *path);
} kinds[] = {
	{ "cgroup", "%s/churn-%ld.service", cgroup_make, cgroup_enter, cgroup_remove },
	{ "exe", "%s/churn-%ld", exe_make, NULL, exe_remove },
};

static void run_one(const struct kind *k, const char *path, const char *calls)
{
	pid_t pid = vfork();
	int status;

	if (!pid) {
		if (k->enter)
			k->enter(path);
		execl(k->enter ? self : path, path, "call", calls, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("churn");
}

int main(int argc, char **argv)
{
	char path[PATH_MAX];
	long first = argc > 5 ? atol(argv[5]) : 0;

	if (argc >= 3 && !strcmp(argv[1], "call"))
		return call(atol(argv[2]), argc > 3 ? atol(argv[3]) : 0);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die("/proc/self/exe");
	for (size_t i = 0; argc >= 5 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(argv[1], kinds[i].name))
			continue;
		for (long n = 0; n < atol(argv[3]); n++) {
			snprintf(path, sizeof(path), kinds[i].path, argv[2], first + n);
			kinds[i].make(path);
			run_one(&kinds[i], path, argv[4]);
			kinds[i].remove(path);
		}
		return 0;
	}
	fprintf(stderr, "usage: churn cgroup|exe DIRECTORY COUNT CALLS [FIRST]\n");
	return 2;
}
