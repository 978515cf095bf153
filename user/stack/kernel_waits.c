// SPDX-License-Identifier: BSD-3-Clause
#define HASH_NONFATAL_OOM 1
#include "stack/kernel_waits.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "probe/hook.h"
#include "probe/loader.h"
#include "stack/walk.h"

PROBE_ELF(stacks);

static const struct probe probe_stacks = {
	.name = "stacks",
	.elf = &stacks_elf,
	.mode = PROBE_MODE_ON,
	.hooks =
		(const struct hook[]){
			{ { TRACEPOINT("off_cpu") }, .purpose = "where tasks wait" },
			{ { TRACEPOINT("waking") },
			  .optional = true,
			  .purpose = "who wakes tasks, and waits for a CPU after that" },
			{ { "blocked_iter" },
			  .optional = true,
			  .purpose = "tasks that do not wake up" },
			{ .alt[0] = NULL },
		},
	.metrics = (const struct metric[]){ { .name = NULL } },
};

#define WALKS	 64 /* stacks followed in one job */
#define FULL	 (STACKS_WAITS / 4 * 3)
#define ROWS_MAX (2 * STACKS_WAITS)

struct row {
	struct wait_total total;
	UT_hash_handle hh;
};

struct stack {
	u64 key;
	struct stack_trace trace;
	UT_hash_handle hh;
};

struct used {
	u64 key;
	UT_hash_handle hh;
};

/* Tasks whose stacks in the program the worker follows. It outlives its owner if the worker hangs. */
struct walks {
	struct job job;
	struct kernel_waits *owner; /* NULL: nobody waits for it any more; the loop's alone */
	struct {
		u32 tid;
		struct wait_now wait;
		struct stack_trace trace;
	} list[WALKS];
	size_t cnt;
};

struct kernel_waits {
	struct probe_extra extra;
	struct hook_run *scan;
	struct stacks_state *state;
	int waits_fd, now_fd, stacks_fd;
	struct worker *worker;
	struct walks *walks, *walks_next; /* under way, being collected; NULL: none */
	u64 now_ns;			  /* of this reading */
	struct row *rows, *by_key;	  /* room for ROWS_MAX; those of the last reading */
	size_t row_cnt;
	struct wait_total *totals;
	struct row *ended;    /* of processes that have ended, no longer in the kernel's table */
	u64 removed;	      /* rows that were taken from there */
	struct stack *stacks; /* seen so far */
	u32 forget;	      /* this mark, while that goes on */
	struct used *used;    /* while unused ones are looked for */
	u64 unused[STACKS_MAX];
	size_t unused_cnt;
};

/* --- rows */

static struct row *row_get(struct kernel_waits *k, const struct wait_key *key)
{
	struct row *r;

	HASH_FIND(hh, k->by_key, key, sizeof(*key), r);
	if (r || k->row_cnt == ROWS_MAX)
		return r;
	r = &k->rows[k->row_cnt++];
	*r = (struct row){ .total.key = *key };
	HASH_ADD(hh, k->by_key, total.key, sizeof(*key), r);
	return r;
}

static void value_add(struct wait_value *to, const struct wait_value *from)
{
	/* threads with different names may have had a number one after the other, or have none any more */
	if (!to->cnt)
		memcpy(to->waker_comm, from->waker_comm, sizeof(to->waker_comm));
	else if (memcmp(to->waker_comm, from->waker_comm, sizeof(to->waker_comm)) != 0)
		*to->waker_comm = '\0';
	to->cnt += from->cnt;
	to->blocked_ns += from->blocked_ns;
	to->cpu_wait_ns += from->cpu_wait_ns;
	if (from->longest_ns > to->longest_ns)
		to->longest_ns = from->longest_ns;
}

void wait_total_add(struct wait_total *to, const struct wait_total *from)
{
	value_add(&to->value, &from->value);
	to->unfinished_ns += from->unfinished_ns;
	to->before |= from->before;
}

static void wait_take(void *ctx, const void *key, const void *value)
{
	struct kernel_waits *k = ctx;
	struct row *r = row_get(k, key);

	if (r)
		value_add(&r->total.value, value);
}

/* Its stack in the program has yet to be followed. */
static void walk_note(struct walks *walks, u32 tid, const struct wait_now *w)
{
	if (!walks || !w->before || w->key.user || walks->cnt == WALKS)
		return;
	walks->list[walks->cnt].tid = tid;
	walks->list[walks->cnt++].wait = *w;
}

/* One that lasts yet: where there are scans, only if the last one has seen it. */
static void now_take(void *ctx, const void *key, const void *value)
{
	struct kernel_waits *k = ctx;
	const struct wait_now *w = value;
	u64 blocked = k->now_ns > w->since_ns ? k->now_ns - w->since_ns : 0;
	const struct wait_value last = { .cnt = 1, .blocked_ns = blocked, .longest_ns = blocked };
	struct row *r;

	if (w->woken_ns || (k->scan->link && w->scan != k->state->scan))
		return;
	r = row_get(k, &w->key);
	if (!r)
		return;
	value_add(&r->total.value, &last);
	r->total.unfinished_ns += blocked;
	r->total.before |= w->before;
	walk_note(k->walks_next, *(const u32 *)key, w);
}

/* --- stacks of programs that tasks were in before they were watched */

static void walks_work(struct job *job)
{
	struct walks *walks = (struct walks *)job;

	for (size_t i = 0; i < walks->cnt; i++) {
		stack_walk(walks->list[i].tid, &walks->list[i].wait, &walks->list[i].trace);
	}
}

/*
 * Gives the wait the stack, unless it has ended. If it is woken at this very moment the waker is lost; the next wait of the
 * task is another entry.
 */
static void walk_take(struct kernel_waits *k, u32 tid, const struct wait_now *before,
		      const struct stack_trace *trace)
{
	u64 key = stack_key(trace);
	struct wait_now w;

	if (bpf_map_lookup_elem(k->now_fd, &tid, &w) || w.since_ns != before->since_ns ||
	    w.woken_ns || bpf_map_update_elem(k->stacks_fd, &key, trace, BPF_ANY))
		return;
	w.key.user = key;
	bpf_map_update_elem(k->now_fd, &tid, &w, BPF_EXIST);
}

static void walks_done(struct job *job)
{
	struct walks *walks = (struct walks *)job;
	struct kernel_waits *k = walks->owner;

	for (size_t i = 0; k && !job->dropped && i < walks->cnt; i++)
		walk_take(k, walks->list[i].tid, &walks->list[i].wait, &walks->list[i].trace);
	if (k)
		k->walks = NULL;
	free(walks);
}

static void walks_begin(struct kernel_waits *k)
{
	struct walks *walks = k->walks_next;

	k->walks_next = NULL;
	if (walks && walks->cnt && !worker_add(k->worker, &walks->job))
		k->walks = walks;
	else
		free(walks);
}

static struct walks *walks_new(struct kernel_waits *k)
{
	struct walks *walks = k->worker && !k->walks ? calloc(1, sizeof(*walks)) : NULL;

	if (walks) {
		walks->job = (struct job){ .work = walks_work, .done = walks_done };
		walks->owner = k;
	}
	return walks;
}

/* --- what has ended makes room */

static bool process_ended(u32 pid)
{
	return kill((pid_t)pid, 0) && errno == ESRCH;
}

bool kernel_waits_waker_ended(const struct wait_key *key)
{
	return key->waker_pid && key->waker_pid != key->pid && process_ended(key->waker_pid);
}

/* The row that a moved one is added to, NULL: there is no room. */
static struct row *ended_get(struct kernel_waits *k, const struct wait_key *key)
{
	struct row *r;

	HASH_FIND(hh, k->ended, key, sizeof(*key), r);
	if (r || HASH_COUNT(k->ended) >= STACKS_WAITS)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->total.key = *key;
	HASH_ADD(hh, k->ended, total.key, sizeof(*key), r);
	if (r->hh.tbl)
		return r;
	free(r);
	return NULL;
}

/* Nobody adds to the row of a process that has ended, or was woken by one, so it can be moved without losing any. */
static void row_move(struct kernel_waits *k, const struct wait_total *total, bool ended)
{
	struct wait_key key = total->key;
	struct row *r;

	if (bpf_map_delete_elem(k->waits_fd, &key))
		return;
	k->removed++;
	key.waker_pid = key.waker_tid = 0;
	if (ended) {
		key.pid = key.exec = 0;
		key.user = 0;
	}
	r = ended_get(k, &key);
	if (r) {
		value_add(&r->total.value, &total->value);
		return;
	}
	k->state->lost_cnt += total->value.cnt;
	k->state->lost_ns += total->value.blocked_ns;
}

static void used_add(struct kernel_waits *k, u64 key)
{
	struct used *used;

	HASH_FIND(hh, k->used, &key, sizeof(key), used);
	used = used ? NULL : calloc(1, sizeof(*used));
	if (!used)
		return;
	used->key = key;
	HASH_ADD(hh, k->used, key, sizeof(key), used);
	if (!used->hh.tbl)
		free(used);
}

static void now_uses(void *ctx, const void *key, const void *value)
{
	struct kernel_waits *k = ctx;
	const struct wait_now *w = value;

	(void)key;
	used_add(k, w->key.kernel);
	used_add(k, w->key.user);
}

static void wait_uses(void *ctx, const void *key, const void *value)
{
	struct kernel_waits *k = ctx;
	const struct wait_key *w = key;

	(void)value;
	used_add(k, w->kernel);
	used_add(k, w->user);
}

static bool is_used(const struct kernel_waits *k, u64 key)
{
	struct used *used;

	HASH_FIND(hh, k->used, &key, sizeof(key), used);
	return used;
}

static void unused_note(void *ctx, const void *key, const void *value)
{
	struct kernel_waits *k = ctx;
	(void)value;
	if (!is_used(k, *(const u64 *)key) && k->unused_cnt < STACKS_MAX)
		k->unused[k->unused_cnt++] = *(const u64 *)key;
}

/*
 * Stacks that nothing refers to any more leave the kernel's table. One that a task has found there at this moment, and has not
 * noted yet, is told without its frames, unless it is known here.
 */
static void stacks_prune(struct kernel_waits *k)
{
	struct stack *stack, *next;
	struct used *used, *next_used;
	int err = table_each(k->now_fd, sizeof(u32), sizeof(struct wait_now), now_uses, k);

	k->unused_cnt = 0;
	err = err
		      ?: table_each(k->waits_fd, sizeof(struct wait_key), sizeof(struct wait_value),
				    wait_uses, k);
	err = err
		      ?: table_each(k->stacks_fd, sizeof(u64), sizeof(struct stack_trace),
				    unused_note, k);
	for (size_t i = 0; !err && i < k->unused_cnt; i++)
		bpf_map_delete_elem(k->stacks_fd, &k->unused[i]);
	HASH_ITER(hh, k->stacks, stack, next)
		if (!err && HASH_COUNT(k->stacks) > STACKS_MAX && !is_used(k, stack->key)) {
			HASH_DEL(k->stacks, stack);
			free(stack);
		}
	HASH_ITER(hh, k->used, used, next_used) {
		HASH_DEL(k->used, used);
		free(used);
	}
}

static void make_room(struct kernel_waits *k)
{
	for (size_t i = 0; i < k->row_cnt; i++) {
		const struct wait_total *total = &k->rows[i].total;
		bool ended = process_ended(total->key.pid);

		if (!total->key.pid || total->unfinished_ns)
			continue;
		if (ended || kernel_waits_waker_ended(&total->key))
			row_move(k, total, ended);
	}
	stacks_prune(k);
}

/* --- reading */

static int read_all(struct kernel_waits *k)
{
	struct row *r, *next;
	int err;

	HASH_CLEAR(hh, k->by_key);
	k->row_cnt = 0;
	HASH_ITER(hh, k->ended, r, next)
		wait_take(k, &r->total.key, &r->total.value);
	err = table_each(k->waits_fd, sizeof(struct wait_key), sizeof(struct wait_value), wait_take,
			 k);
	k->walks_next = walks_new(k);
	err = err ?: table_each(k->now_fd, sizeof(u32), sizeof(struct wait_now), now_take, k);
	walks_begin(k);
	return err;
}

int kernel_waits_read(struct kernel_waits *k, u64 now_ns)
{
	int err;

	k->now_ns = now_ns;
	k->state->scan++;
	err = hook_iterate(k->scan);
	err = err ?: read_all(k);
	if (!err && k->state->waits - k->removed > FULL)
		make_room(k);
	return err;
}

struct wait_total *kernel_waits_totals(struct kernel_waits *k, size_t *ret_cnt)
{
	for (size_t i = 0; i < k->row_cnt; i++)
		k->totals[i] = k->rows[i].total;
	*ret_cnt = k->row_cnt;
	return k->totals;
}

const struct stack_trace *kernel_waits_stack(struct kernel_waits *k, u64 key)
{
	struct stack *stack;

	HASH_FIND(hh, k->stacks, &key, sizeof(key), stack);
	if (stack || !key)
		return stack ? &stack->trace : NULL;
	stack = calloc(1, sizeof(*stack));
	if (!stack || bpf_map_lookup_elem(k->stacks_fd, &key, &stack->trace) ||
	    stack->trace.cnt > STACK_DEPTH) {
		free(stack);
		return NULL;
	}
	stack->key = key;
	HASH_ADD(hh, k->stacks, key, sizeof(key), stack);
	if (stack->hh.tbl)
		return &stack->trace;
	free(stack);
	return NULL;
}

const struct stacks_state *kernel_waits_state(const struct kernel_waits *k)
{
	return k->state;
}

/* Nobody has this mark any more: these tasks do not come back to end their waits. */
static void now_forget(void *ctx, const void *key, const void *value)
{
	struct kernel_waits *k = ctx;
	const struct wait_now *w = value;

	if (w->key.watch == k->forget)
		bpf_map_delete_elem(k->now_fd, key);
}

void kernel_waits_forget(struct kernel_waits *k, u32 watch)
{
	struct row *r, *next;

	k->forget = watch;
	if (table_each(k->now_fd, sizeof(u32), sizeof(struct wait_now), now_forget, k) ||
	    read_all(k))
		return;
	for (size_t i = 0; i < k->row_cnt; i++) {
		const struct wait_key *key = &k->rows[i].total.key;

		if (key->watch == watch && !bpf_map_delete_elem(k->waits_fd, key))
			k->removed++;
	}
	HASH_ITER(hh, k->ended, r, next)
		if (r->total.key.watch == watch) {
			HASH_DEL(k->ended, r);
			free(r);
		}
	stacks_prune(k);
}

/* --- life */

static int tables_find(struct kernel_waits *k)
{
	struct probe_run *run = &k->extra.run;

	k->scan = probe_hook(run, "blocked_iter");
	k->state = probe_global(run, "state", sizeof(*k->state));
	k->waits_fd = bpf_object__find_map_fd_by_name(run->object, "waits");
	k->now_fd = bpf_object__find_map_fd_by_name(run->object, "waits_now");
	k->stacks_fd = bpf_object__find_map_fd_by_name(run->object, "stacks");
	return k->state ? 0 : -ENOMEM;
}

struct kernel_waits *kernel_waits_open(const struct probe_set *set, struct worker *worker,
				       char *error, size_t error_size)
{
	struct kernel_waits *k = calloc(1, sizeof(*k));
	int err = -ENOMEM;

	if (!k)
		return NULL;
	k->worker = worker;
	k->rows = calloc(ROWS_MAX, sizeof(*k->rows));
	k->totals = calloc(ROWS_MAX, sizeof(*k->totals));
	if (k->rows && k->totals)
		err = probe_extra_start(&k->extra, set, &probe_stacks);
	err = err ?: tables_find(k);
	if (!err)
		return k;
	snprintf(error, error_size, "%s",
		 *k->extra.run.error ? k->extra.run.error : kernel_reason(err));
	kernel_waits_close(k);
	return NULL;
}

void kernel_waits_close(struct kernel_waits *k)
{
	struct row *r, *next;
	struct stack *stack, *next_stack;

	if (!k)
		return;
	probe_extra_stop(&k->extra);
	if (k->walks)
		k->walks->owner = NULL;
	HASH_ITER(hh, k->ended, r, next) {
		HASH_DEL(k->ended, r);
		free(r);
	}
	HASH_ITER(hh, k->stacks, stack, next_stack) {
		HASH_DEL(k->stacks, stack);
		free(stack);
	}
	HASH_CLEAR(hh, k->by_key);
	free(k->rows);
	free(k->totals);
	free(k);
}
