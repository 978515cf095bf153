// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/attaching.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/attached.h"
#include "collect/watched.h"
#include "lib/log.h"
#include "lib/worker.h"

#define ATTACHMENTS WATCHED_MAX /* at a time: each costs everybody a test at each system call */
#define PATIENCE_NS (30 * 1000 * NS_PER_MS) /* of a client that does not ask */
#define SYMBOL_JOBS 64

enum state { FREE, STARTING, RUNNING, FAILED, CLOSING };

struct one {
	struct attaching *all;
	enum state state;
	u64 id;
	struct attached it;
	struct job job;
	bool last;	     /* it closes what all share */
	struct stacks *drop; /* which is this */
	struct watch *events, *process, *client;
	int process_fd, client_fd; /* pidfds; -1: none */
	bool marked;		   /* tasks yet, though it is being closed: to be tried again */
	bool quiet;		   /* events are not waited for until the next tick */
	bool over; /* the process has ended, or nobody wants to know any more: only the last reading is left */
	bool gone;   /* nobody will ask for it */
	bool ending; /* the last reading is being made; what is there until then goes on */
	void (*found)(void *ctx, json_t *doc); /* who waits for it; NULL: nobody */
	void *found_ctx;
	u64 after, asked_ns;
	int err;
	char error[512];
};

struct attaching {
	struct agent *agent;
	struct feed *feed;
	struct loop *loop;
	struct worker *worker; /* NULL: nobody has attached yet */
	/* Where tasks wait, for all attachments; `opened` is the worker's, the other one ours while somebody is attached. */
	struct worker *symbols;
	struct stacks *stacks, *opened;
	char stacks_error[256];
	u64 next_id;
	u32 next_watch;
	struct one ones[ATTACHMENTS];
};

static void watched_come(void *ctx, const struct ring_watched *e)
{
	struct attaching *t = ctx;

	for (struct one *o = t->ones; o < t->ones + ATTACHMENTS; o++)
		if (o->state == RUNNING && o->it.setup.watch == e->watch)
			slow_other_note(&o->it.slow, e);
}

/* The families look at what takes so long as the one wants to know who wants to know most. */
static void slow_watch(struct attaching *t)
{
	u64 min_ns = SLOW_MIN_NS;

	for (const struct one *o = t->ones; o < t->ones + ATTACHMENTS; o++)
		if (o->state == RUNNING && o->it.setup.slow_ns && o->it.setup.slow_ns < min_ns)
			min_ns = o->it.setup.slow_ns;
		else if (o->state == RUNNING && o->it.setup.slow_ns && min_ns == SLOW_MIN_NS)
			min_ns--;
	for (struct probe_run *const *run = t->agent->probes.list; *run; run++) {
		volatile u64 *ns;

		if ((*run)->state == PROBE_ON &&
		    (ns = probe_global(*run, "slow_min_ns", sizeof(*ns))))
			*ns = min_ns;
	}
}

struct attaching *attaching_new(struct agent *a, struct feed *feed, struct loop *loop)
{
	struct attaching *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->agent = a;
	t->feed = feed;
	feed->watched = watched_come;
	feed->watched_ctx = t;
	t->loop = loop;
	t->next_id = (u64)getpid() << 20; /* another daemon has other numbers */
	return t;
}

bool attaching_end(struct attaching *t, u64 wait_ns)
{
	return !t || !t->worker ||
	       (worker_end(t->worker, wait_ns) && worker_end(t->symbols, wait_ns));
}

static void watches_remove(struct one *o)
{
	watch_remove(o->events);
	watch_remove(o->process);
	watch_remove(o->client);
	o->events = o->process = o->client = NULL;
	if (o->process_fd >= 0)
		close(o->process_fd);
	if (o->client_fd >= 0)
		close(o->client_fd);
	o->process_fd = o->client_fd = -1;
}

static void one_free(struct one *o)
{
	attached_release(&o->it);
	*o = (struct one){ .process_fd = -1, .client_fd = -1 };
}

void attaching_free(struct attaching *t)
{
	if (!t)
		return;
	for (struct one *o = t->ones; o < t->ones + ATTACHMENTS; o++)
		if (o->state != FREE)
			watches_remove(o);
	worker_free(t->worker);
	stacks_close(t->opened);
	worker_free(t->symbols);
	for (struct one *o = t->ones; o < t->ones + ATTACHMENTS; o++) {
		attachment_unmark(&o->it.attachment);
		attachment_close(&o->it.attachment);
		stacks_close(o->drop);
		one_free(o);
	}
	t->feed->watched = NULL;
	free(t);
}

/* --- the end */

static void close_work(struct job *job)
{
	struct one *o = (struct one *)((char *)job - offsetof(struct one, job));

	o->err = attachment_unmark(&o->it.attachment);
	if (!o->err)
		attachment_close(&o->it.attachment);
	if (o->last) {
		o->drop = o->all->opened;
		o->all->opened = NULL;
		o->last = false;
	}
}

static void close_done(struct job *job)
{
	struct one *o = (struct one *)((char *)job - offsetof(struct one, job));

	if (job->dropped)
		return;
	stacks_close(o->drop);
	o->drop = NULL;
	o->marked = o->err;
	if (o->marked)
		return;
	if (o->all->stacks)
		stacks_forget(o->all->stacks, o->it.setup.watch);
	watched_forget(collector_watched(o->all->agent->collector), o->it.setup.watch);
	one_free(o);
}

static void close_begin(struct one *o)
{
	o->job = (struct job){ .work = close_work, .done = close_done };
	o->marked = worker_add(o->all->worker, &o->job);
}

/* Everything about it is known, or nobody wants to know it. */
static void one_close(struct one *o)
{
	struct attaching *t = o->all;

	watches_remove(o);
	o->state = CLOSING;
	if (o->it.setup.slow_ns && t->feed->ring)
		event_ring_watch(t->feed->ring, o->it.setup.watch, 0);
	slow_watch(t);
	o->last = true;
	for (struct one *other = t->ones; other < t->ones + ATTACHMENTS; other++)
		o->last &= other->state != STARTING && other->state != RUNNING;
	if (o->last)
		t->stacks = NULL;
	close_begin(o);
}

/* --- events */

static void events_ready(void *ctx, unsigned events)
{
	struct one *o = ctx;

	(void)events;
	attachment_drain(&o->it.attachment);
	o->quiet = !watch_set(o->events, 0);
}

static void process_ended(void *ctx, unsigned events)
{
	struct one *o = ctx;

	(void)events;
	watch_set(o->process, 0);
	o->over = true;
	attached_look(&o->it, clock_now_ns(), o->over);
}

static void client_ended(void *ctx, unsigned events)
{
	struct one *o = ctx;

	(void)events;
	watch_set(o->client, 0);
	o->gone = true;
}

/* --- the begin */

static void open_work(struct job *job)
{
	struct one *o = (struct one *)((char *)job - offsetof(struct one, job));
	struct attaching *t = o->all;
	struct probe_set *set = &t->agent->probes;

	if (!t->opened)
		t->opened = stacks_open(set, t->symbols, t->stacks_error, sizeof(t->stacks_error));

	o->err = attachment_open(&o->it.attachment, &o->it.setup, &set->tables, &set->kernel,
				 set->btf_path, o->error, sizeof(o->error));
	if (o->err && !attachment_unmark(&o->it.attachment))
		attachment_close(&o->it.attachment);
}

static void open_done(struct job *job)
{
	struct one *o = (struct one *)((char *)job - offsetof(struct one, job));
	struct loop *l = o->all->loop;

	if (job->dropped)
		return;
	if (o->err) {
		o->state = FAILED;
		return;
	}
	o->state = RUNNING;
	o->all->stacks = o->all->opened;
	o->events = loop_watch(l, attachment_fd(&o->it.attachment), LOOP_READ, events_ready, o);
	o->process = loop_watch(l, o->process_fd, LOOP_READ, process_ended, o);
	if (o->client_fd >= 0)
		o->client = loop_watch(l, o->client_fd, LOOP_READ, client_ended, o);
	attached_begin(&o->it, o->all->feed->ring);
	slow_watch(o->all);
}

static struct one *one_new(struct attaching *t)
{
	for (struct one *o = t->ones; o < t->ones + ATTACHMENTS; o++)
		if (o->state == FREE)
			return o;
	return NULL;
}

static int pidfd_open_(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static bool attached_already(const struct attaching *t, pid_t pid)
{
	for (const struct one *o = t->ones; o < t->ones + ATTACHMENTS; o++)
		if ((o->state == STARTING || o->state == RUNNING) && o->it.target.pid == pid)
			return true;
	return false;
}

/* The process that has this number is this one from now on, or it has ended. */
static unsigned target_open(struct attaching *t, pid_t pid, struct target *target, int *fd,
			    struct buf *error)
{
	if (target_find(pid, target, error))
		return 404;
	if (attached_already(t, target->pid)) {
		buf_printf(error, "somebody is attached to %s[%d] already", target->comm,
			   target->pid);
		return 400;
	}
	*fd = pidfd_open_(target->pid);
	if (*fd >= 0)
		return 200;
	buf_printf(error, "%s[%d] has just ended", target->comm, target->pid);
	return 404;
}

unsigned attaching_begin(struct attaching *t, const struct attach_request *r, u64 *id,
			 struct buf *error)
{
	struct one *o = one_new(t);
	struct target target;
	unsigned status;
	int fd;

	if (!o) {
		buf_printf(error,
			   "%d processes are being watched already, which is the most at a time",
			   ATTACHMENTS);
		return 400;
	}
	t->worker = t->worker ?: worker_new(t->loop, 2 * ATTACHMENTS);
	t->symbols = t->symbols ?: worker_new(t->loop, SYMBOL_JOBS);
	if (!t->worker || !t->symbols) {
		buf_str(error, "there is no memory");
		return 500;
	}
	status = target_open(t, (pid_t)r->pid, &target, &fd, error);
	if (status != 200)
		return status;
	*o = (struct one){
		.all = t,
		.state = STARTING,
		.id = ++t->next_id,
		.it = { .target = target,
			.setup = { target.pid, ++t->next_watch, r->execs, r->slow_ns } },
		.job = { .work = open_work, .done = open_done },
		.process_fd = fd,
		.client_fd = r->client ? pidfd_open_((pid_t)r->client) : -1,
		.asked_ns = clock_now_ns(),
	};
	*id = o->id;
	if (!worker_add(t->worker, &o->job)) {
		watched_begin(collector_watched(t->agent->collector), o->it.setup.watch);
		return 200;
	}
	watches_remove(o);
	one_free(o);
	buf_str(error, "it is busy with other attachments");
	return 503;
}

/* --- asking */

static struct one *one_find(struct attaching *t, u64 id, struct buf *error)
{
	for (struct one *o = t->ones; o < t->ones + ATTACHMENTS; o++)
		if (o->state != FREE && o->state != CLOSING && !o->ending && o->id == id)
			return o;
	buf_str(error, "there is no such attachment, or not any more");
	return NULL;
}

static const char *state_name(const struct one *o)
{
	switch (o->state) {
	case STARTING:
		return "starting";
	case FAILED:
		return "failed";
	default:
		return o->over ? "ended" : "attached";
	}
}

static json_t *one_json(struct one *o, u64 after, bool last)
{
	const struct attached_sources src = {
		.collector = o->all->agent->collector,
		.ring = o->all->feed->ring,
		.stacks = o->all->stacks,
		.stacks_error = o->all->stacks_error,
	};
	json_t *doc = json_pack("{s:I, s:s}", "id", (json_int_t)o->id, "state", state_name(o));

	if (o->state == FAILED)
		json_object_set_new(doc, "error", json_string(o->error));
	if (o->state == RUNNING)
		attached_add(doc, &o->it, &src, after, last);
	return doc;
}

unsigned attaching_get(struct attaching *t, u64 id, u64 after, json_t **ret, struct buf *error)
{
	struct one *o = one_find(t, id, error);

	if (!o)
		return 404;
	o->asked_ns = clock_now_ns();
	if (o->state == RUNNING && !o->it.attachment.state->ended)
		attached_look(&o->it, o->asked_ns, o->over);
	*ret = one_json(o, after, false);
	if (o->state == FAILED)
		one_close(o);
	return 200;
}

/* --- the last reading */

static json_t *one_end(struct one *o, u64 after)
{
	json_t *doc;

	if (o->state == RUNNING)
		attached_look(&o->it, clock_now_ns(), o->over);
	doc = one_json(o, after, true);
	if (o->state == STARTING)
		o->gone = true;
	else
		one_close(o);
	return doc;
}

/* All open files of the machine are gone through, which may be very many. */
static void look_work(struct job *job)
{
	struct one *o = (struct one *)((char *)job - offsetof(struct one, job));

	attachment_look_for_connections(&o->it.attachment);
}

static void one_tell(struct one *o, json_t *doc)
{
	if (o->found)
		o->found(o->found_ctx, doc);
	else
		json_decref(doc);
	o->ending = false;
}

static void look_done(struct job *job)
{
	struct one *o = (struct one *)((char *)job - offsetof(struct one, job));

	if (o->ending)
		one_tell(o, one_end(o, o->after));
}

unsigned attaching_end_one(struct attaching *t, u64 id, u64 after, json_t **ret, struct buf *error)
{
	struct one *o = one_find(t, id, error);

	if (!o)
		return 404;
	if (o->state == RUNNING) {
		o->over = true;
		o->after = after;
		o->job = (struct job){ .work = look_work, .done = look_done };
		o->ending = !worker_add(t->worker, &o->job);
	}
	if (!o->ending)
		*ret = one_end(o, after);
	return o->ending ? 202 : 200;
}

void attaching_wait(struct attaching *t, u64 id, void (*found)(void *ctx, json_t *doc), void *ctx)
{
	for (struct one *o = t->ones; o < t->ones + ATTACHMENTS; o++)
		if (o->ending && o->id == id) {
			o->found = found;
			o->found_ctx = ctx;
		}
}

void attaching_abandon(struct attaching *t)
{
	for (struct one *o = t ? t->ones : NULL; o && o < t->ones + ATTACHMENTS; o++)
		if (o->ending)
			one_tell(o, NULL);
}

/* --- from time to time */

static void one_tick(struct one *o, u64 now_ns)
{
	o->gone |= now_ns > o->asked_ns && now_ns - o->asked_ns > PATIENCE_NS && !o->client;
	if (o->state == CLOSING && o->marked)
		close_begin(o);
	if (o->state == STARTING || o->state == FREE || o->state == CLOSING)
		return;
	if (o->gone && !o->ending) {
		one_close(o);
		return;
	}
	if (o->state != RUNNING)
		return;
	attached_tick(&o->it);
	if (o->quiet)
		o->quiet = watch_set(o->events, LOOP_READ);
}

void attaching_tick(struct attaching *t, u64 now_ns)
{
	for (struct one *o = t->ones; o < t->ones + ATTACHMENTS; o++)
		one_tick(o, now_ns);
	if (t->stacks)
		stacks_tick(t->stacks, now_ns);
}
