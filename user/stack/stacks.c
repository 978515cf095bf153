// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "stack/stacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/loop.h"
#include "lib/thread.h"
#include "stack/kernel_waits.h"
#include "stack/walk.h"

#define REST_FACTOR 50 /* so many times the CPU time of a reading the next one waits */

struct sleeper;

struct stacks {
	struct kernel_waits *waits;
	struct names *names;
	struct sleeper *sleepers, *contents; /* during a reading */
	u64 rest_ns;
	struct stack_row rows[STACK_ROWS];
	struct stack_frame frames[STACK_ROWS][2 * STACK_DEPTH];
};

static int by_blocked(const void *a, const void *b)
{
	u64 x = ((const struct wait_total *)a)->value.blocked_ns,
	    y = ((const struct wait_total *)b)->value.blocked_ns;

	return (x < y) - (x > y);
}

/*
 * Finds the names of a stack. All addresses but that where a program entered the kernel are behind a call, which may be the last
 * instruction of its function. Returns the number of frames.
 */
static unsigned frames_find(struct stacks *s, struct space_key space, u64 key,
			    struct stack_frame frames[STACK_DEPTH])
{
	const struct stack_trace *trace = kernel_waits_stack(s->waits, key);
	unsigned cnt = trace ? (unsigned)trace->cnt : 0;

	for (unsigned i = 0; i < cnt; i++) {
		u64 address = trace->frame[i];

		frames[i] = (struct stack_frame){
			.address = address,
			.name = names_find(s->names, space, address - (i > 0)),
			.kernel = !space.pid,
		};
	}
	return cnt;
}

#define SWITCH_FRAMES 12

/* How many frames belong to this measurement and to the scheduler: up to schedule(), if that is there. */
static unsigned frames_of_switch(const struct stack_frame *frames, unsigned cnt)
{
	unsigned ret = 0;

	for (unsigned i = 0; i < cnt && i < SWITCH_FRAMES; i++) {
		const char *function = frames[i].name ? frames[i].name->function : NULL;

		if (function && (!strcmp(function, "schedule") || !strcmp(function, "__schedule")))
			ret = i + 1;
	}
	return ret;
}

/* What a stack in the kernel says, from where the task called the scheduler. */
struct sleeper {
	u64 key;   /* of the stack */
	u64 alike; /* of the first one that is the same from there */
	struct stack_frame frames[STACK_DEPTH];
	unsigned cnt;
	enum wait_class class;
	bool named; /* the class is by the names of functions */
	u64 content;
	UT_hash_handle hh, by_content; /* the latter of the first one with these frames */
};

static void sleeper_find_class(struct sleeper *p)
{
	const char *functions[STACK_DEPTH] = { NULL };

	for (unsigned i = 0; i < p->cnt; i++) {
		functions[i] = p->frames[i].name ? p->frames[i].name->function : NULL;
		p->named |= functions[i] != NULL;
	}
	p->class = wait_class_of(functions, p->cnt);
}

static u64 sleeper_content(const struct sleeper *p)
{
	struct stack_trace trace = { .cnt = p->cnt };

	for (unsigned i = 0; i < p->cnt; i++)
		trace.frame[i] = p->frames[i].address;
	return stack_key(&trace);
}

/* The same code of the kernel's may have come to the measurement on several ways. */
static struct sleeper *sleeper_get(struct stacks *s, u64 key)
{
	struct sleeper *p, *other;
	unsigned skip;

	HASH_FIND(hh, s->sleepers, &key, sizeof(key), p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->key = p->alike = key;
	p->cnt = frames_find(s, (struct space_key){ 0, 0 }, key, p->frames);
	skip = frames_of_switch(p->frames, p->cnt);
	p->cnt -= skip;
	memmove(p->frames, p->frames + skip, p->cnt * sizeof(*p->frames));
	sleeper_find_class(p);
	p->content = sleeper_content(p);
	HASH_FIND(by_content, s->contents, &p->content, sizeof(p->content), other);
	if (other)
		p->alike = other->key;
	else
		HASH_ADD(by_content, s->contents, content, sizeof(p->content), p);
	HASH_ADD(hh, s->sleepers, key, sizeof(key), p);
	if (p->hh.tbl)
		return p;
	if (!other && p->by_content.tbl)
		HASH_DELETE(by_content, s->contents, p);
	free(p);
	return NULL;
}

/* Names may have come since: they are found again at each reading. */
static void sleepers_clear(struct stacks *s)
{
	struct sleeper *p, *next;

	HASH_CLEAR(by_content, s->contents);
	HASH_ITER(hh, s->sleepers, p, next) {
		HASH_DEL(s->sleepers, p);
		free(p);
	}
}

static enum wait_class class_find(const struct wait_key *key, const struct sleeper *p)
{
	enum wait_class class = p && p->named ? p->class : wait_class_of_call(key->call);

	if (key->how & WAIT_IS_STOPPED)
		return WAIT_STOPPED;
	return class == WAIT_LOCK && key->how & WAIT_IS_CONDITION ? WAIT_CONDITION : class;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(&((const struct wait_total *)a)->key, &((const struct wait_total *)b)->key,
		      sizeof(struct wait_key));
}

/*
 * The kernel's threads for interrupts that it has put off are told as those: nobody else can give a thread of the kernel a name.
 * Other processes that have ended are told by their name alone: there may be thousands.
 */
static void waker_fold(struct wait_total *total)
{
	static const char softirq[] = "ksoftirqd/";

	if (total->key.waker_kind == WAKER_KERNEL &&
	    !strncmp(total->value.waker_comm, softirq, sizeof(softirq) - 1)) {
		total->key.waker_kind = WAKER_INTERRUPT;
		memset(total->value.waker_comm, 0, sizeof(total->value.waker_comm));
	} else if (!kernel_waits_waker_ended(&total->key)) {
		return;
	}
	total->key.waker_pid = total->key.waker_tid = 0;
}

/* Merges totals that differ in nothing that is told; those of other marks, unless 0, are left out. Returns how many are left. */
static size_t totals_merge(struct stacks *s, struct wait_total *totals, size_t cnt, u32 watch)
{
	size_t left = 0, out = 0;

	for (size_t i = 0; i < cnt; i++) {
		struct sleeper *p;

		if (watch && totals[i].key.watch != watch)
			continue;
		p = sleeper_get(s, totals[i].key.kernel);
		if (p)
			totals[i].key.kernel = p->alike;
		waker_fold(&totals[i]);
		totals[left++] = totals[i];
	}
	qsort(totals, left, sizeof(*totals), by_key);
	for (size_t i = 0; i < left; i++)
		if (out && !by_key(&totals[out - 1], &totals[i]))
			wait_total_add(&totals[out - 1], &totals[i]);
		else
			totals[out++] = totals[i];
	return out;
}

static bool waits_for_work(const struct stack_row *row)
{
	for (unsigned i = 0; i < row->frame_cnt; i++) {
		const struct stack_frame *f = &row->frames[i];

		if (!f->kernel && f->name && f->name->function &&
		    wait_is_for_work(f->name->function))
			return true;
	}
	return false;
}

static void row_fill(struct stacks *s, struct stack_row *row, const struct wait_total *total,
		     const struct sleeper *p)
{
	struct stack_frame *frames = s->frames[row - s->rows];
	const struct wait_key *key = &total->key;

	*row = (struct stack_row){
		.class = class_find(key, p),
		.pid = key->pid,
		.call = key->call,
		.cnt = total->value.cnt,
		.blocked_ns = total->value.blocked_ns,
		.unfinished_ns = total->unfinished_ns,
		.longest_ns = total->value.longest_ns,
		.cpu_wait_ns = total->value.cpu_wait_ns,
		.before = total->before,
		.waker = key->waker_kind,
		.waker_pid = key->waker_pid,
		.waker_tid = key->waker_tid,
		.frames = frames,
		.frame_cnt = p ? p->cnt : 0,
	};
	memcpy(row->waker_comm, total->value.waker_comm, STACKS_COMM);
	if (p)
		memcpy(frames, p->frames, p->cnt * sizeof(*frames));
	if (key->pid)
		row->frame_cnt += frames_find(s, (struct space_key){ key->pid, key->exec },
					      key->user, frames + row->frame_cnt);
	if (row->class == WAIT_LOCK && waits_for_work(row))
		row->class = WAIT_CONDITION;
}

/* Tells the totals with this mark, 0: of all tasks. */
static void report_fill(struct stacks *s, u32 watch, struct stack_report *ret)
{
	const struct stacks_state *state = kernel_waits_state(s->waits);
	size_t cnt;
	struct wait_total *totals = kernel_waits_totals(s->waits, &cnt);

	*ret = (struct stack_report){
		.rows = s->rows,
		.lost_cnt = state->lost_cnt,
		.lost_ns = state->lost_ns,
		.stacks_lost = state->stacks_lost,
	};
	cnt = totals_merge(s, totals, cnt, watch);
	qsort(totals, cnt, sizeof(*totals), by_blocked);
	for (size_t i = 0; i < cnt; i++) {
		const struct sleeper *p = sleeper_get(s, totals[i].key.kernel);
		enum wait_class class = class_find(&totals[i].key, p);

		if (ret->cnt < STACK_ROWS) {
			row_fill(s, &s->rows[ret->cnt], &totals[i], p);
			class = s->rows[ret->cnt++].class;
		}
		ret->class_ns[class] += totals[i].value.blocked_ns;
	}
	sleepers_clear(s);
	ret->pending = names_pending(s->names);
	ret->kernel_error = names_kernel_error(s->names);
}

/* What was read last tells it all until the rest is over. 0 or negative errno. */
static int waits_read(struct stacks *s, u64 now_ns)
{
	u64 before = thread_cpu_ns();
	int err = kernel_waits_read(s->waits, now_ns);

	names_reading(s->names, now_ns);
	s->rest_ns = err ? 0 : now_ns + (thread_cpu_ns() - before) * REST_FACTOR;
	return err;
}

void stacks_tick(struct stacks *s, u64 now_ns)
{
	u64 before = thread_cpu_ns();
	struct stack_report report;

	if (now_ns >= s->rest_ns && !waits_read(s, now_ns)) {
		report_fill(s, 0, &report); /* asks for the names */
		s->rest_ns = now_ns + (thread_cpu_ns() - before) * REST_FACTOR;
	}
	names_tick(s->names, now_ns);
}

int stacks_read(struct stacks *s, u32 watch, bool last, struct stack_report *ret)
{
	u64 now_ns = clock_now_ns();
	int err = last || now_ns >= s->rest_ns ? waits_read(s, now_ns) : 0;

	if (err)
		return err;
	report_fill(s, watch, ret);
	names_tick(s->names, now_ns);
	return 0;
}

void stacks_forget(struct stacks *s, u32 watch)
{
	kernel_waits_forget(s->waits, watch);
}

struct stacks *stacks_open(const struct probe_set *set, struct worker *worker, char *error,
			   size_t error_size)
{
	struct stacks *s = calloc(1, sizeof(*s));

	snprintf(error, error_size, "there is no memory");
	if (!s)
		return NULL;
	s->names = names_new(worker);
	s->waits = s->names ? kernel_waits_open(set, worker, error, error_size) : NULL;
	if (s->waits)
		return s;
	stacks_close(s);
	return NULL;
}

void stacks_close(struct stacks *s)
{
	if (!s)
		return;
	kernel_waits_close(s->waits);
	names_free(s->names);
	free(s);
}
