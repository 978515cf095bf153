// SPDX-License-Identifier: BSD-3-Clause
#include "attach/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/calls.h"
#include "attach/values.h"
#include "lib/loop.h"
#include "metric/hist.h"
#include "probe/probe.h"
#include "probe/syscall_names.h"

#define FILES_SHOWN 20

static u64 errno_of(unsigned index)
{
	return index < ATTACH_ERRNO ? index : ATTACH_RESTART + index - ATTACH_ERRNO;
}

/* --- one call */

void summary_object_add(json_t *o, const struct attach_event *e)
{
	char path[DETAILS_PATH], peer[64];

	details_path(e, path);
	values_remote(&e->ends, peer, sizeof(peer));
	if (*path)
		json_object_set_new(o, "file", values_text_n(path, sizeof(path)));
	if (*path && e->object == ATTACH_FILE && e->offset <= INT64_MAX / 2 &&
	    call_file_operation((unsigned)e->call) &&
	    strcmp(call_file_operation((unsigned)e->call), "open") != 0)
		json_object_set_new(o, "offset_bytes", values_integer(e->offset));
	if (*peer)
		json_object_set_new(o, "peer", json_string(peer));
	if (e->object == ATTACH_SOCKET && e->ends.local_port)
		json_object_set_new(o, "local_port", values_integer(e->ends.local_port));
}

void summary_result_add(json_t *o, s64 ret)
{
	char name[32];

	if (ret < 0 && ret > -4096) {
		label_errno((u64)-ret, name, sizeof(name));
		json_object_set_new(o, "errno", json_string(name));
	} else {
		json_object_set_new(o, "result", json_integer(ret));
	}
}

/* --- the table of calls */

static void errno_name(unsigned index, char *ret, size_t size)
{
	if (index == ATTACH_ERRNO_MAX - 1)
		snprintf(ret, size, "other");
	else
		label_errno(errno_of(index), ret, size);
}

/* For qsort_r(). */
static int by_errors(const void *a, const void *b, void *call)
{
	const struct attach_call *c = call;
	u64 x = c->errors[*(const unsigned *)a], y = c->errors[*(const unsigned *)b];

	return (x < y) - (x > y);
}

/* The most frequent first. */
static json_t *errors_json(const struct attach_call *c, u64 *total)
{
	unsigned kinds[ATTACH_ERRNO_MAX], cnt = 0;
	json_t *errors = json_object();
	char name[32];

	*total = 0;
	for (unsigned i = 0; i < ATTACH_ERRNO_MAX; i++)
		if (c->errors[i])
			kinds[cnt++] = i;
	qsort_r(kinds, cnt, sizeof(*kinds), by_errors, (void *)c);
	for (unsigned i = 0; i < cnt; i++) {
		errno_name(kinds[i], name, sizeof(name));
		json_object_set_new(errors, name, values_integer(c->errors[kinds[i]]));
		*total += c->errors[kinds[i]];
	}
	return errors;
}

/* Of a bucket, the upper part may be above all that is in it. */
static void quantile_add(json_t *o, const char *key, const struct hist *h, double q, u64 max_ns)
{
	double value = hist_quantile(h, q), max = (double)max_ns / 1e9;

	json_object_set_new(o, key,
			    isnan(value) ? json_null() : json_real(value < max ? value : max));
}

static u64 call_count(const struct attach_call *c)
{
	return c->untimed + (c->hist.sum_ns ? hist_count(&c->hist) : 0);
}

static json_t *call_json(const struct attach_call *c, unsigned nr,
			 const struct attach_event *longest)
{
	json_t *o = json_object(), *slowest = json_object(), *errors;
	u64 total, away = c->away_ns < c->hist.sum_ns ? c->away_ns : c->hist.sum_ns;
	u64 max_ns = longest && longest->ns > c->longest_ns ? longest->ns : c->longest_ns;

	errors = errors_json(c, &total);
	json_object_set_new(o, "call", json_string(call_name(nr)));
	json_object_set_new(o, "calls_total", values_integer(call_count(c)));
	json_object_set_new(o, "errors_total", values_integer(total));
	json_object_set_new(o, "errors", errors);
	json_object_set_new(o, "wall_seconds", values_seconds(c->hist.sum_ns));
	json_object_set_new(o, "cpu_seconds", values_seconds(c->hist.sum_ns - away));
	quantile_add(o, "p50_seconds", &c->hist, 0.5, max_ns);
	quantile_add(o, "p99_seconds", &c->hist, 0.99, max_ns);
	json_object_set_new(o, "max_seconds",
			    json_is_null(json_object_get(o, "p50_seconds"))
				    ? json_null() /* none was seen from its begin to its end */
				    : values_seconds(max_ns));
	if (longest)
		summary_object_add(slowest, longest);
	json_object_set_new(o, "slowest", slowest);
	return o;
}

static const struct attach_call *sorted_calls;

static int by_wall(const void *a, const void *b)
{
	const struct attach_call *x = &sorted_calls[*(const u16 *)a],
				 *y = &sorted_calls[*(const u16 *)b];

	if (x->hist.sum_ns != y->hist.sum_ns)
		return x->hist.sum_ns < y->hist.sum_ns ? 1 : -1;
	return x->untimed < y->untimed ? 1 : x->untimed > y->untimed ? -1 : 0;
}

static json_t *calls_json(const struct summary *s)
{
	const struct attach_call *calls = s->attachment->calls;
	json_t *list = json_array();
	u16 order[SYSCALLS] = { 0 };
	unsigned cnt = 0;

	for (unsigned nr = 0; nr < SYSCALLS; nr++)
		if (call_count(&calls[nr]))
			order[cnt++] = (u16)nr;
	sorted_calls = calls;
	qsort(order, cnt, sizeof(*order), by_wall);
	for (unsigned i = 0; i < cnt; i++)
		json_array_append_new(list, call_json(&calls[order[i]], order[i],
						      s->details->longest[order[i]]));
	return list;
}

/* --- the last calls */

static int by_end(const void *a, const void *b)
{
	u64 x = (*(const struct attach_last *const *)a)->end_ns,
	    y = (*(const struct attach_last *const *)b)->end_ns;

	return (x < y) - (x > y);
}

static json_t *last_json(const struct attach_last *l, u64 end_ns)
{
	json_t *o = json_object(), *args = json_array();

	json_object_set_new(o, "before_end_seconds",
			    values_seconds(end_ns > l->end_ns ? end_ns - l->end_ns : 0));
	json_object_set_new(o, "pid", values_integer(l->pid));
	json_object_set_new(o, "tid", values_integer(l->tid));
	json_object_set_new(o, "call",
			    l->call < 0 ? json_null() : json_string(call_name((u64)l->call)));
	json_object_set_new(o, "duration_seconds", values_seconds(l->ns));
	for (unsigned i = 0; i < ATTACH_ARGS; i++)
		json_array_append_new(args, json_integer((json_int_t)l->args[i]));
	json_object_set_new(o, "arguments", args);
	json_object_set_new(o, "returned", json_boolean(!l->died));
	if (!l->died)
		summary_result_add(o, l->ret);
	return o;
}

/* The last calls of all CPUs, the last one last. */
static json_t *lasts_json(const struct attachment *a)
{
	u32 cnt = 0, all = a->cpus * ATTACH_LAST;
	const struct attach_last **order = calloc(all, sizeof(*order));
	json_t *list = json_array();

	if (!order)
		return list;
	for (u32 i = 0; i < all; i++)
		if (a->lasts[i].end_ns)
			order[cnt++] = &a->lasts[i];
	qsort(order, cnt, sizeof(*order), by_end);
	for (u32 i = cnt < ATTACH_LAST ? cnt : ATTACH_LAST; i-- > 0;)
		json_array_append_new(list, last_json(order[i], a->state->end_ns));
	free(order);
	return list;
}

/* --- everything else */

/* Threads are looked at while they run: what they tell meanwhile may be in neither or in both. */
void summary_look(struct summary_sums *s, const struct attachment *a)
{
	const u64 *told = (const u64 *)&a->state->sums, *now = (const u64 *)&a->state->now;
	u64 *sums = (u64 *)&s->sums;

	for (size_t i = 0; i < sizeof(s->sums) / sizeof(*sums); i++)
		if (told[i] + now[i] > sums[i] || !a->state->thread_cnt)
			sums[i] = told[i] + now[i];
	s->at_ns = clock_now_ns();
}

/* The kernel samples which of it is the program's own, and scales that as getrusage(2) does. */
static void cpu_add(json_t *doc, const struct attach_sums *sums)
{
	const struct attach_usage *u = &sums->usage;
	double sampled = (double)u->user_ns + (double)u->system_ns;
	u64 user_ns = sampled > 0 ? (u64)((double)sums->cpu_ns * (double)u->user_ns / sampled) : 0;

	json_object_set_new(doc, "cpu_user_seconds", values_seconds(user_ns));
	json_object_set_new(doc, "cpu_system_seconds", values_seconds(sums->cpu_ns - user_ns));
	json_object_set_new(doc, "context_switches",
			    json_pack("{s:o, s:o}", "voluntary_total", values_integer(u->voluntary),
				      "involuntary_total", values_integer(u->involuntary)));
}

static void time_add(json_t *doc, const struct attach_sums *sums)
{
	json_t *blocked = json_object();

	for (unsigned wait = 0; wait < ATTACH_WAITS; wait++) {
		char key[32];

		snprintf(key, sizeof(key), "%s_seconds", wait_name(wait));
		json_object_set_new(blocked, key, values_seconds(sums->wait_ns[wait]));
	}
	json_object_set_new(doc, "cpu_seconds", values_seconds(sums->cpu_ns));
	cpu_add(doc, sums);
	json_object_set_new(doc, "run_queue_wait_seconds", values_seconds(sums->run_queue_ns));
	json_object_set_new(doc, "blocked", blocked);
}

static json_t *files_json(const struct details *d)
{
	const struct slow_file *files[FILES_SHOWN];
	unsigned cnt = details_files(d, files, FILES_SHOWN);
	json_t *list = json_array();

	for (unsigned i = 0; i < cnt; i++) {
		const struct slow_file *f = files[i];
		const char *path = f->key + strlen(f->operation) + 1;

		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "operation",
						      f->operation, "file",
						      values_text_n(path, strlen(path)),
						      "calls_total", values_integer(f->cnt),
						      "wall_seconds", values_seconds(f->sum_ns),
						      "max_seconds", values_seconds(f->longest_ns),
						      "size_bytes", values_integer(f->bytes)));
	}
	return list;
}

static json_t *processes_json(const struct attach_state *s)
{
	json_t *exits = json_object(), *killed = json_object();
	char key[16];
	u64 ended = 0;

	for (unsigned i = 0; i < ATTACH_EXIT_CODES; i++) {
		ended += s->exits[i];
		snprintf(key, sizeof(key), "%u", i);
		if (s->exits[i])
			json_object_set_new(exits, key, values_integer(s->exits[i]));
	}
	for (unsigned i = 0; i < ATTACH_SIGNALS; i++) {
		const char *name = sigabbrev_np((int)i);

		ended += s->killed[i];
		snprintf(key, sizeof(key), "SIG%s", name ?: "?");
		if (!name)
			snprintf(key, sizeof(key), "%u", i);
		if (s->killed[i])
			json_object_set_new(killed, key, values_integer(s->killed[i]));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "started_total",
			 values_integer(s->forks), "threads_started_total",
			 values_integer(s->threads), "ended_total", values_integer(ended),
			 "exit_status", exits, "killed_by", killed, "running",
			 values_integer(s->process_cnt), "threads_running",
			 values_integer(s->thread_cnt));
}

/* /proc tells what a descriptor is without asking the file system. */
static json_t *descriptor_json(u32 pid, u64 fd)
{
	char link[64], path[512];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%u/fd/%llu", pid, (unsigned long long)fd);
	n = readlink(link, path, sizeof(path) - 1);
	return n < 0 ? NULL : values_text_n(path, (size_t)n);
}

static json_t *underway_json(const struct attach_state *s, u64 now_ns)
{
	unsigned cnt = s->underway_cnt < ATTACH_UNDERWAY ? s->underway_cnt : ATTACH_UNDERWAY;
	json_t *list = json_array();
	u16 flags[SYSCALLS];

	calls_describe(flags);
	for (unsigned i = 0; i < cnt; i++) {
		const struct attach_underway *u = &s->underway[i];
		u64 since_ns = u->since_ns ?: s->begin_ns;
		json_t *o = json_object();

		json_object_set_new(o, "pid", values_integer(u->pid));
		json_object_set_new(o, "tid", values_integer(u->tid));
		json_object_set_new(o, "command", values_text_n(u->comm, sizeof(u->comm)));
		json_object_set_new(o, "call", json_string(call_name((u64)u->call)));
		json_object_set_new(o, "waits_for", json_string(wait_name(u->wait)));
		json_object_set_new(o, "duration_seconds",
				    values_seconds(now_ns > since_ns ? now_ns - since_ns : 0));
		json_object_set_new(o, "since_before", json_boolean(!u->since_ns));
		if (u->call < SYSCALLS && flags[u->call] & ATTACH_FD)
			json_object_set_new(o, "file",
					    descriptor_json(u->pid, u->args[0]) ?: json_null());
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *target_json(const struct summary *s)
{
	const struct attach_state *state = s->attachment->state;
	json_t *o = json_object();

	json_object_set_new(o, "pid", values_integer((u64)s->target->pid));
	json_object_set_new(o, "command",
			    *state->comm ? values_text_n(state->comm, sizeof(state->comm))
					 : values_text_n(s->target->comm, sizeof(s->target->comm)));
	json_object_set_new(o, "service",
			    s->service ? values_text_n(s->service, 512) : json_null());
	json_object_set_new(o, "pid_inside",
			    s->target->inside ? values_integer((u64)s->target->inside)
					      : json_null());
	json_object_set_new(o, "ended", json_boolean(state->ended));
	if (state->ended && state->exit_code & 0x7f)
		json_object_set_new(o, "signal", values_integer(state->exit_code & 0x7f));
	else if (state->ended)
		json_object_set_new(o, "exit_status", values_integer(state->exit_code >> 8 & 0xff));
	return o;
}

void summary_add(json_t *doc, const struct summary *s)
{
	const struct attach_state *state = s->attachment->state;
	u64 end_ns = state->ended ? state->end_ns : s->sums->at_ns,
	    page = (u64)sysconf(_SC_PAGESIZE);
	u64 elapsed_ns = state->begin_ns && end_ns > state->begin_ns ? end_ns - state->begin_ns : 0;

	json_object_set_new(doc, "process", target_json(s));
	json_object_set_new(doc, "elapsed_seconds", values_seconds(elapsed_ns));
	time_add(doc, &s->sums->sums);
	json_object_set_new(doc, "calls", calls_json(s));
	json_object_set_new(doc, "calls_since_before_total", values_integer(state->since_before));
	json_object_set_new(doc, "under_way", underway_json(state, s->sums->at_ns));
	json_object_set_new(doc, "under_way_total", values_integer(state->underway_cnt));
	json_object_set_new(doc, "files", files_json(s->details));
	json_object_set_new(doc, "files_above_seconds", values_seconds(state->file_ns));
	json_object_set_new(doc, "processes", processes_json(state));
	json_object_set_new(
		doc, "memory",
		json_pack("{s:o, s:o, s:o, s:o, s:o}", "resident_bytes",
			  values_integer(s->resident_pages * page), "resident_before_bytes",
			  values_integer(s->target->resident_pages * page), "resident_max_bytes",
			  values_integer(state->resident_pages * page), "minor_faults_total",
			  values_integer(s->sums->sums.usage.minor_faults), "major_faults_total",
			  values_integer(s->sums->sums.usage.major_faults)));
	if (state->ended)
		json_object_set_new(doc, "last_calls", lasts_json(s->attachment));
	json_object_set_new(doc, "lost",
			    json_pack("{s:o, s:o, s:o, s:o}", "tasks_total",
				      values_integer(state->tasks_lost), "events_total",
				      values_integer(state->events_lost), "files_total",
				      values_integer(s->details->files_lost), "missed_total",
				      values_integer(s->attachment->missed)));
}
