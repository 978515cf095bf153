// SPDX-License-Identifier: BSD-3-Clause
#include "lib/worker.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "lib/thread.h"

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *waiting, *finished; /* under the lock */
	bool ending;			/* written under the lock, by the loop */
	bool ended;			/* the thread */
	unsigned cnt, max;		/* jobs that are not done; the loop's alone */
	int event;			/* readable: some are finished */
	struct watch *watch;
};

static struct job *job_take(struct worker *w)
{
	struct job *job;

	pthread_mutex_lock(&w->lock);
	while (!w->waiting && !w->ending)
		pthread_cond_wait(&w->wake, &w->lock);
	job = w->ending ? NULL : w->waiting;
	if (job)
		LL_DELETE(w->waiting, job);
	pthread_mutex_unlock(&w->lock);
	return job;
}

static void *run(void *ctx)
{
	struct worker *w = ctx;
	struct job *job;

	while ((job = job_take(w))) {
		job->work(job);
		pthread_mutex_lock(&w->lock);
		LL_APPEND(w->finished, job);
		pthread_mutex_unlock(&w->lock);
		eventfd_write(w->event, 1);
	}
	return NULL;
}

static void jobs_done(struct worker *w, struct job *list, bool dropped)
{
	struct job *job, *next;

	LL_FOREACH_SAFE(list, job, next)
	{
		w->cnt--;
		job->dropped = dropped;
		job->done(job);
	}
}

static void finished_ready(void *ctx, unsigned events)
{
	struct worker *w = ctx;
	struct job *finished;
	eventfd_t cnt;

	(void)events;
	eventfd_read(w->event, &cnt);
	pthread_mutex_lock(&w->lock);
	finished = w->finished;
	w->finished = NULL;
	pthread_mutex_unlock(&w->lock);
	jobs_done(w, finished, false);
}

struct worker *worker_new(struct loop *l, unsigned max)
{
	struct worker *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return NULL;
	w->max = max;
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->watch = w->event < 0 ? NULL : loop_watch(l, w->event, LOOP_READ, finished_ready, w);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	err = w->watch ? thread_start(&w->thread, run, w) : -errno;
	if (!err)
		return w;
	watch_remove(w->watch);
	if (w->event >= 0)
		close(w->event);
	free(w);
	errno = -err;
	return NULL;
}

static void end_begin(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

bool worker_end(struct worker *w, uint64_t wait_ns)
{
	if (!w || w->ended)
		return true;
	end_begin(w);
	w->ended = thread_join(w->thread, clock_now_ns() + wait_ns);
	return w->ended;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	end_begin(w);
	if (!w->ended)
		pthread_join(w->thread, NULL);
	jobs_done(w, w->finished, false);
	jobs_done(w, w->waiting, true);
	watch_remove(w->watch);
	close(w->event);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int worker_add(struct worker *w, struct job *job)
{
	if (w->ending)
		return -ECANCELED;
	if (w->cnt == w->max)
		return -EAGAIN;
	w->cnt++;
	job->next = NULL;
	pthread_mutex_lock(&w->lock);
	LL_APPEND(w->waiting, job);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

bool worker_cancel(struct worker *w, struct job *job)
{
	struct job *waiting;

	pthread_mutex_lock(&w->lock);
	waiting = w->waiting;
	while (waiting && waiting != job)
		waiting = waiting->next;
	if (waiting)
		LL_DELETE(w->waiting, waiting);
	pthread_mutex_unlock(&w->lock);
	w->cnt -= !!waiting;
	return waiting;
}
