// SPDX-License-Identifier: BSD-3-Clause
#include "lib/loop.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#define EVENTS	    64 /* taken from the kernel at a time */
#define SIGNALS_MAX 8
#define NS_PER_SEC  1000000000ULL

struct watch {
	struct watch *prev, *next;
	struct loop *loop;
	int fd;
	unsigned events;
	bool removed;
	void (*ready)(void *ctx, unsigned events);
	void *ctx;
};

struct timer {
	struct timer *prev, *next;
	struct loop *loop;
	uint64_t due_ns; /* 0: not set */
	uint64_t period_ns;
	bool removed;
	void (*expired)(void *ctx, uint64_t now_ns);
	void *ctx;
};

struct signal_handler {
	int signal;
	void (*raised)(void *ctx, int signal);
	void *ctx;
};

struct loop {
	int epoll, signals;
	sigset_t mask, mask_before;
	struct signal_handler handlers[SIGNALS_MAX];
	unsigned handler_cnt;
	struct watch *watches;
	struct timer *timers;
	bool in_round; /* what is removed now may still be pointed to */
	bool ended;
	int result;
};

uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

static uint32_t epoll_events(unsigned events)
{
	return (events & LOOP_READ ? EPOLLIN : 0u) | (events & LOOP_WRITE ? EPOLLOUT : 0u);
}

struct watch *loop_watch(struct loop *l, int fd, unsigned events,
			 void (*ready)(void *ctx, unsigned events), void *ctx)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct epoll_event event = { .events = epoll_events(events), .data.ptr = w };

	if (!w)
		return NULL;
	*w = (struct watch){ .loop = l, .fd = fd, .events = events, .ready = ready, .ctx = ctx };
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event)) {
		free(w);
		return NULL;
	}
	DL_APPEND(l->watches, w);
	return w;
}

/* Without events it is taken out: the kernel would tell of errors all the same, again and again. */
int watch_set(struct watch *w, unsigned events)
{
	struct epoll_event event = { .events = epoll_events(events), .data.ptr = w };
	int change = !events ? EPOLL_CTL_DEL : w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if ((events || w->events) && epoll_ctl(w->loop->epoll, change, w->fd, &event))
		return -errno;
	w->events = events;
	return 0;
}

static void watch_free(struct watch *w)
{
	DL_DELETE(w->loop->watches, w);
	free(w);
}

void watch_remove(struct watch *w)
{
	if (!w)
		return;
	epoll_ctl(w->loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->removed = true;
	if (!w->loop->in_round)
		watch_free(w);
}

static void watch_call(struct watch *w, uint32_t events)
{
	unsigned ready = 0;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		ready |= LOOP_READ;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		ready |= LOOP_WRITE;
	if (!w->removed && (ready & w->events))
		w->ready(w->ctx, ready & w->events);
}

struct timer *loop_timer(struct loop *l, void (*expired)(void *ctx, uint64_t now_ns), void *ctx)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct timer){ .loop = l, .expired = expired, .ctx = ctx };
	DL_APPEND(l->timers, t);
	return t;
}

void timer_set(struct timer *t, uint64_t due_ns)
{
	t->due_ns = due_ns ? due_ns : 1;
	t->period_ns = 0;
}

void timer_set_by(struct timer *t, uint64_t due_ns)
{
	if (!t->due_ns || due_ns < t->due_ns)
		timer_set(t, due_ns);
}

void timer_set_every(struct timer *t, uint64_t period_ns)
{
	t->due_ns = clock_now_ns() + period_ns;
	t->period_ns = period_ns;
}

void timer_stop(struct timer *t)
{
	t->due_ns = t->period_ns = 0;
}

static void timer_free(struct timer *t)
{
	DL_DELETE(t->loop->timers, t);
	free(t);
}

void timer_remove(struct timer *t)
{
	if (!t)
		return;
	timer_stop(t);
	t->removed = true;
	if (!t->loop->in_round)
		timer_free(t);
}

static void timer_call(struct timer *t, uint64_t now_ns)
{
	if (!t->due_ns || t->due_ns > now_ns)
		return;
	if (t->period_ns)
		t->due_ns += ((now_ns - t->due_ns) / t->period_ns + 1) * t->period_ns;
	else
		t->due_ns = 0;
	t->expired(t->ctx, now_ns);
}

/* Until the next timer is due, in milliseconds as epoll_wait() wants them; never too early. */
static int timeout_ms(const struct loop *l)
{
	uint64_t due_ns = UINT64_MAX, now_ns;
	const struct timer *t;

	DL_FOREACH(l->timers, t)
	if (t->due_ns && t->due_ns < due_ns)
		due_ns = t->due_ns;
	if (due_ns == UINT64_MAX)
		return -1;
	now_ns = clock_now_ns();
	if (due_ns <= now_ns)
		return 0;
	due_ns = (due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
	return due_ns < INT_MAX ? (int)due_ns : INT_MAX;
}

static void signals_ready(void *ctx, unsigned events)
{
	struct loop *l = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(l->signals, &info, sizeof(info)) != sizeof(info))
		return;
	for (unsigned i = 0; i < l->handler_cnt; i++)
		if (l->handlers[i].signal == (int)info.ssi_signo)
			l->handlers[i].raised(l->handlers[i].ctx, (int)info.ssi_signo);
}

int loop_signal(struct loop *l, int signal, void (*raised)(void *ctx, int signal), void *ctx)
{
	unsigned i = 0;

	while (i < l->handler_cnt && l->handlers[i].signal != signal)
		i++;
	if (i == SIGNALS_MAX)
		return -ENOSPC;
	l->handlers[i] = (struct signal_handler){ signal, raised, ctx };
	if (i < l->handler_cnt)
		return 0;
	sigaddset(&l->mask, signal);
	if (sigprocmask(SIG_BLOCK, &l->mask, NULL) || signalfd(l->signals, &l->mask, 0) < 0)
		return -errno;
	l->handler_cnt++;
	return 0;
}

static void end_raised(void *ctx, int signal)
{
	loop_end(ctx, signal);
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	sigemptyset(&l->mask);
	sigprocmask(SIG_BLOCK, NULL, &l->mask_before);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->signals = signalfd(-1, &l->mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->epoll < 0 || l->signals < 0 ||
	    !loop_watch(l, l->signals, LOOP_READ, signals_ready, l) ||
	    loop_signal(l, SIGINT, end_raised, l) || loop_signal(l, SIGTERM, end_raised, l)) {
		int err = errno;

		loop_free(l);
		errno = err;
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	struct watch *w, *next_w;
	struct timer *t, *next_t;

	if (!l)
		return;
	DL_FOREACH_SAFE(l->watches, w, next_w)
	watch_free(w);
	DL_FOREACH_SAFE(l->timers, t, next_t)
	timer_free(t);
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->signals >= 0)
		close(l->signals);
	sigprocmask(SIG_SETMASK, &l->mask_before, NULL);
	free(l);
}

static void removed_free(struct loop *l)
{
	struct watch *w, *next_w;
	struct timer *t, *next_t;

	DL_FOREACH_SAFE(l->watches, w, next_w)
	if (w->removed)
		watch_free(w);
	DL_FOREACH_SAFE(l->timers, t, next_t)
	if (t->removed)
		timer_free(t);
}

static void round_run(struct loop *l, const struct epoll_event *events, int cnt)
{
	uint64_t now_ns;
	struct timer *t;

	l->in_round = true;
	for (int i = 0; i < cnt; i++)
		watch_call(events[i].data.ptr, events[i].events);
	now_ns = clock_now_ns();
	DL_FOREACH(l->timers, t)
	timer_call(t, now_ns);
	l->in_round = false;
	removed_free(l);
}

int loop_run(struct loop *l)
{
	struct epoll_event events[EVENTS];

	while (!l->ended) {
		int cnt = epoll_wait(l->epoll, events, EVENTS, timeout_ms(l));

		if (cnt < 0 && errno != EINTR)
			return -errno;
		round_run(l, events, cnt);
	}
	l->ended = false;
	return l->result;
}

void loop_end(struct loop *l, int result)
{
	l->ended = true;
	l->result = result;
}
