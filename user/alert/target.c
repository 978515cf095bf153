// SPDX-License-Identifier: BSD-3-Clause
#include "alert/target.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/log.h"
#include "lib/loop.h"
#include "lib/thread.h"
#include "lib/utc.h"

#define NS_PER_SEC   1000000000ULL
#define PAUSE_MIN_NS NS_PER_SEC
#define PAUSE_MAX_NS (30 * NS_PER_SEC)
#define GATHER_NS    (50 * NS_PER_MS)
#define OUTBOX_MAX   2304 /* more than alerts are kept: of what gave way its end is to be told */

struct target {
	const struct target_kind *kind;
	char *name, *external_url;
	enum rule_severity least;
	u64 resend_ns;
	void (*progress)(void *ctx);
	void *ctx;
	void *self; /* the kind's own, from here on the thread's alone */

	pthread_t thread;
	bool joined;
	atomic_bool ending;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* Under the lock. */
	struct outbox *outbox;
	struct target_stats stats;

	/* The thread's. */
	u64 pause_ns;	/* until the next try; 0: the last one went well */
	u64 failing_ns; /* since when it fails, CLOCK_MONOTONIC */
	char *error;	/* of the last try */
};

/* --- failures: said once until they change, and tried again after pauses that grow */

static void failure_note(struct target *t, enum send_result result, const char *error)
{
	bool same = t->error && !strcmp(t->error, error);

	if (result == SEND_RETRY && !t->failing_ns)
		t->failing_ns = clock_now_ns();
	if (same)
		return;
	free(t->error);
	t->error = strdup(error);
	if (result == SEND_RETRY)
		log_warn(
			"alerts cannot be told to %s '%s': %s; trying again, but see whether it runs, and whether its address and password are right",
			t->kind->name, t->name, error);
	else
		log_warn(
			"%s '%s' refuses alerts: %s; they are not sent again as they are, its own log says more",
			t->kind->name, t->name, error);
}

static void success_note(struct target *t)
{
	if (t->failing_ns)
		log_info("alerts are told to %s '%s' again, after %llu s", t->kind->name, t->name,
			 (unsigned long long)((clock_now_ns() - t->failing_ns) / NS_PER_SEC));
	t->failing_ns = t->pause_ns = 0;
	free(t->error);
	t->error = NULL;
}

/* Somewhere in the upper half of the pause: many daemons do not come back to a target at the same moment. */
static u64 pause_next(struct target *t)
{
	u64 max = t->resend_ns / 2 < PAUSE_MAX_NS ? t->resend_ns / 2 : PAUSE_MAX_NS, random;

	t->pause_ns = t->pause_ns ? 2 * t->pause_ns : PAUSE_MIN_NS;
	if (t->pause_ns > max)
		t->pause_ns = max;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = 0;
	return t->pause_ns - random % (t->pause_ns / 2 + 1);
}

/* --- the thread */

/* With the lock, which is let go of meanwhile. */
static void pause_until(struct target *t, u64 until_ns)
{
	while (!t->ending && clock_now_ns() < until_ns)
		thread_cond_wait(&t->wake, &t->lock, until_ns);
}

/* Waits until there is something to tell, and not before `until_ns`. What happens at the same time is told together. */
static unsigned parcels_wait(struct target *t, struct parcel *parcels, u64 until_ns)
{
	unsigned cnt = 0;

	pthread_mutex_lock(&t->lock);
	pause_until(t, until_ns);
	while (!t->ending && !outbox_ready(t->outbox))
		thread_cond_wait(&t->wake, &t->lock, UINT64_MAX);
	pause_until(t, clock_now_ns() + GATHER_NS);
	if (!t->ending)
		cnt = outbox_take(t->outbox, parcels, t->kind->batch, t->kind->by_name);
	pthread_mutex_unlock(&t->lock);
	return cnt;
}

static void parcels_done(struct target *t, struct parcel *parcels, unsigned cnt,
			 enum send_result result)
{
	pthread_mutex_lock(&t->lock);
	if (result == SEND_OK) {
		t->stats.sent += cnt;
		t->stats.last_success_ns = utc_now_ns();
	} else {
		t->stats.failed++;
	}
	outbox_return(t->outbox, parcels, cnt, result != SEND_RETRY);
	pthread_mutex_unlock(&t->lock);
	if (result != SEND_RETRY)
		t->progress(t->ctx);
}

static void *run(void *ctx)
{
	struct target *t = ctx;
	struct parcel parcels[PARCELS_MAX];
	enum send_result result;
	u64 until_ns = 0;
	unsigned cnt;

	while (!t->ending) {
		struct sending s = { .resend_ns = t->resend_ns,
				     .external_url = t->external_url,
				     .ending = &t->ending };

		cnt = parcels_wait(t, parcels, until_ns);
		if (!cnt)
			continue;
		s.wall_ns = utc_now_ns();
		result = t->kind->send(t->self, parcels, cnt, &s);
		until_ns = result == SEND_RETRY ? clock_now_ns() + pause_next(t) : 0;
		if (result == SEND_OK)
			success_note(t);
		else if (!t->ending)
			failure_note(t, result, buf_cstr(&s.error));
		buf_release(&s.error);
		parcels_done(t, parcels, cnt, result);
	}
	return NULL;
}

/* --- the loop's side */

struct target *target_new(const struct target_options *o)
{
	const struct outbox_rules rules = { o->kind->pages, o->kind->repeats, OUTBOX_MAX };
	struct target *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct target){ .kind = o->kind,
			      .name = strdup(o->name),
			      .external_url = o->external_url ? strdup(o->external_url) : NULL,
			      .least = o->least,
			      .resend_ns = o->resend_ns,
			      .progress = o->progress,
			      .ctx = o->ctx,
			      .self = o->kind->open(o->conf),
			      .outbox = outbox_new(&rules),
			      .joined = true };
	pthread_mutex_init(&t->lock, NULL);
	thread_cond_init(&t->wake);
	if (t->name && t->self && t->outbox && !thread_start(&t->thread, run, t)) {
		t->joined = false;
		return t;
	}
	target_free(t);
	return NULL;
}

void target_end(struct target *t)
{
	pthread_mutex_lock(&t->lock);
	t->ending = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

bool target_ended(struct target *t, u64 until_ns)
{
	if (!t->joined)
		t->joined = thread_join(t->thread, until_ns);
	return t->joined;
}

void target_free(struct target *t)
{
	if (!t)
		return;
	if (!t->joined) {
		target_end(t);
		pthread_join(t->thread, NULL);
	}
	if (t->self)
		t->kind->close(t->self);
	outbox_free(t->outbox);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t->name);
	free(t->external_url);
	free(t->error);
	free(t);
}

const char *target_name(const struct target *t)
{
	return t->name;
}

const struct target_kind *target_kind(const struct target *t)
{
	return t->kind;
}

void target_put(struct target *t, struct notice *n, enum told told)
{
	if (n->severity > t->least)
		return;
	pthread_mutex_lock(&t->lock);
	outbox_put(t->outbox, n, told);
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

void target_forget(struct target *t, u64 key)
{
	pthread_mutex_lock(&t->lock);
	outbox_forget(t->outbox, key);
	pthread_mutex_unlock(&t->lock);
}

void target_each(struct target *t,
		 void (*each)(void *ctx, struct notice *n, enum told told, bool waiting), void *ctx)
{
	pthread_mutex_lock(&t->lock);
	outbox_each(t->outbox, each, ctx);
	pthread_mutex_unlock(&t->lock);
}

void target_stats(struct target *t, struct target_stats *stats)
{
	pthread_mutex_lock(&t->lock);
	*stats = t->stats;
	stats->waiting = outbox_waiting(t->outbox);
	stats->dropped = outbox_dropped(t->outbox);
	pthread_mutex_unlock(&t->lock);
}
