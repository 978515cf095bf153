// SPDX-License-Identifier: BSD-3-Clause
#include "lib/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES   ((size_t)64 * 1024)
#define END_TRIES    200
#define END_PAUSE_NS (5 * NS_PER_MS)

struct aside {
	struct aside_work work;
	struct loop *loop;
	pid_t pid;
	int result, process; /* a pipe; a pidfd, -1: not yet */
	struct watch *watch; /* of the one, then of the other */
	struct timer *limit;
	struct buf out;
};

/* --- the child */

static bool write_all(int fd, const struct buf *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(fd, b->data + at, b->len - at);

		if (n < 0 && errno != EINTR)
			return false;
		at += n > 0 ? (size_t)n : 0;
	}
	return !b->failed;
}

/* Sockets that are listened on, locks and tables are to be free as soon as the process has let go of them. */
static void descriptors_close(int but)
{
	if (but > STDERR_FILENO + 1)
		syscall(SYS_close_range, STDERR_FILENO + 1, but - 1, 0);
	syscall(SYS_close_range, but + 1, ~0U, 0);
}

static _Noreturn void child(const struct aside_work *w, int result, pid_t parent)
{
	struct buf out = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	descriptors_close(result);
	w->work(w->ctx, &out);
	_exit(write_all(result, &out) ? 0 : 1);
}

/* --- the loop */

static void release(struct aside *a)
{
	if (a->watch)
		watch_remove(a->watch);
	if (a->limit)
		timer_remove(a->limit);
	if (a->process >= 0)
		close(a->process);
	close(a->result);
	buf_release(&a->out);
	free(a);
}

static uint64_t cpu_of(const struct rusage *used)
{
	uint64_t us = (uint64_t)(used->ru_utime.tv_usec + used->ru_stime.tv_usec);

	return (uint64_t)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) * 1000 * NS_PER_MS +
	       us * 1000;
}

static void finish(struct aside *a)
{
	struct aside_work w = a->work;
	struct buf out = a->out;
	struct rusage used = { 0 };
	int status = 1;
	bool good;

	good = wait4(a->pid, &status, 0, &used) == a->pid && !status && !out.failed;
	a->out = (struct buf){ 0 };
	release(a);
	if (!good)
		buf_release(&out);
	w.done(w.ctx, good ? &out : NULL, cpu_of(&used));
}

static void process_ended(void *ctx, unsigned events)
{
	(void)events;
	finish(ctx);
}

/* All has been read. What it had takes a moment to be given back, for which nobody waits here. */
static void process_watch(struct aside *a)
{
	watch_remove(a->watch);
	a->process = (int)syscall(SYS_pidfd_open, a->pid, 0);
	a->watch = a->process < 0 ? NULL
				  : loop_watch(a->loop, a->process, LOOP_READ, process_ended, a);
	if (!a->watch)
		finish(a);
}

static void result_ready(void *ctx, unsigned events)
{
	struct aside *a = ctx;
	ssize_t n = -1;

	(void)events;
	errno = ENOMEM;
	if (buf_reserve(&a->out, READ_BYTES))
		n = read(a->result, a->out.data + a->out.len, READ_BYTES);
	if (n > 0) {
		a->out.len += (size_t)n;
	} else if (!n) {
		process_watch(a);
	} else if (errno != EAGAIN && errno != EINTR) {
		a->out.failed = true;
		kill(a->pid, SIGKILL); /* it may wait until somebody reads */
		process_watch(a);
	}
}

static void limit_reached(void *ctx, uint64_t now_ns)
{
	const struct aside *a = ctx;

	(void)now_ns;
	kill(a->pid, SIGKILL);
}

struct aside *aside_start(struct loop *l, const struct aside_work *w)
{
	struct aside *a = calloc(1, sizeof(*a));
	int ends[2], parent = getpid(), err;

	if (!a || pipe2(ends, O_CLOEXEC)) {
		free(a);
		return NULL;
	}
	*a = (struct aside){ .work = *w, .loop = l, .result = ends[0], .process = -1 };
	a->limit = loop_timer(l, limit_reached, a);
	a->watch = !a->limit || fcntl(ends[0], F_SETFL, O_NONBLOCK)
			   ? NULL
			   : loop_watch(l, ends[0], LOOP_READ, result_ready, a);
	a->pid = a->watch ? fork() : -1;
	if (!a->pid)
		child(w, ends[1], parent);
	err = errno;
	close(ends[1]);
	if (a->pid > 0) {
		timer_set(a->limit, clock_now_ns() + w->limit_ns);
		return a;
	}
	release(a);
	errno = err;
	return NULL;
}

void aside_cancel(struct aside *a)
{
	const struct timespec pause = { .tv_nsec = END_PAUSE_NS };

	if (!a)
		return;
	kill(a->pid, SIGKILL);
	/* one that waits for a disk ends when that answers */
	for (int i = 0; i < END_TRIES && !waitpid(a->pid, NULL, WNOHANG); i++)
		nanosleep(&pause, NULL);
	release(a);
}
