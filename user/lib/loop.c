// SPDX-License-Identifier: BSD-3-Clause
#include "lib/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define WATCHES	   16
#define NS_PER_SEC 1000000000ULL

struct watch {
	int fd;
	void (*ready)(void *ctx);
	void *ctx;
};

struct loop {
	int epoll, signals, timer;
	struct watch watches[WATCHES];
	unsigned watch_cnt;
	void (*tick)(void *ctx, uint64_t now_ns);
	void *tick_ctx;
	int (*timeout_ms)(void *ctx);
	void (*timeout)(void *ctx);
	void *timeout_ctx;
	int ended;
};

static void signal_ready(void *ctx)
{
	struct loop *l = ctx;
	struct signalfd_siginfo info;

	if (read(l->signals, &info, sizeof(info)) == sizeof(info))
		l->ended = (int)info.ssi_signo;
}

uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

static void timer_ready(void *ctx)
{
	struct loop *l = ctx;
	uint64_t times;

	if (read(l->timer, &times, sizeof(times)) != sizeof(times))
		return;
	l->tick(l->tick_ctx, clock_now_ns());
}

int loop_watch(struct loop *l, int fd, void (*ready)(void *ctx), void *ctx)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (l->watch_cnt == WATCHES)
		return -ENOSPC;
	l->watches[l->watch_cnt] = (struct watch){ fd, ready, ctx };
	event.data.ptr = &l->watches[l->watch_cnt];
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	l->watch_cnt++;
	return 0;
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	sigset_t mask;

	if (!l)
		return NULL;
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	l->timer = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->epoll < 0 || l->signals < 0 || loop_watch(l, l->signals, signal_ready, l)) {
		loop_free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->signals >= 0)
		close(l->signals);
	if (l->timer >= 0)
		close(l->timer);
	free(l);
}

int loop_every(struct loop *l, uint64_t period_ns, void (*tick)(void *ctx, uint64_t now_ns),
	       void *ctx)
{
	const struct timespec period = { (time_t)(period_ns / NS_PER_SEC),
					 (long)(period_ns % NS_PER_SEC) };
	const struct itimerspec spec = { period, period };

	l->tick = tick;
	l->tick_ctx = ctx;
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer < 0 || timerfd_settime(l->timer, 0, &spec, NULL))
		return -errno;
	return loop_watch(l, l->timer, timer_ready, l);
}

void loop_limit(struct loop *l, int (*timeout_ms)(void *ctx), void (*timeout)(void *ctx), void *ctx)
{
	l->timeout_ms = timeout_ms;
	l->timeout = timeout;
	l->timeout_ctx = ctx;
}

int loop_run(struct loop *l)
{
	struct epoll_event events[WATCHES];

	while (!l->ended) {
		int ms = l->timeout_ms ? l->timeout_ms(l->timeout_ctx) : -1;
		int n = epoll_wait(l->epoll, events, WATCHES, ms);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			const struct watch *w = events[i].data.ptr;

			w->ready(w->ctx);
		}
		if (!n && l->timeout)
			l->timeout(l->timeout_ctx);
	}
	return l->ended;
}
