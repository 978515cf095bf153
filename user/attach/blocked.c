// SPDX-License-Identifier: BSD-3-Clause
#include "attach/blocked.h"

#include <errno.h>
#include <string.h>

#include "attach/values.h"
#include "probe/syscall_names.h"
#include "stack/stacks.h"

#define ROWS_SHOWN   20
#define FRAMES_SHOWN 32

static json_t *frame_json(const struct stack_frame *f)
{
	const char *known = f->name ? f->name->function : NULL,
		   *file = f->name ? f->name->file : NULL;
	json_t *o = json_object();

	json_object_set_new(o, "function", known && *known ? values_text(known) : json_null());
	json_object_set_new(o, "file", file && *file ? values_text(file) : json_null());
	json_object_set_new(o, "kernel", json_boolean(f->kernel));
	if (!known)
		json_object_set_new(o, "address", json_integer((json_int_t)f->address));
	return o;
}

static const char *const wakers[] = {
	[WAKER_UNKNOWN] = "unknown",
	[WAKER_TASK] = "thread",
	[WAKER_KERNEL] = "kernel_thread",
	[WAKER_INTERRUPT] = "interrupt",
};

static json_t *waker_json(const struct stack_row *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "kind", json_string(wakers[r->waker]));
	if (*r->waker_comm)
		json_object_set_new(o, "command", values_text(r->waker_comm));
	if (r->waker_pid)
		json_object_set_new(o, "pid", json_integer(r->waker_pid));
	if (r->waker_tid)
		json_object_set_new(o, "tid", json_integer(r->waker_tid));
	return o;
}

static json_t *row_json(const struct stack_row *r)
{
	const char *call = r->call >= 0 ? syscall_name((u64)r->call) ?: "other" : NULL;
	json_t *o = json_object(), *frames = json_array();

	for (unsigned i = 0; i < r->frame_cnt && i < FRAMES_SHOWN; i++)
		json_array_append_new(frames, frame_json(&r->frames[i]));
	json_object_set_new(o, "waits_for", json_string(wait_class_name(r->class)));
	json_object_set_new(o, "pid", json_integer(r->pid));
	json_object_set_new(o, "call", call ? json_string(call) : json_null());
	json_object_set_new(o, "waits_total", json_integer((json_int_t)r->cnt));
	json_object_set_new(o, "blocked_seconds", values_seconds(r->blocked_ns));
	json_object_set_new(o, "longest_seconds", values_seconds(r->longest_ns));
	json_object_set_new(o, "run_queue_wait_seconds", values_seconds(r->cpu_wait_ns));
	json_object_set_new(o, "since_before", json_boolean(r->before));
	json_object_set_new(o, "waker", waker_json(r));
	json_object_set_new(o, "frames", frames);
	return o;
}

/* A thread that waits for another one to have work for it, by a condition variable, waits for no lock: only its stack tells. */
static void conditions_split(json_t *blocked, u64 condition_ns)
{
	double lock = json_number_value(json_object_get(blocked, "lock_seconds"));
	double condition = (double)condition_ns / 1e9;

	if (condition > lock)
		condition = lock;
	json_object_set_new(blocked, "lock_seconds", json_real(lock - condition));
	json_object_set_new(blocked, "condition_seconds", json_real(condition));
}

void blocked_add(json_t *doc, struct stacks *stacks, u32 watch, bool last, const char *error)
{
	json_t *list = json_array();
	struct stack_report report = { 0 };
	int err = stacks ? stacks_read(stacks, watch, last, &report) : -ENODEV;

	for (unsigned i = 0; !err && i < report.cnt && i < ROWS_SHOWN; i++)
		json_array_append_new(list, row_json(&report.rows[i]));
	json_object_set_new(doc, "blocked_in", list);
	conditions_split(json_object_get(doc, "blocked"), report.class_ns[WAIT_CONDITION]);
	json_object_set_new(doc, "blocked_in_lost_total",
			    json_integer((json_int_t)report.lost_cnt));
	json_object_set_new(doc, "blocked_in_pending_total", json_integer(report.pending));
	if (err)
		json_object_set_new(doc, "blocked_in_error",
				    json_string(stacks ? strerror(-err) : error));
	else if (report.kernel_error)
		json_object_set_new(doc, "blocked_in_error", json_string(report.kernel_error));
}
